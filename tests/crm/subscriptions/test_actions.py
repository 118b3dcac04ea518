"""Subscriptions change by appended rows; stages follow them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from crm.accounts.models import Account
from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.subscriptions import actions, queries
from crm.subscriptions.actions import Terms
from crm.subscriptions.models import SubscriptionChange
from tests.factories import NOW, account, installation, subscription, user

pytestmark = pytest.mark.django_db
TERMS = Terms(effective_on=date(2026, 1, 1), price=Decimal(1000), billing_months=12, currency="EUR", seats=25)
PIPELINE = System("pipeline")


def opened(rep, **more) -> SubscriptionChange:
    terms = replace(TERMS, **more)
    return actions.open_subscription(account(owner=rep), external_id="line", terms=terms, at=NOW, by=rep)


def test_a_line_begins_with_a_row_whose_mrr_is_derived(rep):
    row = opened(rep)
    assert (row.mrr, row.seats, row.recorded_at) == (Decimal("83.333333"), 25, NOW)
    assert queries.mrr_on(date(2026, 1, 1)) == {row.account_id: Decimal("83.333333")}
    said = AuditRow.objects.get(action="subscription.opened")
    assert said.after == {
        "effective_on": "2026-01-01",
        "price": "1000",
        "billing_months": 12,
        "currency": "EUR",
        "seats": 25,
        "mrr": "83.333333",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price", Decimal("-0.01")),
        ("price", Decimal("0.001")),
        ("billing_months", 0),
        ("billing_months", 121),
        ("currency", "XXX"),
        ("currency", "eur"),
        ("ends_on", date(2025, 12, 31)),
        ("renews_on", date(2025, 12, 31)),
        ("effective_on", date(1969, 12, 31)),
        ("ends_on", date(2200, 1, 1)),
        ("seats", -1),
    ],
)
def test_nonsense_is_refused_at_its_field(rep, field, value):
    with pytest.raises(ValidationError) as refused:
        opened(rep, **{field: value})
    assert list(refused.value.message_dict) == [field]
    assert AuditRow.objects.count() == 0


def test_a_renewal_after_the_end_and_a_notice_after_the_renewal_contradict_themselves(rep):
    for field, days in (
        ("renews_on", {"renews_on": date(2027, 1, 1), "ends_on": date(2026, 12, 31)}),
        ("notice_on", {"renews_on": date(2027, 1, 1), "notice_on": date(2027, 1, 2)}),
    ):
        with pytest.raises(ValidationError) as refused:
            opened(rep, **days)
        assert list(refused.value.message_dict) == [field]


def test_the_same_id_twice_in_one_account_is_an_error_at_its_field(rep):
    row = opened(rep)
    with pytest.raises(ValidationError) as refused:
        actions.open_subscription(row.account, external_id="line", terms=TERMS, at=NOW, by=rep)
    assert list(refused.value.message_dict) == ["external_id"]


def test_a_change_must_not_run_into_a_later_one(rep):
    line = opened(rep).subscription
    actions.record_change(line, terms=replace(TERMS, effective_on=date(2026, 7, 1)), at=NOW, by=rep)
    march = replace(TERMS, effective_on=date(2026, 3, 1), ends_on=date(2026, 7, 2))
    with pytest.raises(ValidationError, match="2026-07-01"):
        actions.record_change(line, terms=march, at=NOW, by=rep)
    actions.record_change(line, terms=replace(march, ends_on=date(2026, 7, 1)), at=NOW, by=rep)


def test_an_end_takes_back_what_was_planned_after_it(rep):
    row = opened(rep)
    actions.record_change(row.subscription, terms=replace(TERMS, effective_on=date(2026, 12, 1)), at=NOW, by=rep)
    actions.end_subscription(row.subscription, on=date(2026, 10, 1), at=NOW, by=rep)
    assert row.account_id in queries.mrr_on(date(2026, 9, 30))
    assert queries.mrr_on(date(2026, 10, 1)) == {}
    assert queries.mrr_on(date(2026, 12, 1)) == {}
    assert queries.churned_on(date(2026, 11, 21)) == {row.account_id: date(2026, 10, 1)}
    with pytest.raises(ValidationError, match="ended"):
        actions.end_subscription(row.subscription, on=date(2026, 10, 1), at=NOW, by=rep)
    with pytest.raises(ValidationError, match="begins"):
        actions.end_subscription(row.subscription, on=date(2025, 12, 31), at=NOW, by=rep)


def test_foreign_subscriptions_are_left_alone(rep):
    row = subscription(account())
    for by in (rep, user("read_only"), user("system_admin")):
        with pytest.raises(PermissionDenied):
            actions.record_change(row.subscription, terms=TERMS, at=NOW, by=by)
        with pytest.raises(PermissionDenied):
            actions.end_subscription(row.subscription, on=date(2026, 1, 1), at=NOW, by=by)


def test_a_rate_is_positive_and_dated_once(ops):
    actions.set_rate(currency="USD", day=date(2026, 1, 1), rate=Decimal("0.9"), at=NOW, by=ops)
    for field, currency, rate in (("day", "USD", "0.8"), ("rate", "GBP", "0"), ("currency", "BTC", "1")):
        with pytest.raises(ValidationError) as refused:
            actions.set_rate(currency=currency, rate=Decimal(rate), day=date(2026, 1, 1), at=NOW, by=ops)
        assert list(refused.value.message_dict) == [field]


def test_stages_follow_the_subscriptions_and_leave_people_their_decisions():
    day = date(2026, 6, 1)
    ended = {name: account(stage=name) for name in ("trial", "onboarding", "live", "churned", "let_go")}
    for row in ended.values():
        subscription(row, ends_on=day)
    paying = {name: account(stage=name) for name in ("trial", "onboarding", "live", "churned", "let_go")}
    for row in paying.values():
        subscription(row)
    without = {name: account(stage=name) for name in ("trial", "onboarding", "live", "churned", "let_go")}

    def stages(rows: dict[str, Account]) -> dict[str, str]:
        return {name: Account.objects.system("test").get(pk=row.pk).stage for name, row in rows.items()}

    assert actions.derive_stages(day, at=NOW, by=PIPELINE) == (2, 1)
    unchanged = {name: name for name in ended}
    assert stages(ended) == unchanged | {"onboarding": "churned", "live": "churned"}
    assert stages(paying) == unchanged | {"churned": "live"}
    assert stages(without) == unchanged
    said = AuditRow.objects.get(action="accounts.stages_derived")
    assert said.after == {"day": "2026-06-01", "churned": 2, "returned": 1}
    assert actions.derive_stages(day, at=NOW, by=PIPELINE) == (0, 0)
    assert AuditRow.objects.count() == 1


def test_coverage_that_ends_with_the_data_leaves_the_stage_alone():
    installation(paid_through=date(2026, 5, 31))
    subscription(account(stage="live"), ends_on=date(2026, 6, 1))
    assert actions.derive_stages(date(2026, 11, 21), at=NOW, by=PIPELINE) == (0, 0)
