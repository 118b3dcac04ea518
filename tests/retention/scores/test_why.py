"""Why a score is what it is, what changed since, and what would help most; numbers worked out by hand."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crm.subscriptions.models import SubscriptionChange
from crm.usage.models import UsageDay
from retention.scores import queries
from retention.scores.models import Band
from retention.scores.queries import costliest_names, history, score_on
from tests import factories
from tests.factories import TODAY
from tests.retention import usage_rows as rows

pytestmark = pytest.mark.django_db
CARD = (
    {"kind": "breadth", "red": "0", "green": "1", "weight": 20, "unit": "key features"},
    {"kind": "depth", "threshold": 5, "red": "0.2", "green": "0.7", "weight": 50, "unit": "active people"},
    {"kind": "reach", "per_price": True, "red": 0, "green": 1, "weight": 20, "unit": "trips"},
    {"kind": "trend", "red": "-0.5", "green": "0.5", "weight": 10, "name": "Trend"},
)


def why(*asked: Any) -> Any:
    return queries.why(*asked)


def changed_since(*asked: Any) -> Any:
    return queries.changed_since(*asked)


@pytest.fixture
def nordwind() -> Any:
    """25 seats at 1,000 a month, 9 active people, 410 uses, of two key features one is used; new in this app."""
    feature, unused = factories.feature(is_key=True), factories.feature(is_key=True)
    account = factories.account()
    factories.subscription(account, 1000, plan=factories.plan(feature, unused), seats=25)
    rows.used(account, rows.event(feature), 410, ago=10)
    for _ in range(9):
        rows.person_used(account, rows.person(), 5, ago=10)
    return account


def test_a_score_says_what_each_measure_reads_and_brings(nordwind: Any, django_assert_num_queries: Any) -> None:
    rows.version(*CARD)
    rows.score()
    with django_assert_num_queries(2):
        found = why(nordwind.pk)
    parts = {part.kind: part for part in found.components}
    # 50, 32 and 41 points with 20, 50 and 20 of the known 90: (1000 + 1600 + 820) ÷ 90 = 38.
    assert [part.points for part in found.components] == [500, 320, 410, None]
    assert (found.points, found.band, found.coverage) == (380, Band.LEAVING, 900)
    assert [part.contribution for part in found.components] == [111, 178, 91, 0]
    assert sum(part.contribution for part in found.components) == found.points
    assert [part.words for part in found.components] == [
        "1 of 2 key features", "9 of 25 active people", "41 trips per EUR 100", "",
    ]  # fmt: skip
    assert parts["trend"].missing == "no full period before to compare with"
    assert parts["depth"].share == pytest.approx(5 / 9)
    assert parts["depth"].nominal == pytest.approx(0.5)
    assert (found.low, found.high) == (342, 442)


def test_what_would_help_most_is_the_costliest_measure_with_a_reading_within_reach(nordwind: Any) -> None:
    rows.version(*CARD)
    rows.score()
    found = why(nordwind.pk).help
    # Thriving needs 0.6 of 25 seats: 15 people are 80 points, 48 more × 50 ÷ 90 = 26.7.
    assert (found.key, found.target, found.gain) == ("m2", Decimal("0.6"), 267)
    assert found.sentence == "Back to 15 active people is worth +27"


def test_why_reads_the_ledger_for_a_past_day_in_two_queries(nordwind: Any, django_assert_num_queries: Any) -> None:
    rows.version(*CARD)
    rows.score(rows.day(5), TODAY)
    with django_assert_num_queries(2):
        found = why(nordwind.pk, rows.day(3))
    assert (found.day, found.hindsight, found.points) == (rows.day(5), True, 380)
    assert [part.words for part in found.components][1] == "9 of 25 active people"
    assert why(nordwind.pk, rows.day(6)) is None


def test_a_customer_that_left_is_explained_by_its_last_row(nordwind: Any) -> None:
    rows.version(*CARD)
    rows.score(rows.day(1), rows.day(1))
    SubscriptionChange.objects.system("test").update(ends_on=TODAY)
    rows.score()
    assert (why(nordwind.pk).day, why(nordwind.pk).points) == (rows.day(1), 380)


def test_an_unknown_score_still_shows_what_is_known_and_why_the_rest_is_missing() -> None:
    new = factories.account(customer_since=rows.day(5))
    factories.subscription(new, 0, seats=None)
    rows.other_usage()
    rows.version(*CARD)
    rows.score()
    found = why(new.pk)
    assert (found.points, found.band, found.coverage, found.help) == (None, Band.UNKNOWN, 0, None)
    assert [part.missing for part in found.components] == [
        "the plan includes no key features",
        "no paid seats",
        "no price in the reporting currency",
        "no full period before to compare with",
    ]


def test_readings_and_days_are_put_into_words() -> None:
    account = factories.account()
    event = rows.event(factories.feature())
    rows.used(account, event, 12_345, ago=3)
    rows.used(account, event, 15_055, ago=40)
    rows.version(
        {"kind": "trend"}, {"kind": "recency", "red": 28, "green": 1}, {"kind": "reach", "green": 9, "unit": "trips"},
        {"kind": "reach", "green": 9, "unit": "trips", "window": 7},
    )  # fmt: skip
    rows.score()
    assert [part.words for part in why(account.pk).components] == [
        "−18 %",
        "3 days ago",
        "12,345 trips",
        "12,345 trips",
    ]
    UsageDay.objects.filter(day=rows.day(3)).delete()
    rows.score(rows.day(-30), rows.day(-30))
    assert why(account.pk).components[1].words == "28 days or more"


def test_without_a_linear_scale_the_target_is_a_rank() -> None:
    event = rows.event(factories.feature())
    accounts = [factories.account() for _ in range(51)]
    for n, account in enumerate(accounts):
        rows.used(account, event, n + 1, ago=3)
    rows.version({"kind": "reach", "scale": "percentile", "green": 100, "name": "Reach"})
    rows.score()
    assert why(accounts[10].pk).help.sentence == "Reach among the best 20 % of accounts is worth +60"


def test_what_changed_adds_up_to_the_difference_of_the_scores(nordwind: Any, django_assert_num_queries: Any) -> None:
    rows.version(*CARD)
    rows.score(rows.day(5), rows.day(5))
    rows.used(nordwind, rows.event(factories.feature()), 90, ago=1)
    for _ in range(3):
        rows.person_used(nordwind, rows.person(), 5, ago=1)
    rows.score()
    with django_assert_num_queries(2):
        found = changed_since(nordwind.pk, rows.day(5), TODAY)
    # Depth 9 → 12 of 25: 32 → 56 points; reach 41 → 50: (1000 + 2800 + 1000) ÷ 90 = 53.3.
    assert (found.before, found.after) == (380, 533)
    assert [(line.key, line.before_words, line.after_words, line.change) for line in found.lines] == [
        ("m1", "1 of 2 key features", "1 of 2 key features", 0),
        ("m2", "9 of 25 active people", "12 of 25 active people", 133),
        ("m3", "41 trips per EUR 100", "50 trips per EUR 100", 20),
    ]
    assert sum(line.change for line in found.lines) == 153


def test_a_measure_that_becomes_known_and_a_new_version_are_lines_of_their_own(nordwind: Any) -> None:
    rows.version(*CARD)
    rows.score(rows.day(5), rows.day(5))
    rows.used(nordwind, rows.event(factories.feature()), 410, ago=40)
    rows.version(*CARD[:3], CARD[3] | {"weight": 30, "name": "Trend"})
    rows.score()
    found = changed_since(nordwind.pk, rows.day(5), TODAY)
    # The same measures under the new weights are still 38; the trend of 0 % (50 points) comes in with 30 of 120.
    assert (found.before, found.after) == (380, 410)
    assert [(line.kind, line.change) for line in found.lines] == [
        ("measure", 0), ("measure", 0), ("measure", 0), ("known", 30), ("version", 0),
    ]  # fmt: skip


def test_an_unknown_day_has_no_lines_and_a_day_before_any_score_nothing(nordwind: Any) -> None:
    rows.version(*CARD, minimum_coverage=95)
    rows.score()
    assert changed_since(nordwind.pk, TODAY, TODAY).lines == []
    assert changed_since(nordwind.pk, rows.day(9), TODAY) is None


def test_history_begins_with_the_row_that_holds_and_keeps_the_best_knowledge_of_a_day(nordwind: Any) -> None:
    rows.version(*CARD)
    for ago in (9, 2):
        rows.score(rows.day(ago), rows.day(ago))
    UsageDay.objects.update(uses=205)
    rows.score(rows.day(2), TODAY)
    # 41 becomes 20.5 trips per 100: (1000 + 1600 + 410) ÷ 90.
    assert history(nordwind.pk, rows.day(5), TODAY) == [(rows.day(5), 380), (rows.day(2), 334)]
    assert history(nordwind.pk, date(2026, 1, 1), rows.day(5)) == [(rows.day(9), 380)]
    assert score_on(rows.day(3)) == {nordwind.pk: 380}
    assert score_on(TODAY, [nordwind.pk]) == {nordwind.pk: 334}
    assert score_on(TODAY - timedelta(20)) == {}


def test_names_of_the_costliest_measures_come_by_version_and_place(nordwind: Any) -> None:
    version = rows.version(*CARD)
    names = ["Measure 1", "Measure 2", "Measure 3", "Trend"]
    assert costliest_names([version.pk]) == {(version.pk, n): name for n, name in enumerate(names, 1)}
