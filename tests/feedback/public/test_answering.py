"""The public page: shown without a trace, answered by its button, once per invitation."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.apps import apps
from django.core.signing import Signer
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django_q.models import OrmQ

from crm.audit.models import AuditRow
from crm.outbox import rules as mail_rules
from crm.outbox.models import UnsubscribeLink
from crm.staff.queries import salt
from feedback.answers.models import Answer
from feedback.invitations.models import Invitation
from feedback.invitations.queries import token_of
from tests import factories
from tests.factories import NOW
from tests.feedback import people

SEND = {"send": "1"}


@pytest.fixture(autouse=True)
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def invited(db):
    factories.installation(product_name="Fleetline", company_name="Fleetline GmbH")
    [contact] = people.loyal("Nordwind")
    return people.invitation(people.survey(), contact)


@pytest.fixture
def url(invited):
    return f"/s/{token_of(invited)}/"


def answers() -> QuerySet[Answer]:
    return Answer.objects.system("test")


def rows() -> dict[str, tuple[int, int | None]]:
    with connection.cursor() as cursor:
        found = {}
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f'SELECT count(*), max(xmin::text::bigint) FROM "{table}"')
            found[table] = cursor.fetchone()
    return found


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("query", ["", "?score=3", "?sent=1", "?score=3&send=1"])
def test_looking_writes_nothing_anywhere(client, url, method, query):
    before = rows()
    response = getattr(client, method)(url + query)
    assert response.status_code == 200
    assert rows() == before
    assert response.cookies == {}


def test_a_score_in_the_link_only_preselects(client, url):
    page = client.get(f"{url}?score=3").content.decode()
    assert [n for n in range(11) if f'value="{n}" checked' in page] == [3]
    assert answers().count() == 0


@pytest.mark.parametrize("score", ["11", "-1", "３", "3.0", "", "x" * 500])
def test_an_odd_score_in_the_link_selects_nothing(client, url, score):
    response = client.get(url, {"score": score})
    assert response.status_code == 200
    assert " checked" not in response.content.decode()


def test_the_button_records_the_answer_without_cookie_and_without_token(url, invited):
    client = Client(enforce_csrf_checks=True)
    response = client.post(url, SEND | {"score": "9", "comment": "  Trips are\r\nfaster  "})
    assert (response.status_code, response["Location"]) == (303, f"{url}?sent=1")
    [answer] = answers()
    assert (answer.score, answer.comment, answer.answered_at, answer.edited_at) == (9, "Trips are\nfaster", NOW, None)
    assert (answer.invitation_id, answer.account_id, answer.contact_id) == (
        invited.pk,
        invited.account_id,
        invited.contact_id,
    )
    assert client.cookies == {}


def test_the_thank_you_page_says_what_was_chosen_and_what_happens_next(client, url):
    client.post(url, SEND | {"score": "9", "comment": "Fast"})
    page = client.get(f"{url}?sent=1").content.decode()
    assert "You chose 9." in page
    assert "I read every answer myself, and where you need something from us I reply within 2 working days." in page
    assert f'href="{url}"' in page


@pytest.mark.parametrize("score", ["", "11", "-1", "ten", "9.5", "٣x"])
def test_a_bad_score_is_asked_for_again_and_the_comment_is_kept(client, url, score):
    response = client.post(url, SEND | {"score": score, "comment": "Three <lines>"})
    page = response.content.decode()
    assert response.status_code == 422
    assert "Please choose a number from 0 to 10." in page
    assert ">Three &lt;lines&gt;</textarea>" in page
    assert answers().count() == 0


def test_a_post_that_did_not_come_from_the_button_is_refused(client, url):
    response = client.post(url, {"score": "2", "comment": "scanned"})
    assert response.status_code == 422
    assert "Please press the button below to send your answer." in response.content.decode()
    assert answers().count() == 0


def test_a_comment_has_5000_characters_at_most(client, url):
    refused = client.post(url, SEND | {"score": "5", "comment": "a" * 5001})
    assert (refused.status_code, answers().count()) == (422, 0)
    assert "longer than 5000 characters" in refused.content.decode()
    # A browser sends each line end as two characters; that must not cost the customer any.
    assert client.post(url, SEND | {"score": "5", "comment": "a\r\n" * 2500 + "b"}).status_code == 422
    assert client.post(url, SEND | {"score": "5", "comment": "a\r\n" * 2499 + "bb"}).status_code == 303
    assert len(answers().get().comment) == 5000


def test_what_cannot_be_stored_is_refused_with_its_reason(client, url):
    response = client.post(url, SEND | {"score": "5", "comment": "zero \0 byte"})
    assert (response.status_code, answers().count()) == (422, 0)


def test_an_answer_can_be_changed_for_24_hours(client, url, time_machine):
    client.post(url, SEND | {"score": "3", "comment": "slow"})
    later = NOW + timedelta(hours=23, minutes=59)
    time_machine.move_to(later, tick=False)
    page = client.get(url).content.decode()
    assert "We have your answer, 3." in page and ">slow</textarea>" in page
    client.post(url, SEND | {"score": "8", "comment": "better now"})
    [answer] = answers()
    assert (answer.score, answer.comment, answer.answered_at, answer.edited_at) == (8, "better now", NOW, later)


def test_after_24_hours_the_answer_stands_and_the_page_says_so_kindly(client, url, time_machine):
    client.post(url, SEND | {"score": "3", "comment": "slow"})
    time_machine.move_to(NOW + timedelta(hours=24), tick=False)
    for response in (client.get(url), client.get(f"{url}?sent=1"), client.post(url, SEND | {"score": "8"})):
        assert response.status_code == 200
        assert "You have answered this one already. Thank you." in response.content.decode()
    [answer] = answers()
    assert (answer.score, answer.edited_at) == (3, None)


def test_the_same_answer_again_changes_nothing(client, url, time_machine):
    client.post(url, SEND | {"score": "3", "comment": "slow"})
    time_machine.move_to(NOW + timedelta(minutes=5), tick=False)
    client.post(url, SEND | {"score": "3", "comment": "slow"})
    assert answers().get().edited_at is None
    assert AuditRow.objects.filter(object_kind="answer").count() == 1


def test_the_record_knows_that_there_are_words_but_not_the_words(client, url, invited):
    client.post(url, SEND | {"score": "3", "comment": "Lena is slow"})
    client.post(url, SEND | {"score": "8", "comment": "Lena is quick"})
    found = AuditRow.objects.filter(object_kind="answer").order_by("pk")
    assert list(found.values_list("actor_kind", "actor_id", "action", "before", "after")) == [
        ("respondent", str(invited.pk), "answer.given", {}, {"score": 3, "comment": True}),
        (
            "respondent",
            str(invited.pk),
            "answer.changed",
            {"score": 3, "comment": True},
            {"score": 8, "comment": True, "comment_changed": True},
        ),
    ]


def closed_links(invited: Invitation) -> dict[str, str]:
    good = token_of(invited)
    return {
        "malformed": "abc",
        "forged": f"{invited.link}.{'A' * 43}",
        "for another purpose": Signer(salt="unsubscribe", sep=".").sign(invited.link),
        "unknown": Signer(salt="survey", sep=".").sign("A" * 22),
        "cut short": good[:-1],
        "with more": good + "x",
        "not text": "%00%FF",
    }


@pytest.mark.parametrize(
    "how", ["malformed", "forged", "for another purpose", "unknown", "cut short", "with more", "not text"]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_link_we_did_not_send_answers_like_an_expired_one(client, url, invited, time_machine, how, method):
    wrong = getattr(client, method)(f"/s/{closed_links(invited)[how]}/", SEND | {"score": "3"})
    time_machine.move_to(invited.expires_at, tick=False)
    expired = getattr(client, method)(url, SEND | {"score": "3"})
    assert (wrong.status_code, wrong.content) == (404, expired.content)
    assert {name: wrong[name] for name in ("Cache-Control", "Referrer-Policy", "X-Robots-Tag")} == {
        name: expired[name] for name in ("Cache-Control", "Referrer-Policy", "X-Robots-Tag")
    }
    assert answers().count() == 0


def test_the_link_of_an_erased_person_is_closed(client, url, invited):
    invited.contact.erased_at = NOW
    invited.contact.save()
    assert client.get(url).status_code == 404


def test_the_page_tells_nobody_where_it_was(client, url):
    for response in (client.get(url), client.post(url, SEND | {"score": "3"}), client.get("/s/x/")):
        assert (response["Cache-Control"], response["Referrer-Policy"], response["X-Robots-Tag"]) == (
            "no-store",
            "no-referrer",
            "noindex, nofollow",
        )
        assert "<script" not in response.content.decode()


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options"])
def test_other_methods_are_not_allowed(client, url, method):
    assert getattr(client, method)(url).status_code == 405


def test_the_page_is_in_the_readers_language_and_greets_as_the_mail_did(client, invited):
    contact = invited.contact
    contact.name, contact.job_title = "김도윤", "팀장"
    contact.save()
    invited.language = "ko"
    invited.save()
    response = client.get(f"/s/{token_of(invited)}/", headers={"Accept-Language": "en"})
    page = response.content.decode()
    assert response["Content-Language"] == "ko"
    assert page.lstrip().startswith('<!doctype html>\n<html class="public"') and ' lang="ko">' in page
    # Customer since 2025-01-01: one whole year, so the second is under way.
    assert "김도윤 팀장님, 안녕하세요.<br>2년째 함께해 주셔서 고맙습니다. 이번에는 마흔 분께만 여쭙니다." in page
    assert "Fleetline을 동료에게 추천하실 마음은 어느 정도인가요?" in page


def test_no_more_surveys_is_one_click_away_when_the_mail_carried_it(client, url, invited):
    hashed = mail_rules.address_hash(invited.mail.to_address, salt())
    link = UnsubscribeLink.objects.create(address_hash=hashed, scope="survey", created_at=NOW)
    page = client.get(url).content.decode()
    assert page.count("/u/") == 1
    assert link.pk.hex in page


def test_an_answer_rings_for_the_pipeline_and_a_broken_bell_is_not_felt(
    client, url, django_capture_on_commit_callbacks, monkeypatch
):
    with django_capture_on_commit_callbacks(execute=True):
        client.post(url, SEND | {"score": "3"})
    [knock] = OrmQ.objects.all()
    assert (knock.task["func"], knock.task["args"], knock.task["kwargs"]) == ("retention.jobs.run_pipeline", (), {})
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_q_ormq RENAME TO away")
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(url, SEND | {"score": "4"}).status_code == 303
    assert answers().get().score == 4


@pytest.mark.django_db(transaction=True)
def test_twenty_presses_at_once_leave_one_answer():
    [contact] = people.loyal()
    url = f"/s/{token_of(people.invitation(people.survey(), contact))}/"
    start, found = Barrier(20), []

    def press(score: int) -> None:
        try:
            start.wait()
            found.append(Client().post(url, SEND | {"score": str(score % 11)}).status_code)
        finally:
            connection.close()

    presses = [Thread(target=press, args=(n,)) for n in range(20)]
    for each in presses:
        each.start()
    for each in presses:
        each.join()
    assert found == [303] * 20
    assert answers().count() == 1
    assert AuditRow.objects.filter(action="answer.given").count() == 1


def test_the_database_itself_allows_one_answer_per_invitation():
    field = apps.get_model("feedback", "Answer")._meta.get_field("invitation")
    assert field.unique
