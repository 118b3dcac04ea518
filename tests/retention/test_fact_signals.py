"""Signals about promises, payments and onboardings: they open on what just happened, once, and close when it ends."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from crm.attention.models import Hold
from crm.goals.actions import set_goal
from crm.promises.actions import keep_promise, make_promise, move_promise
from crm.subscriptions.actions import record_payment
from retention.onboarding.actions import Asked, Terms, begin, reach, set_plan
from retention.onboarding.models import Milestone
from retention.risk_signals.actions import look
from retention.risk_signals.models import RiskSignal
from retention.risk_signals.queries import sentence
from tests import factories
from tests.retention.pages.desk import BY, NOW, TODAY, signed_in

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def found(**more: Any) -> list[tuple[str, bool, str]]:
    rows = RiskSignal.objects.system("test").filter(**more).order_by("pk")
    return [(row.kind, row.closed_at is None, row.closed_why) for row in rows]


def test_a_promise_opens_a_signal_the_day_after_it_was_due_where_the_account_is_and_once_for_each_day() -> None:
    """09:00 UTC on the day itself is already the next day in Kiritimati, 14 hours ahead."""
    ours = factories.account(time_zone="UTC")
    ahead = factories.account(time_zone="Pacific/Kiritimati")
    made: dict[str, Any] = {"made_on": TODAY - 30 * DAY, "at": NOW - 30 * DAY, "by": BY}
    late = make_promise(ours, text="A report", due_on=TODAY - DAY, **made)
    make_promise(ours, text="Due today", due_on=TODAY, **made)
    make_promise(ours, text="Long ago, as in a file", due_on=TODAY - 8 * DAY, **made)
    make_promise(ahead, text="Due there yesterday", due_on=TODAY, **made)
    noon = NOW.replace(hour=12)
    for _ in range(2):
        look(at=noon, by=BY)
    rows = RiskSignal.objects.system("test").order_by("account")
    assert [(row.account_id, row.evidence["text"]) for row in rows] == [
        (ours.pk, "A report"),
        (ahead.pk, "Due there yesterday"),
    ]
    assert sentence(rows[0]).startswith("“A report” was promised for ")
    move_promise(late, due_on=TODAY + DAY, why="They asked for it", at=NOW, by=BY)
    look(at=noon, by=BY)
    assert found(account=ours) == [("overdue_promise", False, "the promise was settled or moved")]
    look(at=noon + 2 * DAY, by=BY)
    assert [is_open for _kind, is_open, _why in found(account=ours)] == [
        False,
        True,
        True,
    ]
    keep_promise(late, at=NOW + 2 * DAY, by=BY)
    look(at=noon + 2 * DAY, by=BY)
    # Which of two of one day is opened first follows from their ids as words.
    still = RiskSignal.objects.system("test").open().filter(account=ours)
    assert [row.evidence["text"] for row in still] == ["Due today"] and len(found(account=ours)) == 3


def test_a_payment_opens_a_signal_until_it_is_settled_and_a_dispute_keeps_us_from_asking() -> None:
    line = factories.subscription(factories.account()).subscription

    def paid(kind: str, ago: int, invoice: str) -> None:
        money: dict[str, Any] = {"amount": Decimal(30), "currency": "EUR", "invoice": invoice}
        record_payment(line, kind=kind, on=TODAY - ago * DAY, **money, at=NOW, by=BY)

    paid("failed", 3, "A")
    paid("failed", 1, "A")
    paid("failed", 60, "B")  # as in a file taken over
    paid("disputed", 2, "C")
    for _ in range(2):
        look(at=NOW, by=BY)
    rows = RiskSignal.objects.system("test").order_by("pk")
    assert [(row.kind, row.evidence["kind"]) for row in rows] == [
        ("payment_failed", "failed"),
        ("payment_failed", "disputed"),
    ]
    assert sentence(rows[0]).startswith("€30") and "could not be collected" in sentence(rows[0])
    held = Hold.objects.system("test")
    assert [(hold.kind, hold.until_at) for hold in held.standing(NOW)] == [("payment_dispute", None)]
    paid("settled", 0, "A")
    paid("settled", 0, "C")
    look(at=NOW, by=BY)
    assert found() == [("payment_failed", False, "the payment was settled")] * 2
    assert not held.standing(NOW).exists()
    look(at=NOW, by=BY)
    assert len(found()) == 2


@pytest.mark.parametrize("times", [1, 3])
def test_search_finds_promises_and_goals_by_their_words(times, django_assert_num_queries) -> None:
    mina, other = (
        factories.user("rep", team=factories.team("Europe")),
        factories.user("rep", team=factories.team("Asia")),
    )
    for owner, name in ((mina, "Nordwind"), (other, "Elsewhere")):
        account = factories.account(name, owner=owner)
        for n in range(times):
            make_promise(account, text=f"A report of depots {n}", due_on=TODAY + n * DAY, at=NOW, by=owner)
        goal: dict[str, Any] = {"target": Decimal(9), "due_on": TODAY + 40 * DAY, "at": NOW, "by": owner}
        set_goal(account, words="Every depot in one place", feature=factories.feature(), **goal)
    client, reader = signed_in(mina), factories.user("read_only", team=mina.team)
    with django_assert_num_queries(3):
        page = client.get(reverse("search"), {"q": "depo"})
    noted = [(row.kind, row.owner, row.word) for row in page.context["noted"]]
    assert noted == [("goal", "Nordwind", "Set")] + [("promise", "Nordwind", "Open")] * times
    assert f"A report of depots {times - 1}" in page.content.decode()
    assert signed_in(reader).get(reverse("search"), {"q": "depo"}).context["noted"] == []


def test_an_onboarding_that_gets_stuck_opens_a_signal_until_it_goes_on_and_another_when_it_stops_again() -> None:
    """Kickoff is due after 10 days, a training after 20; stuck after 7 days without either. Today is the 18th day."""
    ours, long_ago, early, left = (factories.account(name) for name in ("Nordwind", "Long ago", "Early", "Left"))
    steps = [Asked("Kickoff held", "hand", 10), Asked("Training held", "hand", 20)]
    begins = TODAY - 18 * DAY
    terms = Terms(begins - 60 * DAY, lasts_days=60, stuck_days=7, milestones=steps)
    plan = set_plan(name="Standard", plans=[], terms=terms, at=NOW - 90 * DAY, by=BY)
    for account, days in ((ours, 0), (left, 0), (long_ago, -20), (early, 3)):
        begin(account, plan=plan, started_on=begins + days * DAY, at=NOW, by=BY)
    type(left).objects.system("test").filter(pk=left.pk).update(stage="churned")
    for _ in range(2):
        look(at=NOW, by=BY)
    (row,) = RiskSignal.objects.system("test")
    # Due on the 10th day, so 7 days late on the 17th, which was yesterday.
    assert (row.account_id, row.kind, row.subject) == (ours.pk, "onboarding_stuck", f"{TODAY - DAY}")
    said = sentence(row)
    assert said.startswith("“Kickoff held” was expected by ") and said.endswith("nothing has been reached yet.")
    kickoff, training = Milestone.objects.order_by("position")
    reach(ours, kickoff, on=TODAY, at=NOW, by=BY)
    look(at=NOW, by=BY)
    assert found() == [("onboarding_stuck", False, "the onboarding goes on")]
    # The training was due in 2 days, so it is 7 days late in 9; the early one is stuck from the 17th of its days on.
    look(at=NOW + 9 * DAY, by=BY)
    again = RiskSignal.objects.system("test").open().order_by("account")
    assert [(row.account_id, row.subject) for row in again] == [
        (ours.pk, f"{TODAY + 9 * DAY}"),
        (early.pk, f"{TODAY + 2 * DAY}"),
    ]
    assert sentence(again[0]).startswith("“Training held” was expected by ") and "reached after" in sentence(again[0])
    reach(ours, training, on=TODAY + 9 * DAY, at=NOW + 9 * DAY, by=BY)
    look(at=NOW + 9 * DAY, by=BY)
    assert found(account=ours)[1] == ("onboarding_stuck", False, "the onboarding goes on")
    look(at=NOW + 50 * DAY, by=BY)
    assert found(account=early) == [("onboarding_stuck", False, "the time of the onboarding is over")]
