"""What accounts pay, on real rows."""

import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.accounts.models import Account
from crm.subscriptions import queries
from crm.subscriptions.models import ExchangeRate, Subscription, SubscriptionChange
from crm.subscriptions.queries import Movement, PaidFeatures, Renewal
from tests.factories import NOW, account, feature, installation, plan, subscription

pytestmark = pytest.mark.django_db


def change(first: SubscriptionChange, mrr: str | int, **more) -> SubscriptionChange:
    """Append a row to the line of `first`."""
    defaults = {"price": Decimal(mrr), "mrr": Decimal(mrr), "currency": "EUR", "recorded_at": NOW}
    return SubscriptionChange.objects.create(account=first.account, subscription=first.subscription, **defaults | more)


def test_mrr_on_a_day_adds_up_the_lines_that_are_paid_then():
    acme, other = account(), account()
    subscription(acme, 100, effective_on=date(2026, 1, 1), ends_on=date(2026, 3, 1))
    subscription(acme, 40, effective_on=date(2026, 2, 1))
    subscription(other, 7, effective_on=date(2026, 2, 28))
    assert queries.mrr_on(date(2025, 12, 31)) == {}
    assert queries.mrr_on(date(2026, 1, 1)) == {acme.pk: Decimal(100)}
    assert queries.mrr_on(date(2026, 2, 28)) == {acme.pk: Decimal(140), other.pk: Decimal(7)}
    assert queries.mrr_on(date(2026, 3, 1)) == {acme.pk: Decimal(40), other.pk: Decimal(7)}


def test_the_latest_change_not_after_the_day_holds_and_of_one_day_the_one_recorded_last():
    first = subscription(account(), 100, effective_on=date(2026, 1, 1))
    change(first, 130, effective_on=date(2026, 6, 1))
    change(first, 120, effective_on=date(2026, 6, 1))
    change(first, 110, effective_on=date(2026, 3, 1))
    days = [date(2026, 2, 28), date(2026, 3, 1), date(2026, 5, 31), date(2026, 6, 1)]
    assert [queries.mrr_on(day)[first.account_id] for day in days] == [100, 110, 110, 120]


def test_what_was_recorded_later_was_not_known_then():
    first = subscription(account(), 100, effective_on=date(2026, 1, 1), recorded_at=datetime(2026, 1, 1, tzinfo=UTC))
    change(first, 50, effective_on=date(2026, 2, 1), recorded_at=datetime(2026, 4, 1, tzinfo=UTC))
    day = date(2026, 3, 1)
    assert queries.mrr_on(day, known=datetime(2026, 3, 31, tzinfo=UTC)) == {first.account_id: Decimal(100)}
    assert queries.mrr_on(day, known=datetime(2026, 4, 1, tzinfo=UTC)) == {first.account_id: Decimal(50)}


def test_foreign_money_takes_the_rate_of_the_terms_start_and_without_one_is_unknown():
    installation(currency="EUR")
    for day, rate in ((date(2026, 1, 1), "0.9"), (date(2026, 6, 1), "0.5")):
        ExchangeRate.objects.create(currency="USD", day=day, rate=Decimal(rate))
    early, late, too_early = account(), account(), account()
    subscription(early, 100, currency="USD", effective_on=date(2026, 5, 31))
    subscription(late, 100, currency="USD", effective_on=date(2026, 6, 1))
    subscription(too_early, 100, currency="USD", effective_on=date(2025, 12, 31))
    subscription(too_early, 10, effective_on=date(2025, 12, 31))
    found = queries.mrr_on(date(2026, 7, 1))
    assert found == {early.pk: Decimal(90), late.pk: Decimal(50), too_early.pk: None}


def test_a_merged_accounts_lines_count_for_the_one_that_took_over():
    winner = account()
    loser = account(merged_into=winner)
    subscription(winner, 100)
    subscription(loser, 20)
    assert queries.mrr_on(date(2026, 1, 1)) == {winner.pk: Decimal(120)}
    assert queries.mrr_on(date(2026, 1, 1), accounts=[winner.pk]) == {winner.pk: Decimal(120)}
    assert queries.mrr_on(date(2026, 1, 1), accounts=[]) == {}


def test_seats_add_up_and_stay_unknown_where_no_line_states_any():
    seats, none = account(), account()
    subscription(seats, seats=10)
    subscription(seats, seats=5)
    subscription(seats, seats=None)
    subscription(none, seats=None)
    assert queries.seats_on(date(2026, 1, 1)) == {seats.pk: 15, none.pk: None}


