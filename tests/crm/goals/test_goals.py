"""Goals: why they bought, and how far they have come on any day, from figures that nobody types."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError
from django.urls import reverse

from crm.accounts.actions import change_trait, define_trait, set_trait
from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.goals import actions, rules
from crm.goals.models import Goal, GoalReading
from crm.goals.queries import progress_on
from crm.imports.actions.book import Book
from crm.imports.rules import Row
from crm.lib import partitions
from crm.usage.models import EventName, UsageDay
from tests import factories

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
TODAY = date(2026, 11, 18)
DAY = timedelta(days=1)
BY = System("test")


@pytest.fixture
def mina() -> Any:
    return factories.user("rep", name="Mina Kwon", team=factories.team(), time_zone="UTC")


@pytest.fixture
def account(mina: Any) -> Any:
    return factories.account("Nordwind", owner=mina)


def aimed(of: Any, at: datetime = NOW, **more: Any) -> Goal:
    given: dict[str, Any] = {"words": "Every trip in one place", "target": Decimal(100), "due_on": TODAY + 40 * DAY}
    return actions.set_goal(of, at=at, by=of.owner, **given | more)


def used(of: Any, event: EventName, on: date, uses: int, amount: int = 0) -> None:
    partitions.ensure_months("crm_usage_day", [on])
    UsageDay.objects.create(account=of, event=event, day=on, uses=uses, amount=amount * 1_000_000)


def event(feature: Any, name: str = "Trip planned") -> EventName:
    return EventName.objects.create(name=name, feature=feature, first_seen_at=NOW, last_seen_at=NOW)


TERMS = rules.Terms(date(2026, 11, 1), date(2026, 11, 21), Decimal(20), Decimal(100))


@pytest.mark.parametrize(
    ("value", "day", "share", "standing"),
    [
        (20, 1, "0", "on_track"),  # no time has passed
        (60, 11, "0.5", "on_track"),  # half of the way in half of the 20 days
        (59, 11, "0.4875", "behind"),
        (100, 11, "1", "reached"),
        (120, 21, "1.25", "reached"),
        (99, 21, "0.9875", "behind"),
        (99, 22, "0.9875", "missed"),
        (4, 2, "-0.2", "behind"),
        (None, 11, None, "unknown"),
    ],
)
def test_progress_is_the_share_of_the_way(value, day, share, standing):
    value, day = value if value is None else Decimal(value), date(2026, 11, day)
    assert rules.progress(TERMS, value) == (share if share is None else Decimal(share))
    assert rules.standing(TERMS, value, day) == standing


def test_fewer_can_be_the_goal():
    terms = rules.Terms(date(2026, 11, 1), date(2026, 11, 21), Decimal(40), Decimal(10))
    assert rules.progress(terms, Decimal(25)) == Decimal("0.5")
    assert rules.standing(terms, Decimal(8), date(2026, 11, 2)) == "reached"


def test_a_feature_is_measured_over_28_days_through_yesterday_with_merged_accounts(account):
    trips = factories.feature("trips", counts_amount=True, unit="trips")
    planned, other = event(trips), event(factories.feature(), "Other")
    merged = factories.account(merged_into=account)
    assert progress_on(TODAY) == []
    goal = aimed(account, feature=trips)
    assert [(one.value, one.standing) for one in progress_on(TODAY)] == [(None, "unknown")]
    used(account, planned, TODAY, 9, 900)  # today does not count
    used(account, planned, TODAY - 1 * DAY, 2, 30)
    used(merged, planned, TODAY - 28 * DAY, 2, 20)
    used(account, planned, TODAY - 29 * DAY, 2, 500)  # too long ago
    used(account, other, TODAY - 2 * DAY, 7, 70)
    (stands,) = progress_on(TODAY, accounts=[account.pk])
    assert (stands.goal_id, stands.value, stands.share, stands.unit) == (goal.pk, Decimal(50), Decimal("0.5"), "trips")
    (tomorrow,) = progress_on(TODAY + DAY)
    assert tomorrow.value == 930
    # What is measured is where a goal begins, unless somebody knows better.
    begun = aimed(account, feature=trips, words="More trips", target=Decimal(150))
    (begun_at,) = [one.baseline for one in progress_on(TODAY) if one.goal_id == begun.pk]
    assert begun_at == 50


def test_every_past_day_is_what_it_was_then(account, mina):
    """A trait of 10 on the 1st, 40 on the 10th; the target is 60, and 100 from the 12th on; dropped on the 15th."""
    rooms = define_trait(key="rooms", label="Rooms", type="number", unit="rooms", at=NOW, by=BY)
    at = {day: datetime(2026, 11, day, 9, tzinfo=UTC) for day in (1, 10, 12, 15, 16)}
    set_trait(account, rooms, Decimal(10), at=at[1], by=mina)
    goal = aimed(account, at=at[1], trait=rooms, target=Decimal(60), due_on=date(2026, 12, 1))
    set_trait(account, rooms, Decimal(40), at=at[10], by=mina)
    actions.change_goal(goal, target=Decimal(100), due_on=date(2026, 12, 11), why="They grew", at=at[12], by=mina)
    actions.drop_goal(goal, why="They sold the hotel", at=at[15], by=mina)
    # What is learned late of an early day does not change what was known then.
    set_trait(account, rooms, Decimal(25), true_at=datetime(2026, 11, 5, 9, tzinfo=UTC), at=at[16], by=mina)

    def stood(day: int, **more: Any) -> Any:
        found = progress_on(date(2026, 11, day), accounts=[account.pk], **more)
        return [(one.value, one.target, one.share, one.standing) for one in found]

    assert stood(1) == [(10, 60, 0, "on_track")]
    assert stood(9, known=at[15]) == [(10, 60, 0, "behind")]
    assert stood(9) == [(25, 60, Decimal("0.3"), "on_track")]  # 8 of 30 days
    assert stood(10) == [(40, 60, Decimal("0.6"), "on_track")]
    assert stood(12) == [(40, 100, Decimal(1) / 3, "on_track")]  # 11 of 40 days
    assert stood(15) == [(40, 100, Decimal(1) / 3, "dropped")]
    actions.resume_goal(goal, at=at[16], by=mina)
    assert stood(15)[0][3] == "dropped"
    assert stood(16)[0][3] == "behind"  # a third of the way, 15 of 40 days


def test_of_a_trait_that_is_no_number_any_more_nothing_is_known_from_then_on(account, mina):
    rooms = define_trait(key="rooms", label="Rooms", type="number", unit="rooms", at=NOW, by=BY)
    set_trait(account, rooms, Decimal(40), at=NOW - DAY, by=mina)
    aimed(account, trait=rooms, at=NOW - DAY)
    change_trait(rooms, label="Rooms", type="text", unit="", at=NOW + DAY, by=BY)
    past = {n: progress_on(TODAY + n * DAY)[0] for n in (-1, 0, 1)}
    assert {n: (one.value, one.standing) for n, one in past.items()} == {
        -1: (Decimal(40), "on_track"), 0: (Decimal(40), "behind"), 1: (None, "unknown"),
    }  # fmt: skip


def test_a_file_appends_other_terms_and_takes_up_nothing_that_was_dropped(account, mina):
    trips = factories.feature("trips")
    held, dropped = (aimed(account, feature=trips, baseline=Decimal(0), external_id=key) for key in "ab")
    actions.drop_goal(dropped, why="They sold the hotel", at=NOW, by=mina)
    says = {
        "account": account.external_id,
        "words": "Trips",
        "feature": "trips",
        "baseline": Decimal(0),
        "set_on": TODAY,
    }
    says |= {"target": Decimal(300), "due_on": TODAY + 40 * DAY}
    lines = [Row(n, [], says | {"external_id": key}, "") for n, key in enumerate("ab")]
    taken = Book("goals", at=NOW)(lines)
    assert (taken.created, taken.updated, taken.unchanged) == (0, 1, 1)
    stood = {one.goal_id: (one.kind, one.target) for one in progress_on(TODAY)}
    assert stood == {held.pk: ("changed", Decimal(300)), dropped.pk: ("dropped", Decimal(100))}


def test_late_events_change_a_past_figure_only_in_hindsight(account):
    """100 uses wanted. Kept at 20 on the 10th and 30 on the 12th; then 50 uses of the 5th arrive late."""
    trips = factories.feature("trips")
    planned = event(trips)
    used(account, planned, date(2026, 11, 2), 20)
    aimed(account, at=NOW - 10 * DAY, feature=trips, baseline=Decimal(0))

    def kept(day: int, hour: int = 6) -> str:
        at = datetime(2026, 11, day, hour, tzinfo=UTC)
        return actions.keep_readings(at, at=at, by=BY)

    def stood(day: int, **more: Any) -> Any:
        return [(one.value, one.hindsight) for one in progress_on(date(2026, 11, day), **more)]

    assert kept(10, hour=5) == "Today's figures are kept or not due yet."
    assert [kept(day) for day in (10, 10, 11)] == [
        "The figures of 1 goals were kept.",
        "Today's figures are kept or not due yet.",
        "The figures of 0 goals were kept.",
    ]
    used(account, planned, date(2026, 11, 11), 10)
    kept(12)
    used(account, planned, date(2026, 11, 5), 50)
    assert kept(12, hour=9) == "Today's figures are kept or not due yet."
    past = {day: stood(day, stood=True) for day in (9, 10, 11, 12)}
    assert past == {9: [(70, True)], 10: [(20, False)], 11: [(20, False)], 12: [(30, False)]}
    assert {day: stood(day)[0][0] for day in (10, 11, 12)} == {10: 70, 11: 70, 12: 80}
    kept(13)
    assert (stood(12, stood=True), stood(13, stood=True)) == ([(30, False)], [(80, False)])
    # What was not known by the 12th at five o'clock is not what stood then.
    assert stood(12, stood=True, known=datetime(2026, 11, 12, 5, tzinfo=UTC)) == [(20, False)]
    kept(20)
    assert GoalReading.objects.system("test").count() == 4  # written anew after a week although it stands
    with pytest.raises(DatabaseError, match="append-only"):
        GoalReading.objects.system("test").update(value=1)


def test_what_is_refused(account, mina):
    text = define_trait(key="city", label="City", type="text", at=NOW, by=BY)
    trips = factories.feature("trips")
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("words", {"words": " "}), ("measure", {"feature": None}), ("measure", {"trait": text}),
        ("measure", {"feature": None, "trait": text}), ("target", {"target": Decimal(0)}),
        ("due_on", {"due_on": TODAY}), ("set_on", {"set_on": TODAY + DAY}),
    ]  # fmt: skip
    for field, given in wrong:
        with pytest.raises(ValidationError) as refused:
            aimed(account, **{"feature": trips} | given)
        assert list(refused.value.message_dict) == [field]
    goal = aimed(account, feature=trips, external_id="g-1")
    with pytest.raises(ValidationError, match="this id already"):
        aimed(account, feature=trips, external_id="g-1")
    untimely: list[tuple[Any, dict[str, Any], str]] = [
        (actions.change_goal, {"target": Decimal(100), "due_on": TODAY + 40 * DAY, "why": "x"}, "Nothing of it"),
        (actions.change_goal, {"target": Decimal(9), "due_on": TODAY + 40 * DAY, "why": ""}, "Say why"),
        (actions.resume_goal, {}, "not dropped"),
    ]
    for turn, given, words in untimely:
        with pytest.raises(ValidationError, match=words):
            turn(goal, **given, at=NOW, by=mina)
    with pytest.raises(PermissionDenied):
        actions.drop_goal(goal, why="x", at=NOW, by=factories.user("rep"))
    recorded = AuditRow.objects.filter(action__startswith="goal.")
    assert [row.action for row in recorded] == ["goal.set"]
    assert "Every trip" not in str(recorded.values())


@pytest.mark.parametrize("times", [1, 3])
def test_pages_show_goals_in_constant_queries(account, mina, client, times, django_assert_num_queries):
    trips = factories.feature("trips", name="Trips")
    used(account, event(trips), TODAY - DAY, 25)
    for n in range(times):
        aimed(account, feature=trips, words=f"Goal {n}", baseline=Decimal(0))
    client.force_login(mina)
    with time_machine.travel(NOW, tick=False):
        with django_assert_num_queries(4):
            page = client.get(reverse("account-goals", args=[account.pk])).content.decode()
        assert page.replace("\u00a0", " ").count("25 % of the way") == times
        assert page.count("Trips in 28 days: 25") == times
        past = client.get(reverse("account-goals", args=[account.pk]), {"day": "2026-11-17"}).content.decode()
        assert "No goal was set by that day." in past
        assert client.get(reverse("account", args=[account.pk])).content.decode().count("of the way") == times
