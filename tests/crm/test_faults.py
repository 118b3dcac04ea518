"""Pages for what goes wrong say what, in the reader's language, and where to go; nobody is left without a way."""

import gzip
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client, override_settings
from whitenoise import WhiteNoise

from crm.management.commands.up import collect_files
from tests.factories import user

pytestmark = pytest.mark.django_db
BROWSER = {"Accept": "text/html,*/*;q=0.8"}


def says(client: Client, method: str, path: str, *, status: int, words: str, **more) -> str:
    answer = client.generic(method, path, headers=BROWSER, **more)
    page = answer.content.decode()
    assert (answer.status_code, words in page) == (status, True), page
    return page


def test_whoever_is_signed_in_keeps_the_way_on(as_user, rep) -> None:
    client = as_user(rep)
    for page in (
        says(client, "GET", "/nowhere/", status=404, words="There is nothing here"),
        says(client, "GET", "/plans/new/", status=403, words="You may not do this"),
        says(client, "GET", "/settings/you/set/", status=405, words="This address only takes a form"),
    ):
        assert ('aria-label="Places"' in page, page.count("<h1>")) == (True, 1)
    assert 'aria-label="Places"' not in says(Client(), "GET", "/nowhere/", status=404, words="There is nothing here")


def test_the_pages_speak_the_language_of_the_reader(as_user) -> None:
    client = as_user(user("rep", language="ko"))
    page = says(client, "GET", "/nowhere/", status=404, words="여기에는 아무것도 없습니다")
    assert '<html lang="ko"' in page


def test_a_form_that_proves_nothing_is_told_what_to_do(rep) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(rep)
    words = "Go back, copy what you wrote, reload the page and send it once more."
    says(client, "POST", "/settings/you/", status=403, words=words)


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=100)
def test_what_is_too_big_is_told_so(rep) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(rep)
    client.get("/settings/keys/")  # sets the cookie
    form = {"data": "theme=" + 200 * "x", "content_type": "application/x-www-form-urlencoded"}
    says(client, "POST", "/settings/you/set/", status=413, words="This is more than can be taken at once", **form)


def test_programs_get_the_bare_refusal(as_user, rep) -> None:
    answer = as_user(rep).get("/settings/you/set/", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.content, answer["Allow"]) == (405, b"", "POST")


def test_a_session_that_ended_leads_back_to_the_page_and_not_to_the_form(client: Client) -> None:
    answer = client.post("/settings/you/set/", headers={"Referer": "http://testserver/accounts/?band=leaving"})
    there = urlsplit(answer["Location"])
    assert parse_qs(there.query) == {"ended": ["1"], "next": ["/accounts/?band=leaving"]}
    assert "Your session had ended before this could be done." in client.get(answer["Location"]).content.decode()
    elsewhere = client.post("/settings/you/set/", headers={"Referer": "https://evil.example/x"})
    assert parse_qs(urlsplit(elsewhere["Location"]).query)["next"] == ["/"]


def test_a_piece_that_was_asked_for_after_the_session_sends_the_whole_page_to_the_login(client: Client) -> None:
    page = "http://testserver/accounts/?band=leaving"
    answer = client.get("/accounts/bands/", headers={"HX-Request": "true", "HX-Current-URL": page})
    assert (answer.status_code, answer.content) == (204, b"")
    assert parse_qs(urlsplit(answer["HX-Redirect"]).query) == {"ended": ["1"], "next": ["/accounts/?band=leaving"]}


def test_pages_go_out_compressed_and_never_twice_at_the_same_length(as_user, rep) -> None:
    client = as_user(rep)
    answers = [client.get("/settings/keys/", headers={"Accept-Encoding": "gzip"}) for _n in range(12)]
    assert {answer["Content-Encoding"] for answer in answers} == {"gzip"}
    assert b"<h1>Keyboard</h1>" in gzip.decompress(answers[0].content)
    assert len({len(answer.content) for answer in answers}) > 1


def test_styles_and_scripts_are_served_from_compressed_copies_for_a_year(tmp_path: Path) -> None:
    storage = {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    with override_settings(STATIC_ROOT=tmp_path, STORAGES=settings.STORAGES | {"staticfiles": storage}):
        collect_files()
    name = next(path.name for path in tmp_path.glob("holdfast.????????????.js"))
    serve = WhiteNoise(None, root=tmp_path, prefix="static/", immutable_file_test=lambda path, url: name in url)
    found = serve.files[f"/static/{name}"].get_response("GET", {"HTTP_ACCEPT_ENCODING": "gzip, br"})
    headers = dict(found.headers)
    assert (headers["Content-Encoding"], "immutable" in headers["Cache-Control"]) == ("gzip", True)
    assert gzip.decompress(found.file.read()) == (settings.BASE_DIR / "static/holdfast.js").read_bytes()
