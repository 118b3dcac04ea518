"""What a person chooses about the pages follows the person, is written down, and is nobody else's."""

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from crm.audit.models import AuditRow
from crm.staff.actions import change_preferences
from crm.staff.models import User
from tests.factories import NOW, user

pytestmark = pytest.mark.django_db
CHOSEN = {
    "language": "ko", "time_zone": "Asia/Seoul", "place": "de_DE", "dates": "iso", "theme": "dark",
    "density": "compact",
}  # fmt: skip


def test_what_was_chosen_is_there_in_another_browser(as_user, rep) -> None:
    assert as_user(rep).post("/settings/you/", CHOSEN)["Location"] == "/settings/you/"
    elsewhere = Client()
    elsewhere.force_login(User.objects.get(pk=rep.pk))
    page = elsewhere.get("/settings/you/").content.decode()
    assert '<html lang="ko" data-theme="dark" data-density="compact">' in page
    assert '<meta name="color-scheme" content="dark">' in page
    assert "독일어 (독일), 1.240,50" in page


def test_the_record_names_what_changed_and_an_equal_choice_leaves_none(as_user, rep) -> None:
    client = as_user(rep)
    for _again in range(2):
        client.post("/settings/you/set/", {"theme": "dark", "next": "/settings/keys/"})
    rows = list(AuditRow.objects.filter(action="user.preferences_changed").values_list("actor_id", "before", "after"))
    assert rows == [(str(rep.pk), {"theme": "system"}, {"theme": "dark"})]


def test_a_choice_that_is_none_changes_nothing_and_the_others_count(as_user, rep) -> None:
    answer = as_user(rep).post(
        "/settings/you/set/", {"theme": '"><script>', "language": "xx", "density": "compact", "role": "system_admin"}
    )
    assert answer.status_code == 302
    now = User.objects.get(pk=rep.pk)
    assert (now.theme, now.language, now.density, now.role) == ("system", "en", "compact", "rep")


def test_nobody_chooses_for_somebody_else(rep, ops) -> None:
    with pytest.raises(PermissionDenied):
        change_preferences(rep, at=NOW, by=ops, theme="dark")
    with pytest.raises(TypeError):
        change_preferences(rep, at=NOW, by=rep, role="ops_admin")


def test_before_the_login_the_browser_keeps_language_and_appearance(as_user, rep) -> None:
    client = as_user(rep)
    client.post("/settings/you/set/", {"theme": "dark", "language": "ko"})
    client.post("/logout/")
    page = client.get("/nothing-here/", follow=True).content.decode()
    assert 'data-theme="dark" lang="ko"' in page
    client.cookies["theme"] = '"><script>'
    assert 'data-theme="system"' in client.get("/login/").content.decode()


def test_a_place_or_zone_that_nobody_knows_any_more_shows_pages_all_the_same(as_user) -> None:
    odd = user("rep", time_zone="Mars/Olympus", language="xx")
    assert as_user(odd).get("/settings/keys/").status_code == 200


def test_settings_are_found_by_their_words_and_only_those_that_may_be_opened(as_user, rep, ops) -> None:
    def found(who: User, q: str) -> list[str]:
        groups = as_user(who).get("/settings/", {"q": q}).context["groups"]
        return [word for _group, rows in groups for _url, word, _sentence in rows]

    assert found(ops, "FEATURES plan") == ["Plans"]
    assert found(ops, "keys") == ["Sources", "API keys"]
    assert found(rep, "which keys") == []
    assert found(ops, "write keys") == []
    assert found(ops, "which keys") == ["Sources"]
    page = as_user(rep).get("/settings/", {"q": "<zz>"}).content.decode()
    assert "No setting that you may open speaks of “&lt;zz&gt;”." in page


def test_the_keyboard_map_is_a_page_and_a_piece_of_one(as_user, rep) -> None:
    client = as_user(rep)
    page = client.get("/settings/keys/").content.decode()
    piece = client.get("/settings/keys/", headers={"HX-Request": "true"}).content.decode()
    assert page.count("<h1>") == 1
    assert "<html" not in piece
    assert piece.count("<kbd>") == 10 + 2 * 2  # the keys, and two for each place that is in use
