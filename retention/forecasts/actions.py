"""Saying what is expected of a renewal, and taking that back; both append."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm.accounts.actions import require_write
from crm.accounts.models import Account
from crm.audit import actions as audit
from crm.staff.models import User
from crm.staff.queries import installation
from retention.forecasts.models import Category, Forecast
from retention.forecasts.queries import Asked, Renewal, renewals


@dataclass(frozen=True)
class Expected:
    """`mrr` of who grows or is at risk; None: what they pay now. Who renews goes on as now, who leaves pays nothing."""

    category: str
    mrr: Decimal | None = None
    reason: str = ""


@transaction.atomic
def record_forecast(account: Account, *, renews_on: date, expected: Expected, at: datetime, by: User) -> Forecast:
    """Append what is expected of the lines that renew on a day. ValidationError at the field, PermissionDenied."""
    account = require_write(account, by=by)
    due = _due(account, renews_on, at.date(), by)
    mrr = _afterwards(expected, due.mrr)
    row = Forecast.objects.create(
        account=account,
        renews_on=renews_on,
        category=expected.category,
        mrr=mrr,
        currency=installation().currency,
        reason=expected.reason.strip()[:300],
        at=at,
        by=by,
    )
    after = {"renews_on": renews_on, "category": row.category, "mrr": mrr, "reason": audit.said(row.reason)}
    audit.record("forecast.recorded", row, at=at, by=by, after=after | {"account": account.pk})
    return row


def _due(account: Account, renews_on: date, day: date, by: User) -> Renewal:
    asked = Asked(renews_on, renews_on + timedelta(days=1))
    found = renewals(by, asked, day=day, only=account.pk)
    if not found:
        raise ValidationError(_("Nothing of this account renews on that day any more."))
    if found[0].outcome:
        # A forecast made afterwards would be judged by what it already knew.
        raise ValidationError(_("This renewal is settled. A forecast is made before it."))
    return found[0]


def _afterwards(expected: Expected, due: Decimal | None) -> Decimal | None:
    """The MRR that the forecast comes to; refuses what does not fit its category."""
    errors = {}
    if expected.category not in Category.values:
        raise ValidationError({"category": _("Choose what you expect.")})
    if expected.category in (Category.AT_RISK, Category.LEAVES) and not expected.reason.strip():
        errors["reason"] = _("Say why, so that somebody can do something about it.")
    if expected.mrr is not None and expected.mrr < 0:
        errors["mrr"] = _("Enter 0 or more.")
    grows = expected.category == Category.GROWS
    if grows and (expected.mrr is None or (due is not None and expected.mrr <= due)):
        errors["mrr"] = _("Enter what they will pay a month, which is more than now.")
    if errors:
        raise ValidationError(errors)
    if expected.category == Category.LEAVES:
        return Decimal(0)
    return due if expected.mrr is None or expected.category == Category.RENEWS else expected.mrr


@transaction.atomic
def take_back(forecast: Forecast, *, at: datetime, by: User) -> bool:
    """Append what held before this forecast. False when a newer one holds, or this was taken back already."""
    require_write(forecast.account, by=by)
    same = {"account": forecast.account_id, "renews_on": forecast.renews_on}
    rows = Forecast.objects.system("of an account just required").filter(**same)
    newest, *earlier = rows.order_by("-pk")[:2]
    if newest.pk != forecast.pk or not forecast.category:
        return False
    held = earlier[0] if earlier else Forecast(category="", mrr=None, reason="", currency=forecast.currency)
    values = {name: getattr(held, name) for name in ("category", "mrr", "reason", "currency")}
    row = Forecast.objects.create(account_id=forecast.account_id, renews_on=forecast.renews_on, at=at, by=by, **values)
    audit.record("forecast.taken_back", row, at=at, by=by, after={"forecast": forecast.pk, "category": row.category})
    return True