def test_mean_mrr_weighs_each_day_of_the_window_and_counts_unpaid_days_as_zero():
    acme, unknown, gone = account(), account(), account()
    first = subscription(acme, 100, effective_on=date(2025, 1, 1), ends_on=date(2026, 1, 8))
    change(first, 300, effective_on=date(2026, 1, 15), ends_on=date(2026, 1, 22))
    subscription(acme, 28, effective_on=date(2026, 1, 27))
    subscription(unknown, 10, currency="USD", effective_on=date(2026, 1, 28))
    subscription(gone, 10, ends_on=date(2026, 1, 1))
    # [1 Jan, 29 Jan): 7 days at 100, 7 at nothing, 7 at 300, 5 at nothing, 2 at 28 = 2,856 over 28 days.
    window = date(2026, 1, 1), date(2026, 1, 29)
    assert queries.mean_mrr(*window) == {acme.pk: Decimal(102), unknown.pk: None}


def test_paid_days_count_a_day_with_two_lines_once():
    acme = account()
    subscription(acme, 1, effective_on=date(2026, 1, 1), ends_on=date(2026, 1, 11))
    subscription(acme, 1, effective_on=date(2026, 1, 6), ends_on=date(2026, 1, 16))
    with connection.cursor() as cursor:
        window = {"start": date(2026, 1, 3), "end": date(2026, 1, 31), "known": None}
        cursor.execute(f"SELECT paid_days FROM ({queries.sql('mean_mrr')}) AS mean", window)
        assert cursor.fetchall() == [(13,)]


def test_the_mean_is_the_mean_of_the_days():
    acme = account()
    first = subscription(acme, 90, effective_on=date(2026, 1, 3), ends_on=date(2026, 1, 9))
    change(first, 50, effective_on=date(2026, 1, 7))
    subscription(acme, 11, effective_on=date(2026, 1, 5), ends_on=date(2026, 1, 20))
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(14)]
    each = [queries.mrr_on(day).get(acme.pk) or Decimal(0) for day in days]
    mean = queries.mean_mrr(days[0], days[-1] + timedelta(days=1))[acme.pk]
    assert mean == round(sum(each, Decimal(0)) / 14, 6)


def test_renewals_show_the_nearest_day_ahead_with_its_own_notice_day():
    acme, without = account(), account()
    subscription(acme, renews_on=date(2026, 12, 31), notice_on=date(2026, 9, 30))
    subscription(acme, renews_on=date(2026, 8, 1))
    subscription(acme, renews_on=date(2026, 5, 1), ends_on=date(2026, 5, 1))
    subscription(without, renews_on=None)
    assert queries.renewals(date(2026, 8, 1)) == {acme.pk: Renewal(date(2026, 8, 1), None)}
    assert queries.renewals(date(2026, 8, 2)) == {acme.pk: Renewal(date(2026, 12, 31), date(2026, 9, 30))}


def test_churn_is_the_first_day_without_a_paid_term():
    gone, live, back = account(), account(), account()
    subscription(gone, ends_on=date(2026, 3, 1))
    subscription(gone, ends_on=date(2026, 2, 1))
    subscription(live, ends_on=None)
    subscription(back, ends_on=date(2026, 2, 1))
    subscription(back, effective_on=date(2026, 4, 1), ends_on=date(2026, 6, 1))
    expected = {gone.pk: None, live.pk: None, back.pk: date(2026, 2, 1)}
    assert queries.churned_on(date(2026, 2, 28)) == expected
    assert queries.churned_on(date(2026, 3, 1)) == expected | {gone.pk: date(2026, 3, 1)}
    assert queries.churned_on(date(2026, 4, 1)) == expected | {gone.pk: date(2026, 3, 1), back.pk: None}


def test_coverage_that_ends_with_the_data_is_censored_not_churn():
    installation(paid_through=date(2026, 6, 30))
    ends_with_them, a_day_before = account(), account()
    subscription(ends_with_them, ends_on=date(2026, 7, 1))
    subscription(a_day_before, ends_on=date(2026, 6, 30))
    assert queries.churned_on(date(2026, 9, 1)) == {ends_with_them.pk: None, a_day_before.pk: date(2026, 6, 30)}
    kinds = [(move.account_id, move.kind) for move in queries.movements(date(2026, 1, 1), date(2026, 9, 1))]
    assert kinds == [(a_day_before.pk, "churn")]


