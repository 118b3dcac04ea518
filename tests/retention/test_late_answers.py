"""Before a target is missed, who answers has a word for the customer at hand; it is sent like any other mail."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from crm.audit.rules import System
from crm.conversations import actions
from crm.conversations.models import Conversation
from crm.outbox.models import MailState, OutboundMail
from retention.follow_ups.actions import approve, follow_owners, settle, warn
from retention.follow_ups.models import FollowUp
from retention.follow_ups.queries import review
from tests import factories
from tests.factories import NOW
from tests.retention.pages.desk import signed_in
from tests.retention.pages.test_today import page

pytestmark = pytest.mark.django_db

BY = System("test")
# NOW is a Saturday; Monday the doors open at 8:00 UTC (9:00 in Berlin), so four hours are over at 12:00.
SOON, DUE = NOW.replace(day=23, hour=11), NOW.replace(day=23, hour=12)


@pytest.fixture
def account(rep):
    factories.installation(company_name="Fleetline GmbH")
    return factories.account("Acme Ltd", owner=rep, time_zone="Europe/Berlin")


def ask(account, by, **more):
    person = more.pop("contact", None) or factories.contact(account, name="Lena Vogt", email="lena@acme.example")
    given = {"channel": "ticket", "text": "It is broken.", "subject": "Export fails", "at": NOW, "by": by} | more
    return actions.receive(account, contact=person, **given)


def words():
    return FollowUp.objects.system("test").select_related("owner", "contact__account", "account", "mail").order_by("pk")


def test_after_three_quarters_of_the_target_a_word_is_prepared_once(account, rep):
    talk = ask(account, rep)
    assert (talk.warn_at, talk.due_at) == (SOON, DUE)
    assert warn(at=SOON - timedelta(seconds=1), by=BY) == "0 words prepared"
    assert warn(at=SOON, by=BY) == "1 words prepared"
    assert warn(at=SOON, by=BY) == "0 words prepared"
    row = words().get()
    # Four open hours more from 13:00 in Berlin on end as the doors close.
    assert (row.owner, row.subject) == (rep, "Re: Export fails")
    assert row.body == (
        "Hi Lena,\n\nyour message of Saturday 21 November, 10:00 is with me. You were to have an answer by Monday 23 "
        "November, 13:00, and I will not make it by then. You will have it by Monday 23 November, 17:00.\n\n"
        f"{rep.name}\nCustomer success, Fleetline GmbH"
    )


def test_in_korean_and_after_the_time_is_over(rep):
    seoul = factories.account("한빛물류", owner=rep, time_zone="Asia/Seoul", language="ko")
    ask(seoul, rep, contact=factories.contact(seoul, name="김도윤", job_title="팀장", email="kim@hanbit.example"))
    # Nine o'clock on Monday in Seoul is midnight in UTC; four hours later it is 13:00 there, and 17:00 four more.
    assert warn(at=NOW.replace(day=23, hour=4, minute=1), by=BY) == "1 words prepared"
    body = words().get().body
    assert body.startswith("김도윤 팀장님, 안녕하세요.\n\n11월 21일 토요일 18:00에 보내 주신 글은")
    assert "11월 23일 월요일 13:00까지 답을 드리기로 했는데, 아직 드리지 못했습니다." in body
    assert "11월 24일 화요일 09:01까지는 꼭 답을 드리겠습니다." in body


def test_it_is_approved_and_queued_without_asking_the_budget_or_the_lint(account, rep):
    talk = ask(account, rep)
    warn(at=SOON, by=BY)
    row = words().get()
    assert review(row, at=SOON).budget == "It answers their own message, so it asks no budget."
    mail = approve(row, displayed=review(row, at=SOON).fingerprint, at=SOON, by=rep)
    assert (mail.reply, mail.reservation, mail.due_at) == (True, None, SOON)
    assert Conversation.objects.system("test").get(pk=talk.pk).due_at == DUE, "it is no answer: the clock runs on"


@pytest.mark.parametrize("approved", [False, True])
def test_whoever_was_answered_meanwhile_is_told_nothing(account, rep, approved):
    talk = ask(account, rep)
    warn(at=SOON, by=BY)
    row = words().get()
    if approved:
        approve(row, displayed=review(row, at=SOON).fingerprint, at=SOON, by=rep)
    actions.answer(talk, text="It works again.", at=SOON + timedelta(minutes=5), by=rep)
    assert settle(at=SOON + timedelta(minutes=6), by=BY) == "0 sent, 0 back as drafts, 1 withdrawn"
    assert words().get().state == "cancelled"
    assert not OutboundMail.objects.system("test").filter(state=MailState.APPROVED).exists()
    # What they ask next has a clock, and a word, of its own: four open hours from 12:10 in Berlin are over at 16:10.
    actions.hear(talk, text="And this?", at=SOON + timedelta(minutes=10), by=rep)
    assert warn(at=SOON + timedelta(hours=4), by=BY) == "1 words prepared"


def test_it_is_the_responders_and_moves_with_the_naming_not_with_the_owner(account, rep):
    team = factories.team()
    rep.team = team
    rep.save()
    boss = factories.user("manager", team=team)
    talk = ask(account, rep)
    warn(at=SOON, by=BY)
    actions.assign(talk, responder=boss, at=SOON, by=rep)
    settle(at=SOON, by=BY)
    assert warn(at=SOON, by=BY) == "1 words prepared"
    assert [(row.owner, row.state) for row in words()] == [(rep, "cancelled"), (boss, "draft")]
    assert follow_owners(None, at=SOON, by=BY) == 0


def test_nobody_is_told_weeks_later_or_where_nobody_can_be_written_to(account, rep):
    ask(account, rep, said_at=NOW - timedelta(days=10))
    ask(account, rep, contact=factories.contact(account, email=""))
    assert warn(at=SOON, by=BY) == "0 words prepared"


def test_today_says_it_first_and_leads_to_the_word(account, rep):
    talk = ask(account, rep)
    client = signed_in(rep)
    ask(account, rep, contact=factories.contact(account, email=""), subject="Second")
    with time_machine.travel(SOON, tick=False):
        row = page(client)["rows"][0]
        assert row["why"] == "An answer is about to be late: Export fails"
        assert (row["action_text"], row["action_url"]) == ("Answer", reverse("conversation", args=[talk.pk]))
        assert "and 1 answer late" in row["when"]
        warn(at=SOON, by=BY)
        row = page(client)["rows"][0]
        assert (row["action_text"], row["action_url"]) == (
            "Say that it will be late", reverse("draft", args=[words().get().pk]),
        )  # fmt: skip
        assert page(client)["facts"] == ["2 answers late or nearly so"]
    with time_machine.travel(DUE + timedelta(minutes=1), tick=False):
        assert page(client)["rows"][0]["why"] == "They wait for an answer: Export fails"
