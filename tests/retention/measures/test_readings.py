"""Each sentence of definitions.md on measures, with numbers worked out by hand; scored through the windows."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crm.subscriptions.models import ExchangeRate, SubscriptionChange
from retention.scores.models import Standing
from tests import factories
from tests.factories import TODAY
from tests.retention import usage_rows as rows

pytestmark = pytest.mark.django_db


def an_account(plan: Any = None, mrr: Any = 100, **more: Any) -> Any:
    """A customer since 2025 who pays 100 EUR a month for ten seats."""
    line = {name: more.pop(name) for name in ("seats", "currency", "effective_on", "ends_on") if name in more}
    account = factories.account(**more)
    factories.subscription(account, mrr, plan=plan, **line)
    return account


# --- breadth -------------------------------------------------------------------------------------------------


def test_breadth_is_the_share_of_the_plans_key_features_used_meaningfully() -> None:
    chat, calls, maps = (factories.feature(is_key=True, threshold=n) for n in (3, 5, 1))
    plain = factories.feature(threshold=1)
    elsewhere = factories.feature(is_key=True)
    account = an_account(factories.plan(chat, calls, maps, plain))
    for feature, uses in ((chat, 3), (calls, 4), (plain, 9), (elsewhere, 9)):
        rows.used(account, rows.event(feature), uses, ago=1)
    rows.version({"kind": "breadth"})
    rows.score()
    # Chat reaches its threshold, calls misses it by one, maps is not used: 1 of 3.
    assert rows.readings(account) == [Decimal("0.333333333")]


def test_several_events_add_up_to_a_feature_and_a_sum_counts_in_its_unit() -> None:
    minutes = factories.feature(is_key=True, counts_amount=True, unit="minutes", threshold=15)
    account = an_account(factories.plan(minutes))
    rows.used(account, rows.event(minutes), 1, ago=1, amount=9)
    rows.used(account, rows.event(minutes), 1, ago=27, amount=6)
    rows.version({"kind": "breadth"})
    rows.score()
    assert rows.readings(account) == [Decimal(1)]


def test_the_window_reaches_from_28_days_before_to_yesterday() -> None:
    first, last, today, before = (factories.feature(is_key=True) for _ in range(4))
    account = an_account(factories.plan(first, last, today, before))
    for feature, ago in ((first, 28), (last, 1), (today, 0), (before, 29)):
        rows.used(account, rows.event(feature), 1, ago=ago)
    rows.version({"kind": "breadth"})
    rows.score()
    assert rows.readings(account) == [Decimal("0.5")]


def test_a_plan_without_key_features_or_no_plan_leaves_breadth_missing() -> None:
    account, alone = an_account(factories.plan(factories.feature())), an_account()
    rows.other_usage()
    rows.version({"kind": "breadth"})
    rows.score()
    assert (rows.readings(account), rows.readings(alone)) == ([None], [None])


def test_two_plans_include_the_features_of_both_and_everything_includes_all() -> None:
    one, two, _three = (factories.feature(is_key=True) for _ in range(3))
    account = an_account(factories.plan(one))
    factories.subscription(account, 10, plan=factories.plan(two))
    rich = an_account(factories.plan(includes_everything=True))
    for of in (account, rich):
        rows.used(of, rows.event(one), 1, ago=3)
    rows.version({"kind": "breadth"})
    rows.score()
    assert rows.readings(account) == [Decimal("0.5")]
    assert rows.readings(rich) == [Decimal("0.333333333")]


# --- depth ---------------------------------------------------------------------------------------------------


def test_depth_is_people_with_enough_flagged_uses_per_paid_seat() -> None:
    account = an_account(seats=8)
    for uses in (5, 4, 9):
        rows.person_used(account, rows.person(), uses, ago=2)
    twice = rows.person()
    rows.person_used(account, twice, 3, ago=2)
    rows.person_used(account, twice, 2, ago=28)
    rows.other_usage()
    rows.version({"kind": "depth", "threshold": 5})
    rows.score()
    # 5, 9 and 3 + 2 reach five; 4 does not: 3 of 8 seats.
    assert rows.readings(account) == [Decimal("0.375")]


def test_depth_is_capped_at_one_and_missing_without_seats() -> None:
    full, unsold = an_account(seats=1), an_account(seats=None)
    for account in (full, unsold):
        for _ in range(2):
            rows.person_used(account, rows.person(), 5, ago=2)
    rows.other_usage()
    rows.version({"kind": "depth", "threshold": 5})
    rows.score()
    assert (rows.readings(full), rows.readings(unsold)) == ([Decimal(1)], [None])


def test_an_alias_counts_as_the_person_it_stands_for() -> None:
    account = an_account(seats=10)
    known = rows.person()
    middle = rows.person(same_as=known)
    anonymous = rows.person(same_as=middle, is_anonymous=True)
    for someone, uses in ((known, 1), (middle, 1), (anonymous, 3)):
        rows.person_used(account, someone, uses, ago=2)
    rows.other_usage()
    rows.version({"kind": "depth", "threshold": 5})
    rows.score()
    assert rows.readings(account) == [Decimal("0.1")]


def test_usage_and_terms_of_a_merged_account_count_for_the_one_in_its_place() -> None:
    account = an_account(seats=5)
    gone = an_account(seats=5, merged_into=account)
    feature = factories.feature()
    someone = rows.person()
    rows.person_used(account, someone, 2, ago=2)
    rows.person_used(gone, someone, 3, ago=2)
    event = rows.event(feature)
    rows.used(account, event, 7, ago=2)
    rows.used(gone, event, 8, ago=2)
    rows.version({"kind": "depth", "threshold": 5}, {"kind": "reach", "green": 100})
    assert rows.score().accounts == 1
    assert rows.readings(account) == [Decimal("0.1"), Decimal(15)]


# --- reach, per price ------------------------------------------------------------------------------------------


def test_reach_sums_all_mapped_features_or_the_chosen_one_in_its_unit() -> None:
    trips = factories.feature(counts_amount=True, unit="trips")
    other = factories.feature()
    account = an_account()
    rows.used(account, rows.event(trips), 2, ago=2, amount=30)
    rows.used(account, rows.event(other), 5, ago=2)
    rows.used(account, rows.event(None), 50, ago=2)
    rows.version({"kind": "reach", "green": 9}, {"kind": "reach", "green": 9, "feature": trips})
    rows.score()
    assert rows.readings(account) == [Decimal(7), Decimal(30)]


def test_per_price_divides_by_the_mean_mrr_of_the_window() -> None:
    feature = factories.feature()
    account = factories.account()
    first = factories.subscription(account, 100, effective_on=date(2025, 1, 1))
    # From 7 of the 28 days on it pays 300: (21 × 100 + 7 × 300) ÷ 28 = 150.
    type(first).objects.create(
        account=account, subscription=first.subscription, effective_on=TODAY - timedelta(7), price=300, mrr=300,
        currency="EUR", seats=10, recorded_at=factories.NOW,
    )  # fmt: skip
    rows.used(account, rows.event(feature), 60, ago=5)
    rows.version({"kind": "reach", "per_price": True})
    rows.score()
    assert rows.readings(account) == [Decimal("0.4")]


def test_a_window_of_84_days_is_divided_by_three_times_the_monthly_price() -> None:
    account = an_account(mrr=50)
    rows.used(account, rows.event(factories.feature()), 300, ago=80)
    rows.version({"kind": "reach", "per_price": True, "window": 84})
    rows.score()
    assert rows.readings(account) == [Decimal(2)]


def test_a_price_of_nothing_or_without_a_rate_leaves_per_price_missing_and_a_rate_of_the_terms_start_converts() -> None:
    free, foreign, converted = an_account(mrr=0), an_account(currency="USD"), an_account(currency="GBP")
    ExchangeRate.objects.create(currency="GBP", day=date(2024, 1, 1), rate=Decimal("1.25"))
    ExchangeRate.objects.create(currency="GBP", day=date(2026, 1, 1), rate=Decimal(9))
    event = rows.event(factories.feature())
    for account in (free, foreign, converted):
        rows.used(account, event, 50, ago=5)
    rows.version({"kind": "reach", "per_price": True})
    rows.score()
    # 100 GBP at the 1.25 of its start in 2025 are 125 EUR.
    assert [rows.readings(a) for a in (free, foreign, converted)] == [[None], [None], [Decimal("0.4")]]


# --- tenure ----------------------------------------------------------------------------------------------------


def test_a_young_accounts_use_is_scaled_to_the_window_before_any_threshold() -> None:
    feature = factories.feature(is_key=True, threshold=6)
    young = an_account(factories.plan(feature), customer_since=TODAY - timedelta(14), seats=4)
    event = rows.event(feature)
    rows.used(young, event, 3, ago=2)
    rows.person_used(young, rows.person(), 3, ago=2)
    rows.person_used(young, rows.person(), 2, ago=2)
    rows.version(
        {"kind": "breadth"}, {"kind": "depth", "threshold": 5}, {"kind": "reach", "green": 9},
        {"kind": "reach", "per_price": True, "feature": feature},
    )  # fmt: skip
    rows.score()
    # Half the window: 3 uses count as 6, of people 3 as 6 and 2 as 4; both amount and price double.
    assert rows.readings(young)[:3] == [Decimal(1), Decimal("0.25"), Decimal(6)]


def test_a_young_account_pays_for_the_days_it_was_there() -> None:
    young = an_account(customer_since=TODAY - timedelta(14), effective_on=TODAY - timedelta(14))
    rows.used(young, rows.event(factories.feature()), 30, ago=2)
    rows.version({"kind": "reach", "per_price": True})
    rows.score()
    # 30 uses in 14 days are 60 in 28, at 100 a month.
    assert rows.readings(young) == [Decimal("0.6")]


def test_under_fourteen_days_everything_of_use_is_missing() -> None:
    new = an_account(customer_since=TODAY - timedelta(13))
    rows.used(new, rows.event(factories.feature()), 30, ago=2)
    rows.version({"kind": "reach", "green": 9}, {"kind": "depth", "threshold": 5}, {"kind": "recency", "red": 28})
    scored = rows.score()
    assert rows.readings(new) == [None, None, None]
    assert scored.unknown == 1


def test_trend_is_the_change_against_the_window_before_and_needs_two_full_ones() -> None:
    old, fresh = an_account(), an_account(customer_since=TODAY - timedelta(55))
    silent = an_account()
    event = rows.event(factories.feature())
    for account in (old, fresh):
        rows.used(account, event, 20, ago=40)
        rows.used(account, event, 15, ago=20)
    rows.used(silent, event, 15, ago=20)
    rows.version({"kind": "trend"})
    rows.score()
    # Without use before there is no baseline.
    assert [rows.readings(a) for a in (old, fresh, silent)] == [[Decimal("-0.25")], [None], [None]]


def test_recency_counts_days_since_the_last_use_up_to_its_window() -> None:
    used, quiet, never = an_account(), an_account(), an_account()
    event = rows.event()
    rows.used(used, event, 1, ago=3)
    rows.used(quiet, event, 1, ago=45)
    rows.version({"kind": "recency", "red": 28, "green": 1})
    rows.score()
    assert [rows.readings(a) for a in (used, quiet, never)] == [[Decimal(3)], [Decimal(28)], [Decimal(28)]]


def test_no_known_usage_at_all_is_missing_and_not_zero() -> None:
    account = an_account()
    rows.version({"kind": "reach", "green": 9})
    rows.score()
    assert rows.readings(account) == [None]


def test_a_customer_without_use_among_others_with_some_reads_zero() -> None:
    account = an_account()
    rows.other_usage()
    rows.version({"kind": "reach", "green": 9})
    rows.score()
    assert rows.readings(account) == [Decimal(0)]


# --- who is judged -----------------------------------------------------------------------------------------------


def test_gone_accounts_are_not_judged_and_coverage_that_ends_with_the_data_is_not_churn() -> None:
    yesterday = TODAY - timedelta(1)
    gone = an_account(ends_on=yesterday)
    trial, let_go = factories.account(stage="trial"), factories.account(stage="let_go")
    censored = an_account(ends_on=TODAY)
    rows.other_usage()
    factories.installation(paid_through=yesterday)
    rows.version({"kind": "reach", "green": 9})
    assert rows.score().accounts == 2
    assert [bool(rows.ledger(a)) for a in (gone, trial, let_go, censored)] == [False, True, False, True]


def test_percentiles_rank_live_accounts_with_a_reading_and_need_fifty() -> None:
    event = rows.event(factories.feature())
    accounts = [an_account() for _ in range(51)]
    for n, account in enumerate(accounts):
        rows.used(account, event, n + 1, ago=3)
    churned = an_account(ends_on=TODAY - timedelta(1))
    rows.used(churned, event, 1000, ago=3)
    rows.version({"kind": "reach", "scale": "percentile", "green": 100})
    rows.score()
    assert rows.ledger(accounts[30])[0].points == 600
    type(accounts[0]).objects.filter(pk__in=[a.pk for a in accounts[:2]]).system("test").update(stage="churned")
    SubscriptionChange.objects.system("test").filter(account__in=accounts[:2]).update(ends_on=TODAY - timedelta(2))
    Standing.objects.all().delete()
    rows.score()
    assert rows.ledger(accounts[30])[-1].points is None
