"""What happens to subscriptions: every change is an appended row, and MRR is derived from its price.

Bad input is a ValidationError keyed by field; what `by` may not do is PermissionDenied.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from crm.accounts.actions import require_write
from crm.accounts.models import Account, OfAccountQuerySet
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib import doorbell
from crm.lib.constraints import check_fields, clearly
from crm.lib.money import currency_codes
from crm.lib.sql_files import load
from crm.plans.models import Plan
from crm.staff.actions import require
from crm.subscriptions import queries, rules
from crm.subscriptions.models import ExchangeRate, Payment, PaymentKind, Subscription, SubscriptionChange
from crm.webhooks import actions as webhooks
from crm.webhooks.rules import CHURNED

EARLIEST, LATEST = date(1970, 1, 1), date(2199, 12, 31)
TAKEN = {"subscription_external_id_unique": ("external_id", _("This account has a subscription with this id already."))}
PAYMENT_TAKEN = {
    "payment_external_id_unique": ("external_id", _("This subscription has a payment with this id already."))
}
RATE_TAKEN = {"rate_once": ("day", _("There is a rate for this currency from this day on already."))}


@dataclass(frozen=True)
class Terms:
    """What one line costs and holds from `effective_on` until `ends_on` (exclusive; None: open).

    `price` is per billing period in `currency`. `seats` None: not sold by the seat.
    """

    effective_on: date
    price: Decimal
    billing_months: int
    currency: str
    plan: Plan | None = None
    seats: int | None = None
    ends_on: date | None = None
    renews_on: date | None = None
    notice_on: date | None = None


@transaction.atomic
def open_subscription(
    account: Account, *, external_id: str, terms: Terms, at: datetime, by: Actor
) -> SubscriptionChange:
    """Begin a line; returns its first change."""
    account = require_write(account, by=by)
    _check(terms)
    line = Subscription(account=account, external_id=external_id, plan=terms.plan, created_at=at)
    check_fields(line)
    with clearly(TAKEN):
        line.save(force_insert=True)
    return _append("subscription.opened", line, terms, at, by)


@transaction.atomic
def record_change(subscription: Subscription, *, terms: Terms, at: datetime, by: Actor) -> SubscriptionChange:
    """Append what the line is from `terms.effective_on` on. A row for a day that has one replaces it from then on."""
    require_write(subscription.account, by=by)
    _check(terms)
    later = _changes(subscription).filter(effective_on__gt=terms.effective_on).order_by("effective_on").first()
    if later and terms.ends_on and terms.ends_on > later.effective_on:
        words = _("A later change begins on %(day)s. Let this one end by then, or leave its end empty.")
        raise ValidationError({"ends_on": words % {"day": later.effective_on.isoformat()}})
    return _append("subscription.changed", subscription, terms, at, by)


@transaction.atomic
def end_subscription(subscription: Subscription, *, on: date, at: datetime, by: Actor) -> SubscriptionChange:
    """Say that nothing is paid from `on` on. Changes planned for later days are taken back by rows of their own."""
    require_write(subscription.account, by=by)
    held = _changes(subscription).filter(effective_on__lte=on).order_by("-effective_on", "-id").first()
    if held is None:
        raise ValidationError({"on": _("The subscription begins only after this day.")})
    if held.ends_on is not None and held.ends_on <= on:
        raise ValidationError({"on": _("The subscription has ended by this day already.")})
    planned = _changes(subscription).filter(effective_on__gt=on).values_list("effective_on", flat=True)
    days = [on, *sorted(set(planned))]
    rows = [_append("subscription.ended", subscription, _nothing_from(held, day), at, by) for day in days]
    return rows[0]


def _nothing_from(held: SubscriptionChange, day: date) -> Terms:
    return Terms(
        effective_on=day,
        ends_on=day,
        price=held.price,
        billing_months=held.billing_months,
        currency=held.currency,
        plan=held.plan,
        seats=held.seats,
    )


def _changes(subscription: Subscription) -> OfAccountQuerySet[SubscriptionChange]:
    return SubscriptionChange.objects.system("the history of a line just checked").filter(subscription=subscription)


def _append(action: str, line: Subscription, terms: Terms, at: datetime, by: Actor) -> SubscriptionChange:
    mrr = rules.monthly(terms.price, terms.billing_months)
    values = {name: getattr(terms, name) for name in terms.__dataclass_fields__}
    row = SubscriptionChange(account_id=line.account_id, subscription=line, mrr=mrr, recorded_at=at, **values)
    check_fields(row)
    row.save(force_insert=True)
    after = values | {"plan": terms.plan.pk if terms.plan else None, "mrr": mrr}
    audit.record(action, line, at=at, by=by, after={name: value for name, value in after.items() if value is not None})
    return row


def _check(terms: Terms) -> None:
    start, errors = terms.effective_on, {}
    if terms.price < 0:
        errors["price"] = _("A price cannot be negative. Enter 0 or more.")
    if not 1 <= terms.billing_months <= 120:
        errors["billing_months"] = _("Enter a number of months from 1 to 120.")
    if terms.currency not in currency_codes():
        errors["currency"] = _("There is no such currency. Use its three letters, such as EUR.")
    if terms.ends_on and terms.ends_on < start:
        errors["ends_on"] = _("The end is before the start. It is the first day that is no longer paid.")
    if terms.renews_on and terms.renews_on < start:
        errors["renews_on"] = _("The renewal is before the start.")
    elif terms.renews_on and terms.ends_on and terms.renews_on > terms.ends_on:
        errors["renews_on"] = _("The renewal is after the end. Leave one of the two empty, or mend it.")
    if terms.notice_on and terms.renews_on and terms.notice_on > terms.renews_on:
        errors["notice_on"] = _("The notice day is after the renewal.")
    for name in ("effective_on", "ends_on", "renews_on", "notice_on"):
        day = getattr(terms, name)
        if day is not None and not EARLIEST <= day <= LATEST:
            errors[name] = _("Enter a day in the years 1970 to 2199.")
    if errors:
        raise ValidationError(errors)


@transaction.atomic
def record_payment(
    subscription: Subscription,
    *,
    kind: str,
    on: date,
    currency: str,
    at: datetime,
    by: Actor,
    invoice: str = "",
    amount: Decimal | None = None,
    why: str = "",
    external_id: str | None = None,
) -> Payment:
    """Append that money failed to come, was disputed, or that what was open is settled."""
    require_write(subscription.account, by=by)
    errors = {}
    if kind not in PaymentKind.values:
        errors["kind"] = _("Say whether it failed, is disputed or was settled.")
    if not EARLIEST <= on <= at.date():
        errors["on"] = _("Enter the day on which it happened: today or earlier.")
    if amount is not None and amount < 0:
        errors["amount"] = _("An amount cannot be negative. Enter 0 or more.")
    if currency not in currency_codes():
        errors["currency"] = _("There is no such currency. Use its three letters, such as EUR.")
    if errors:
        raise ValidationError(errors)
    row = Payment(
        account_id=subscription.account_id, subscription=subscription, external_id=external_id or None, kind=kind,
        on=on, invoice=invoice.strip(), amount=amount, currency=currency, why=why.strip(), recorded_at=at,
    )  # fmt: skip
    check_fields(row)
    with clearly(PAYMENT_TAKEN):
        row.save(force_insert=True)
    after = {"account": row.account_id, "on": on, "amount": amount, "currency": currency, "why": audit.said(row.why)}
    audit.record(
        f"payment.{kind}", row, at=at, by=by, after={name: value for name, value in after.items() if value is not None}
    )
    # So that a dispute keeps us from asking within seconds.
    doorbell.ring("pipeline")
    return row


@transaction.atomic
def set_rate(*, currency: str, day: date, rate: Decimal, at: datetime, by: Actor) -> ExchangeRate:
    """Say what one unit of `currency` is worth in the reporting currency from `day` on."""
    require("configure", by=by)
    if currency not in currency_codes():
        raise ValidationError({"currency": _("There is no such currency. Use its three letters, such as EUR.")})
    if rate <= 0:
        raise ValidationError({"rate": _("A rate is more than 0: what one unit is worth in the reporting currency.")})
    row = ExchangeRate(currency=currency, day=day, rate=rate)
    check_fields(row)
    with clearly(RATE_TAKEN):
        row.save(force_insert=True)
    audit.record("rate.set", row, at=at, by=by, after={"currency": currency, "day": day, "rate": rate})
    return row


@transaction.atomic
def derive_stages(day: date, *, at: datetime, by: Actor) -> tuple[int, int]:
    """Make the stages follow the subscriptions as of `day`; returns how many (churned, returned).

    Live and onboarding accounts whose paid coverage ended become churned, churned ones with a paid term live.
    Trials, accounts let go well and accounts without any subscription are a person's to decide.
    """
    require("write_account", by=by)
    text = queries.sql("churned_on").join(load(__file__, "derive_stages").split("/*coverage*/"))
    with connection.cursor() as cursor:
        cursor.execute(text, {"day": day, "known": None})
        moved = cursor.fetchall()
    gone = [row for row in moved if row[2] is not None]
    churned, returned = len(gone), len(moved) - len(gone)
    told = {f"{pk}:{on}": {"account": pk, "external_id": name, "churned_on": on} for pk, name, on in gone}
    webhooks.emit(CHURNED, told, at=at, by=by)
    if churned or returned:
        after = {"day": day, "churned": churned, "returned": returned}
        audit.record("accounts.stages_derived", ("account", "all"), at=at, by=by, after=after)
    return churned, returned