def test_one_pass_over_the_terms_says_what_each_question_says_alone():
    installation(paid_through=date(2026, 8, 31), currency="EUR")
    small, large = plan(), plan()
    acme, gone, later, foreign = account(), account(), account(), account()
    first = subscription(acme, 90, plan=small, seats=3, effective_on=date(2026, 1, 3), ends_on=date(2026, 6, 9))
    change(first, 50, effective_on=date(2026, 4, 7), seats=5)
    subscription(acme, 11, plan=large, seats=2, effective_on=date(2026, 3, 5))
    subscription(gone, 7, plan=large, effective_on=date(2026, 1, 1), ends_on=date(2026, 3, 20))
    subscription(later, 7, effective_on=date(2026, 8, 1))
    subscription(foreign, 7, currency="USD", effective_on=date(2026, 1, 1))
    for day in (date(2026, 1, 1), date(2026, 3, 20), date(2026, 4, 10), date(2026, 6, 20), date(2026, 8, 31)):
        given = {"day": day, "known": None, "start_28": day - timedelta(28), "end_28": day}
        text = queries.state_sql([28])
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT account_id, churned_on, plans, seats, mrr_28 FROM ({text}) AS state", given)
            rows = {row[0]: row[1:] for row in cursor.fetchall()}
            cursor.execute(queries.sql("seats_on"), given)
            seats = dict(cursor.fetchall())
        churned, mean = queries.churned_on(day), queries.mean_mrr(day - timedelta(28), day)
        paid = queries.paid_plan_features(day)
        assert set(rows) == {acme.pk, gone.pk, later.pk, foreign.pk}
        for pk, (left, plans, own, mrr) in rows.items():
            assert (left, own, mrr) == (churned.get(pk), seats.get(pk), mean.get(pk))
            assert (plans is not None) == (pk in paid)
    with connection.cursor() as cursor:
        given |= {"day": date(2026, 4, 10), "start_28": date(2026, 3, 13), "end_28": date(2026, 4, 10)}
        cursor.execute(f"SELECT account_id, plans, seats, mrr_28 FROM ({text}) AS state ORDER BY 1", given)
        # 25 days at 90 and 3 at 50, beside 28 at 11; 7 days at 7; nothing yet; no rate.
        assert cursor.fetchall()[:2] == [
            (acme.pk, sorted([small.pk, large.pk]), 7, Decimal("96.714286")),
            (gone.pk, None, None, Decimal("1.750000")),
        ]


def test_features_come_from_the_plans_paid_that_day():
    reports, chat = feature(), feature()
    small, all_in, bare = plan(reports, chat), plan(includes_everything=True), plan()
    one, two, three, gone = account(), account(), account(), account()
    subscription(one, plan=small)
    subscription(two, plan=all_in)
    subscription(three, plan=bare)
    subscription(gone, plan=small, ends_on=date(2026, 1, 1))
    assert queries.paid_plan_features(date(2026, 1, 1)) == {
        one.pk: PaidFeatures(False, frozenset({reports.pk, chat.pk})),
        two.pk: PaidFeatures(True, frozenset()),
        three.pk: PaidFeatures(False, frozenset()),
    }


def test_movements_are_named_on_their_days_and_add_up_lines():
    acme = account()
    first = subscription(acme, 100, effective_on=date(2026, 1, 1), ends_on=date(2026, 2, 1))
    change(first, 100, effective_on=date(2026, 2, 1), ends_on=date(2026, 3, 1))
    subscription(acme, 30, effective_on=date(2026, 2, 10), ends_on=date(2026, 3, 1))
    change(first, 90, effective_on=date(2026, 4, 1))
    assert queries.movements(date(2025, 12, 31), date(2026, 4, 1)) == [
        Movement(acme.pk, date(2026, 1, 1), "new", Decimal(100)),
        Movement(acme.pk, date(2026, 2, 1), "renewal", Decimal(0)),
        Movement(acme.pk, date(2026, 2, 10), "expansion", Decimal(30)),
        Movement(acme.pk, date(2026, 3, 1), "churn", Decimal(-130)),
        Movement(acme.pk, date(2026, 4, 1), "reactivation", Decimal(90)),
    ]
    assert [move.kind for move in queries.movements(date(2026, 2, 10), date(2026, 3, 31))] == ["churn"]


