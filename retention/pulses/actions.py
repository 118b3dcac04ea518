"""Saying how one finds an account, and taking that back; both append. Bad input is a ValidationError at its field."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from crm.accounts.actions import require_write
from crm.accounts.models import Account
from crm.audit import actions as audit
from crm.imports.actions.appending import append_new
from crm.imports.rules import Touched
from crm.lib.constraints import check_fields
from crm.staff.models import User
from crm.staff.queries import installation
from retention.pulses import rules
from retention.pulses.models import Pulse

MOST_DAYS = 366


@transaction.atomic
def record_pulse(
    account: Account, *, value: int, reason: str, at: datetime, by: User, valid_until: date | None = None
) -> Pulse:
    """Append how somebody finds the account today. `valid_until` None: as many days as the installation says."""
    account = require_write(account, by=by)
    on = at.date()
    errors = {}
    if value not in rules.VALUES:
        errors["value"] = _("Choose a number from 1 to 5.")
    if not reason.strip():
        errors["reason"] = _("Say why, so that whoever looks next understands it.")
    valid_until = valid_until or rules.last_day(on, installation().pulse_days)
    if not on <= valid_until <= on + timedelta(days=MOST_DAYS):
        errors["valid_until"] = _("Choose a day from today on, at most a year ahead.")
    if errors:
        raise ValidationError(errors)
    row = _appended(account.pk, value, reason.strip(), on, valid_until, at, by)
    after = {"account": account.pk, "value": value, "valid_until": valid_until, "reason": audit.said(row.reason)}
    audit.record("pulse.recorded", row, at=at, by=by, after=after)
    return row


@transaction.atomic
def take_back(pulse: Pulse, *, at: datetime, by: User) -> bool:
    """Append what held before this pulse. False when a newer one holds, or it was taken back already."""
    require_write(pulse.account, by=by)
    rows = Pulse.objects.system("of an account just required").filter(account=pulse.account_id).order_by("-on", "-pk")
    newest, *earlier = rows[:2]
    if newest.pk != pulse.pk or pulse.value is None:
        return False
    held, on = earlier[0] if earlier else None, at.date()
    if held is None or held.value is None or held.valid_until < on:
        row = _appended(pulse.account_id, None, "", on, on, at, by)
    else:
        row = _appended(pulse.account_id, held.value, held.reason, on, held.valid_until, at, held.by)
    audit.record("pulse.taken_back", row, at=at, by=by, after={"account": pulse.account_id, "pulse": pulse.pk})
    return True


def _appended(
    account: int, value: int | None, reason: str, on: date, valid_until: date, at: datetime, by: User | None
) -> Pulse:
    row = Pulse(account_id=account, value=value, reason=reason, on=on, valid_until=valid_until, recorded_at=at, by=by)
    check_fields(row)
    row.save(force_insert=True)
    return row


def import_pulses(rows: Sequence[Mapping[str, Any]], at: datetime) -> list[Touched]:
    """Pulses from a file, appended; the same again (account, day, value and reason) changes nothing.

    Runs in the transaction of `crm.imports`, whose run leaves the audit row.
    """
    days = installation().pulse_days

    def build(row: Mapping[str, Any]) -> Pulse:
        until = row.get("valid_until") or rules.last_day(row["on"], days)
        return Pulse(
            account_id=row["account_id"], value=row["value"], reason=row["reason"], on=row["on"], valid_until=until,
            recorded_at=at, by_id=row.get("by"),
        )  # fmt: skip

    held = Pulse.objects.system("an import compares its pulses")
    return append_new(rows, build, held=held, alike=("account_id", "on", "value", "reason"))
