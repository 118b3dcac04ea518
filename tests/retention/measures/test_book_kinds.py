"""The kinds that read the book: today, and on past days by what had been recorded by then; worked out by hand."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from crm.accounts.actions import define_trait, set_trait
from crm.conversations import actions as talks
from crm.conversations.models import Conversation
from crm.goals.actions import drop_goal, keep_readings, set_goal
from crm.promises.actions import keep_promise, make_promise
from crm.subscriptions.actions import record_payment
from feedback.answers.actions import give_answer
from feedback.answers.models import Answer
from retention.measures.actions import need_again, spare
from retention.messages.queries import consumption
from retention.onboarding.models import Milestone, MilestoneReach, Onboarding, OnboardingPlan, OnboardingVersion
from retention.scores.actions import score_changed
from retention.scores.queries import why
from tests import factories
from tests.factories import NOW, TODAY
from tests.feedback import people
from tests.retention import usage_rows as rows

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
FEWER: dict[str, Any] = {"red": 3, "green": 0}
BY = rows.BY


@pytest.fixture
def account() -> Any:
    found = factories.account("Nordwind", owner=factories.user("rep"))
    factories.subscription(found, 100)
    return found


@pytest.fixture
def quiet() -> Any:
    return factories.account("Quiet")


def at(ago: int, hour: int = 5) -> Any:
    return rows.at(TODAY - ago * DAY, hour)


def then(of: Any, ago: int) -> list[Any]:
    """The readings of a past day, as it is scored now; the ledger keeps reals."""
    rows.score(TODAY - ago * DAY)
    held = [row for row in rows.ledger(of) if row.day == TODAY - ago * DAY]
    return [None if value is None else Decimal(str(round(value, 6))) for value in held[-1].values]


def now(of: Any) -> list[Any]:
    rows.score()
    return rows.readings(of)


def words(of: Any) -> list[str]:
    found = why(of.pk)
    assert found is not None
    return [part.words or part.missing for part in found.components]


def test_promises_overdue(account, quiet):
    rows.version({"kind": "promises", **FEWER})
    assert now(account) == [None] and words(account) == ["no promise was ever written down"]
    made: dict[str, Any] = {"made_on": TODAY - 10 * DAY, "by": BY}
    make_promise(account, text="Late", due_on=TODAY - 2 * DAY, at=at(10), **made)
    kept = make_promise(account, text="Kept late", due_on=TODAY - 6 * DAY, at=at(10), **made)
    keep_promise(kept, at=at(3), by=BY)
    make_promise(account, text="Not due yet", due_on=TODAY, at=at(10), **made)
    make_promise(account, text="Learned of today", due_on=TODAY - 7 * DAY, at=NOW, **made)
    assert (now(account), now(quiet)) == ([2], [0])
    assert words(account) == ["2 promises overdue"]
    assert {ago: then(account, ago)[0] for ago in (1, 5, 6, 12)} == {1: 1, 5: 1, 6: 0, 12: None}


def test_payment_trouble(account, quiet):
    rows.version({"kind": "payments", **FEWER})
    assert now(account) == [None]
    line = factories.subscription(account).subscription

    def paid(kind: str, ago: int, invoice: str, recorded: Any) -> None:
        record_payment(line, kind=kind, on=TODAY - ago * DAY, currency="EUR", invoice=invoice, at=recorded, by=BY)

    paid("failed", 4, "A", at(4))
    paid("failed", 3, "A", at(3))
    paid("settled", 1, "A", at(1))
    paid("disputed", 2, "B", NOW)
    assert (now(account), now(quiet)) == ([1], [0])
    assert {ago: then(account, ago)[0] for ago in (1, 3, 5)} == {1: 0, 3: 1, 5: None}


def test_conversations_open_and_late_and_the_last_time_that_both_have_spoken(account, quiet):
    kinds = [{"kind": kind, **FEWER} for kind in ("open_talks", "late_talks")]
    rows.version(*kinds, {"kind": "contact", "red": 28, "green": 0})
    assert now(account) == [None, None, None]
    said: dict[str, Any] = {"channel": "ticket", "text": "It broke.", "by": BY}
    first = talks.receive(account, **said, at=at(4))
    talks.answer(first, text="Mended.", at=at(2, 9), by=BY)
    talks.receive(account, **said, at=at(1))
    talks.log(account, channel="call", at=at(10), by=BY)
    talks.log(account, channel="note", at=at(1), by=BY)
    talks.receive(quiet, **said | {"text": "Thanks!"}, needs_answer=False, at=at(1))
    Conversation.objects.system("test").filter(began_at=at(1), channel="ticket", account=account).update(
        due_at=at(1, 9)
    )
    assert (now(account), now(quiet)) == ([1, 1, 4], [0, 0, 28])
    assert words(account) == ["1 conversation open", "1 conversation late", "4 days ago"]
    # At six in the morning, three days ago, the first had not been answered, though due within four hours of the day
    # before; the call was seven days old.
    assert then(account, 3) == [1, 1, 7]
    assert then(account, 1) == [1, 0, 3]
    assert then(account, 11) == [None, None, None]


def test_goals_are_the_mean_share_of_the_way_and_stay_on_a_past_day_as_they_were_kept(account, quiet):
    """25 uses of 100 wanted, and rooms at 80 on the way from 60 to 100: a quarter and a half."""
    trips, rooms = factories.feature(), define_trait(key="rooms", label="Rooms", type="number", at=NOW, by=BY)
    planned = rows.event(trips)
    rows.used(account, planned, 25, ago=5)
    rows.other_usage()
    set_trait(account, rooms, Decimal(80), at=at(20), by=BY)
    aim: dict[str, Any] = {"target": Decimal(100), "due_on": TODAY + 40 * DAY, "at": at(10), "by": BY}
    set_goal(account, words="Trips", feature=trips, baseline=Decimal(0), **aim)
    set_goal(account, words="Rooms", trait=rooms, baseline=Decimal(60), **aim)
    drop_goal(
        set_goal(account, words="Dropped", feature=trips, baseline=Decimal(0), **aim), why="Sold", at=at(9), by=BY
    )
    rows.version({"kind": "goals"})
    keep_readings(at(1, 6), at=at(1, 6), by=BY)
    rows.used(account, planned, 40, ago=6)
    assert (now(account), now(quiet)) == ([Decimal("0.575")], [None])
    assert words(account) == ["58 % of the way, 2 goals"]
    assert then(account, 1) == [Decimal("0.375")]
    assert then(account, 11) == [None]


def test_the_latest_survey_result_is_the_mean_of_what_each_person_answered_last(account, quiet):
    first, second, third = (factories.contact(account) for _ in range(3))
    for person, score, ago in ((first, 9, 100), (first, 4, 10), (second, 8, 20), (third, 10, 200)):
        asked = people.invitation(people.survey(), person)
        Answer.objects.create(invitation=asked, account=account, contact=person, score=score, answered_at=at(ago))
    rows.version({"kind": "survey", "green": 10}, {"kind": "survey", "green": 10, "valid_days": 5})
    assert (now(account), now(quiet)) == ([6, None], [None, None])
    assert words(account) == ["6 of 10, by 2 people", "nobody has answered a survey lately"]
    assert then(account, 15) == [Decimal("8.5"), 8]
    Answer.objects.system("test").filter(score=4).update(set_aside="scanner")
    assert now(account) == [Decimal("8.5"), None]


def test_a_trait_is_its_newest_value_while_it_is_valid_per_price_where_that_is_asked(account, quiet):
    rooms = define_trait(key="rooms", label="Rooms", type="number", unit="rooms", at=NOW, by=BY)
    set_trait(account, rooms, Decimal(40), at=at(30), by=BY)
    set_trait(account, rooms, Decimal(55), true_at=at(3), at=NOW, by=BY)
    trait = {"kind": "trait", "trait": rooms, "green": 100, "unit": "rooms"}
    rows.version(trait, trait | {"valid_days": 20, "key": "fresh"}, trait | {"per_price": True, "key": "priced"})
    assert (now(account), now(quiet)) == ([55, 55, Decimal("0.55")], [None, None, None])
    assert words(account)[0] == "55 rooms"
    assert then(account, 1) == [40, None, Decimal("0.4")]
    for wrong in ({"kind": "trait"}, {"kind": "reach", "trait": rooms}, {"kind": "goals", "window": 7}):
        with pytest.raises(ValidationError):
            rows.version(wrong)


def test_onboarding_is_the_share_of_the_milestones_due_that_are_reached(account, quiet):
    """Three milestones after 5, 10 and 60 days, 20 days ago: two are due; the second was reached yesterday."""
    plan = OnboardingPlan.objects.create(name="Standard", changed_at=NOW)
    terms = {"starts_from": TODAY - 90 * DAY, "lasts_days": 80, "stuck_days": 30, "recorded_at": at(90)}
    version = OnboardingVersion.objects.create(plan=plan, number=1, **terms)
    steps = [
        Milestone.objects.create(
            version=version, position=n, key=f"m{n}", name=f"Step {n}", kind="hand", expected_days=days
        )
        for n, days in enumerate((5, 10, 60), 1)
    ]
    Onboarding.objects.create(account=account, version=version, started_on=TODAY - 20 * DAY, recorded_at=at(20))
    for step, ago in ((steps[0], 18), (steps[1], 1)):
        MilestoneReach.objects.create(account=account, milestone=step, on=TODAY - ago * DAY, recorded_at=at(ago))
    rows.version({"kind": "onboarding"})
    assert (now(account), now(quiet)) == ([1], [None])
    assert words(account) == ["2 of 2 milestones due"]
    assert {ago: then(account, ago)[0] for ago in (2, 12, 18)} == {2: Decimal("0.5"), 12: 1, 18: None}


def test_what_a_customer_does_not_need_leaves_breadth_unused_features_and_recaps(account):
    chat, calls, maps = (factories.feature(is_key=True, name=name) for name in ("Chat", "Calls", "Maps"))
    factories.subscription(account, 10, plan=factories.plan(chat, calls, maps))
    rows.used(account, rows.event(chat), 1, ago=8)
    rows.version({"kind": "breadth", "unit": "key features"}, {"kind": "unused", **FEWER})

    def unused() -> tuple[str, ...]:
        return consumption([account.pk], TODAY)[account.pk].unused

    assert now(account) == [Decimal("0.333333333"), 2] and unused() == ("Calls", "Maps")
    assert words(account) == ["1 of 3 key features", "2 key features unused"]
    owner = account.owner
    spare(account, feature=calls, reason="For a week", until=TODAY - DAY, at=at(5), by=owner)
    spare(account, feature=maps, reason="They have their own", at=at(2), by=owner)
    rows.score(TODAY, account=account.pk)
    score_changed(NOW, at=NOW, by=BY)
    assert rows.readings(account) == [Decimal("0.5"), 1] and unused() == ("Calls",)
    assert then(account, 3) == [Decimal("0.5"), 1]  # without calls
    assert then(account, 6) == [Decimal("0.333333"), 2]
    for feature in (chat, calls):
        spare(account, feature=feature, reason="None of it", at=at(0), by=owner)
    assert now(account) == [None, None] and unused() == ()
    assert need_again(account, feature=chat, at=at(0), by=owner)
    assert not need_again(account, feature=chat, at=at(0), by=owner)
    assert now(account) == [1, 0]


def test_each_fact_has_its_account_judged_again(account, quiet):
    """The incremental run finds the account of whatever was recorded since, and nobody else's."""
    rows.other_usage()
    rooms = define_trait(key="rooms", label="Rooms", type="number", at=NOW, by=BY)
    rows.version({"kind": "promises", **FEWER}, {"kind": "trait", "trait": rooms, "key": "rooms", "green": 100})
    rows.score()
    line = factories.subscription(account, recorded_at=at(9)).subscription
    trips, asked = factories.feature(), people.invitation(people.survey(), factories.contact(account))
    start = NOW + timedelta(hours=1)
    score_changed(start, at=start, by=BY)
    facts: list[Any] = [
        lambda when: make_promise(account, text="A", due_on=TODAY + DAY, at=when, by=BY),
        lambda when: record_payment(line, kind="failed", on=TODAY, currency="EUR", at=when, by=BY),
        lambda when: set_trait(account, rooms, Decimal(4), at=when, by=BY),
        lambda when: set_goal(
            account, words="W", feature=trips, target=Decimal(9), due_on=TODAY + 9 * DAY, at=when, by=BY
        ),
        lambda when: talks.receive(account, channel="ticket", text="It broke.", at=when, by=BY),
        lambda when: give_answer(asked, score=3, comment="", at=when, by=BY),
        lambda when: spare(account, feature=trips, reason="No", at=when, by=account.owner),
    ]
    for n, fact in enumerate(facts, 1):
        when = start + timedelta(minutes=20 * n)
        fact(when)
        later = when + timedelta(minutes=1)
        assert score_changed(later, at=later, by=BY) == f"1 accounts were judged as of {TODAY}.", n