def test_a_line_that_moves_to_another_plan_the_same_day_at_the_same_price_renews():
    acme = account()
    subscription(acme, 100, effective_on=date(2026, 1, 1), ends_on=date(2026, 2, 1))
    subscription(acme, 100, effective_on=date(2026, 2, 1))
    kinds = [move.kind for move in queries.movements(date(2025, 12, 31), date(2026, 4, 1))]
    assert kinds == ["new", "renewal"]


def test_more_seats_at_the_same_price_in_the_middle_of_a_term_are_no_movement():
    first = subscription(account(), 100, effective_on=date(2026, 1, 1), renews_on=date(2027, 1, 1))
    change(first, 100, effective_on=date(2026, 6, 1), seats=12, renews_on=date(2027, 1, 1))
    change(first, 100, effective_on=date(2027, 1, 1), seats=12)
    moves = queries.movements(date(2025, 12, 31), date(2027, 1, 1))
    assert [(move.day, move.kind) for move in moves] == [(date(2026, 1, 1), "new"), (date(2027, 1, 1), "renewal")]


days = st.integers(0, 40).map(lambda n: date(2026, 1, 1) + timedelta(days=n))
changes = st.tuples(
    st.integers(0, 2),  # account
    st.integers(0, 1),  # line
    days,
    st.one_of(st.none(), st.integers(0, 20)),  # length of the term
    st.decimals(0, 9999, places=2),
    st.sampled_from([1, 3, 12]),
    st.sampled_from(["EUR", "USD"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(changes, max_size=14), bounds=st.tuples(days, days).map(sorted))
def test_movements_over_a_period_add_up_to_the_difference_of_mrr(rows, bounds):
    """To the last digit, which is stricter than to the cent."""
    from crm.subscriptions.rules import monthly

    ExchangeRate.objects.get_or_create(currency="USD", day=date(2026, 1, 1), defaults={"rate": Decimal("0.91234567")})
    SubscriptionChange.objects.system("clearing between examples").delete()
    Subscription.objects.system("clearing between examples").delete()
    lines: dict[tuple[int, int], Subscription] = {}
    accounts: dict[int, Account] = {}
    for of, line, day, length, price, months, currency in rows:
        if of not in accounts:
            accounts[of] = account()
        key = (of, line)
        if key not in lines:
            lines[key] = Subscription.objects.create(account=accounts[of], external_id=f"l{line}", created_at=NOW)
        SubscriptionChange.objects.create(
            account=accounts[of],
            subscription=lines[key],
            effective_on=day,
            ends_on=None if length is None else day + timedelta(days=length),
            price=price,
            billing_months=months,
            mrr=monthly(price, months),
            currency=currency,
            recorded_at=NOW,
        )
    start, end = bounds
    moved: dict[int, Decimal] = {}
    for move in queries.movements(start, end):
        assert move.amount is not None
        moved[move.account_id] = moved.get(move.account_id, Decimal(0)) + move.amount
    before, after = queries.mrr_on(start), queries.mrr_on(end)
    difference = {pk: (after.get(pk) or Decimal(0)) - (before.get(pk) or Decimal(0)) for pk in moved | before | after}
    assert {pk: amount for pk, amount in moved.items() if amount} == {
        pk: amount for pk, amount in difference.items() if amount
    }


SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "crm5"


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="../shared/data/crm5 is not there")
def test_the_crm5_vendor_lost_33_accounts_and_214_are_censored():
    installation(paid_through=date(2023, 6, 30))
    with (SHARED / "subscriptions.csv").open() as file:
        rows = [SimpleNamespace(**row) for row in csv.DictReader(file)]
    accounts = {number: account(f"crm5 {number}") for number in sorted({row.account_id for row in rows})}
    lines = {
        (row.account_id, row.product): Subscription(
            account=accounts[row.account_id], external_id=row.product, created_at=NOW
        )
        for row in rows
    }
    Subscription.objects.bulk_create(lines.values())
    SubscriptionChange.objects.bulk_create(
        SubscriptionChange(
            account=accounts[row.account_id],
            subscription=lines[row.account_id, row.product],
            effective_on=date.fromisoformat(row.start_date),
            ends_on=date.fromisoformat(row.end_date),
            price=Decimal(row.mrr),
            mrr=Decimal(row.mrr) * (1 - Decimal(row.discount)),
            currency="EUR",
            recorded_at=NOW,
        )
        for row in rows
    )
    found = queries.churned_on(date(2026, 11, 21))
    assert (len(found), sum(day is not None for day in found.values())) == (247, 33)
