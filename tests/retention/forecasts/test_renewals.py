"""Renewals on real rows: what is due, what is expected of it, and what came of it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, transaction

from crm.audit.models import AuditRow
from crm.subscriptions.models import ExchangeRate, SubscriptionChange
from retention.forecasts import rules
from retention.forecasts.actions import Expected, record_forecast, take_back
from retention.forecasts.models import Forecast
from retention.forecasts.queries import Asked, histories, records, renewals, totals
from tests import factories

pytestmark = pytest.mark.django_db
NOW, TODAY = datetime(2026, 11, 18, 9, 0, tzinfo=UTC), date(2026, 11, 18)
DAY = timedelta(days=1)
WINTER = Asked(date(2026, 11, 1), date(2027, 2, 1))
DUE = date(2026, 12, 10)


@pytest.fixture
def mina() -> Any:
    factories.installation(currency="EUR")
    return factories.user("rep", name="Mina Kwon")


def changed(first: SubscriptionChange, mrr: int, on: date, **more: Any) -> SubscriptionChange:
    given = {"price": mrr, "mrr": mrr, "currency": first.currency, "recorded_at": NOW, "effective_on": on}
    return SubscriptionChange.objects.create(account=first.account, subscription=first.subscription, **given | more)


def found(user: Any, asked: Asked = WINTER, **more: Any) -> Any:  # so that amounts compare with plain numbers
    return renewals(user, asked, day=TODAY, **more)


def said(account: Any, category: str, days_before: int, by: Any, on: date = DUE) -> Forecast:
    """A forecast as it was made so many days before the renewal."""
    at = datetime(on.year, on.month, on.day, tzinfo=UTC) - days_before * DAY
    return Forecast.objects.create(account=account, renews_on=on, category=category, currency="EUR", at=at, by=by)


def test_lines_that_renew_on_one_day_are_one_renewal(mina):
    acme = factories.account("Acme", owner=mina)
    factories.subscription(acme, 100, renews_on=DUE, notice_on=DUE - 30 * DAY)
    factories.subscription(acme, 40, renews_on=DUE)
    factories.subscription(acme, 7, renews_on=DUE + DAY)
    factories.subscription(acme, 9)  # renews on no stated day
    first, second = found(mina)
    assert (first.renews_on, first.mrr, first.lines, first.notice_on) == (DUE, 140, 2, date(2026, 11, 10))
    assert (second.renews_on, second.mrr, second.lines, second.outcome) == (DUE + DAY, 7, 1, "")


def test_a_missing_rate_is_said_and_not_guessed(mina):
    acme = factories.account(owner=mina)
    factories.subscription(acme, 100, renews_on=DUE)
    factories.subscription(acme, 500, renews_on=DUE, currency="USD")
    assert found(mina)[0].mrr is None
    total: Any
    (total,) = totals(mina, WINTER, day=TODAY)
    assert (total.renewals, total.mrr, total.unpriced) == (1, 0, 1)
    ExchangeRate.objects.create(currency="USD", day=date(2025, 1, 1), rate=Decimal("0.9"))
    assert found(mina)[0].mrr == 550


def test_an_agreed_change_moves_the_renewal_with_it(mina):
    acme = factories.account(owner=mina)
    first = factories.subscription(acme, 100, renews_on=DUE)
    changed(first, 120, TODAY, renews_on=DUE + 365 * DAY)
    assert found(mina) == []


@pytest.mark.parametrize(
    ("then", "outcome", "after"),
    [
        (lambda line, on: None, "renewed", 100),  # nothing was written down, so it went on
        (lambda line, on: changed(line, 100, on, renews_on=on + 365 * DAY), "renewed", 100),
        (lambda line, on: changed(line, 130, on), "expanded", 130),
        (lambda line, on: changed(line, 60, on), "contracted", 60),
        (lambda line, on: changed(line, 100, on, ends_on=on), "churned", None),
        (lambda line, on: changed(line, 100, on - 20 * DAY, ends_on=on - 20 * DAY), "churned", None),
        (lambda line, on: changed(line, 100, on, currency="USD"), "unknown", None),
    ],
)
def test_the_outcome_is_what_is_paid_on_the_day(mina, then, outcome, after):
    on = TODAY - 8 * DAY
    line = factories.subscription(factories.account(owner=mina), 100, renews_on=on)
    then(line, on)
    (row,) = found(mina)
    assert (row.mrr, row.outcome, row.after) == (100, outcome, after)
    assert rules.outcome(row.mrr, row.after, paid=outcome != "churned") == outcome


def test_a_line_in_place_of_another_is_its_renewal(mina):
    acme, on = factories.account(owner=mina), TODAY - 8 * DAY
    factories.subscription(acme, 100, renews_on=on, ends_on=on)
    factories.subscription(acme, 150, effective_on=on)
    factories.subscription(acme, 30)  # another one, that neither began nor ended
    (row,) = found(mina)
    assert (row.outcome, row.after) == ("expanded", 150)


def test_a_line_that_ended_before_its_renewal_is_lost_at_once(mina):
    line = factories.subscription(factories.account(owner=mina), 100, renews_on=DUE)
    changed(line, 100, TODAY - DAY, ends_on=TODAY - DAY)
    assert found(mina)[0].outcome == "churned"


def test_beyond_the_day_to_which_the_data_reach_nothing_is_settled(mina):
    factories.subscription(factories.account(owner=mina), 100, renews_on=TODAY - DAY)
    factories.installation(currency="EUR", paid_through=TODAY - 2 * DAY)
    assert found(mina)[0].outcome == ""


def test_of_merged_accounts_lines_and_forecasts_are_the_survivors(mina):
    kept = factories.account("Kept", owner=mina)
    gone = factories.account("Gone", owner=mina, merged_into=kept)
    factories.subscription(gone, 100, renews_on=DUE)
    old = said(gone, "leaves", 40, mina)
    new = said(kept, "renews", 10, mina)
    (row,) = found(mina)
    assert (row.account_id, row.category) == (kept.pk, "renews")
    assert histories(mina, [row])[row.key] == [new, old]


def test_only_what_the_reader_sees_and_asks_for(mina):
    other = factories.user("rep")
    for owner, category in [(mina, "renews"), (mina, ""), (other, "leaves")]:
        account = factories.account(owner=owner)
        factories.subscription(account, 100, renews_on=DUE)
        if category:
            said(account, category, 20, owner)
    ops = factories.user("ops_admin")
    assert [len(found(mina)), len(found(ops))] == [2, 3]
    assert len(found(ops, Asked(WINTER.start, WINTER.end, owner=str(other.pk)))) == 1
    assert len(found(ops, Asked(WINTER.start, WINTER.end, category="none"))) == 1
    assert len(found(ops, Asked(WINTER.start, WINTER.end, category="leaves"))) == 1
    first = found(ops)[0]
    assert len(found(ops, after=(first.renews_on, first.account_id))) == 2


def test_totals_add_up_per_month_owner_and_forecast(mina):
    for mrr, on, category in [(100, DUE, "renews"), (50, DUE, "renews"), (70, DUE, ""), (20, DUE + 31 * DAY, "renews")]:
        account = factories.account(owner=mina)
        factories.subscription(account, mrr, renews_on=on, notice_on=TODAY + 3 * DAY)
        if category:
            said(account, category, 20, mina, on)
    summed: Any = [(t.month.month, t.category, t.renewals, t.mrr, t.notices) for t in totals(mina, WINTER, day=TODAY)]
    assert summed == [(12, "", 1, 70, 1), (12, "renews", 2, 150, 2), (1, "renews", 1, 20, 1)]


def test_forecasts_are_judged_as_they_stood_thirty_days_before(mina):
    jan, on = factories.user("rep"), TODAY - 8 * DAY
    for story in [["renews", "leaves"], ["leaves"], []]:
        line = factories.subscription(factories.account(owner=mina), 100, renews_on=on)
        for category, days in zip(story, (45, 20), strict=False):
            said(line.account, category, days, mina if category == "renews" else jan, on)
    # All three went on paying: the first was foreseen 45 days before, whatever was said 20 days before.
    ops = factories.user("ops_admin")
    assert records(ops, WINTER, day=TODAY) == {mina.pk: rules.Record(1, 1), jan.pk: rules.Record(0, 1)}
    assert sorted((row.stood, row.category) for row in found(ops)) == [
        ("", ""),
        ("leaves", "leaves"),
        ("renews", "leaves"),
    ]


def test_a_forecast_is_appended_with_its_amount_and_leaves_a_record(mina):
    acme = factories.account(owner=mina)
    factories.subscription(acme, 100, renews_on=DUE)
    for expected, mrr in [
        (Expected("renews"), 100),
        (Expected("renews", Decimal(60)), 100),  # an amount left over from another forecast says nothing
        (Expected("grows", Decimal(150)), 150),
        (Expected("at_risk", Decimal(60), "They cut seats."), 60),
        (Expected("leaves", None, "They told us."), 0),
    ]:
        row: Any = record_forecast(acme, renews_on=DUE, expected=expected, at=NOW, by=mina)
        assert (row.category, row.mrr, found(mina)[0].category) == (expected.category, mrr, expected.category)
    assert Forecast.objects.system("test").count() == 5
    assert AuditRow.objects.filter(action="forecast.recorded").count() == 5


@pytest.mark.parametrize(
    ("expected", "field"),
    [
        (Expected("perhaps"), "category"),
        (Expected("leaves"), "reason"),
        (Expected("at_risk", None, " "), "reason"),
        (Expected("grows"), "mrr"),
        (Expected("grows", Decimal(100)), "mrr"),
        (Expected("renews", Decimal(-1)), "mrr"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_field(mina, expected, field):
    acme = factories.account(owner=mina)
    factories.subscription(acme, 100, renews_on=DUE)
    with pytest.raises(ValidationError) as refused:
        record_forecast(acme, renews_on=DUE, expected=expected, at=NOW, by=mina)
    assert list(refused.value.message_dict) == [field]


def test_nothing_is_foreseen_afterwards_nor_for_another_day(mina):
    acme = factories.account(owner=mina)
    factories.subscription(acme, 100, renews_on=TODAY)
    for on in (TODAY, DUE):
        with pytest.raises(ValidationError):
            record_forecast(acme, renews_on=on, expected=Expected("renews"), at=NOW, by=mina)


def test_taking_back_appends_what_held_before(mina):
    acme = factories.account(owner=mina)
    factories.subscription(acme, 100, renews_on=DUE)
    first = record_forecast(acme, renews_on=DUE, expected=Expected("renews"), at=NOW, by=mina)
    second = record_forecast(acme, renews_on=DUE, expected=Expected("leaves", None, "Told us"), at=NOW, by=mina)
    assert not take_back(first, at=NOW, by=mina)  # a newer one holds
    assert take_back(second, at=NOW, by=mina)
    assert (found(mina)[0].category, found(mina)[0].expected) == ("renews", 100)
    assert not take_back(second, at=NOW, by=mina)
    other = factories.account(owner=mina)
    factories.subscription(other, 100, renews_on=DUE)
    only = record_forecast(other, renews_on=DUE, expected=Expected("renews"), at=NOW, by=mina)
    assert take_back(only, at=NOW, by=mina)
    assert [row.category for row in found(mina)] == ["renews", ""]


def test_only_who_may_write_the_account_may_foresee(mina):
    acme = factories.account(owner=mina)
    factories.subscription(acme, 100, renews_on=DUE)
    stranger = factories.user("rep")
    with pytest.raises(PermissionDenied):
        record_forecast(acme, renews_on=DUE, expected=Expected("renews"), at=NOW, by=stranger)


def test_a_forecast_is_never_edited(mina):
    row = said(factories.account(owner=mina), "renews", 5, mina)
    for change in (lambda rows: rows.update(category="leaves"), lambda rows: rows.delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            change(Forecast.objects.system("test").filter(pk=row.pk))
