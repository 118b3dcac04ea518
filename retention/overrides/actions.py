"""Setting an account's health by hand, ending that, taking it back; all append. Bad input is a ValidationError."""

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
from crm.lib import doorbell
from crm.lib.constraints import check_fields
from crm.staff.models import User
from retention.overrides.models import Override, OverrideBand
from retention.overrides.queries import overrides_on

MOST_DAYS = 366


@transaction.atomic
def set_override(account: Account, *, band: int, reason: str, until: date, at: datetime, by: User) -> Override:
    """Let a band hold from today through `until`, whatever the score comes to. Lists follow with the next run."""
    account = require_write(account, by=by)
    on = at.date()
    errors = {}
    if band not in OverrideBand.values:
        errors["band"] = _("Choose how the account is.")
    if not reason.strip():
        errors["reason"] = _("Say why, so that whoever looks next understands it.")
    if not on <= until <= on + timedelta(days=MOST_DAYS):
        errors["until"] = _("Choose a day from today on, at most a year ahead.")
    if errors:
        raise ValidationError(errors)
    row = _appended(account.pk, band, reason.strip(), on, until, at, by)
    after = {"account": account.pk, "band": OverrideBand(band).name.lower(), "until": until}
    audit.record("override.set", row, at=at, by=by, after=after | {"reason": audit.said(row.reason)})
    return row


@transaction.atomic
def end_override(account: Account, *, at: datetime, by: User) -> bool:
    """Let the computed band hold again from now on. False when none was set."""
    account = require_write(account, by=by)
    held = overrides_on(at.date(), accounts=[account.pk]).get(account.pk)
    if held is None:
        return False
    row = _appended(account.pk, None, "", at.date(), at.date(), at, by)
    audit.record("override.ended", row, at=at, by=by, after={"account": account.pk, "override": held.pk})
    return True


@transaction.atomic
def take_back(override: Override, *, at: datetime, by: User) -> bool:
    """Append what held before this override. False when a newer one holds, or it was taken back already."""
    require_write(override.account, by=by)
    rows = Override.objects.system("of an account just required").filter(account=override.account_id)
    newest, *earlier = rows.order_by("-on", "-pk")[:2]
    if newest.pk != override.pk or override.band is None:
        return False
    held, on = earlier[0] if earlier else None, at.date()
    if held is None or held.band is None or held.until < on:
        row = _appended(override.account_id, None, "", on, on, at, by)
    else:
        row = _appended(override.account_id, held.band, held.reason, on, held.until, at, held.by)
    after = {"account": override.account_id, "override": override.pk}
    audit.record("override.taken_back", row, at=at, by=by, after=after)
    return True


def _appended(
    account: int, band: int | None, reason: str, on: date, until: date, at: datetime, by: User | None
) -> Override:
    row = Override(account_id=account, band=band, reason=reason, on=on, until=until, recorded_at=at, by=by)
    check_fields(row)
    row.save(force_insert=True)
    doorbell.ring("pipeline")
    return row


def import_overrides(rows: Sequence[Mapping[str, Any]], at: datetime) -> list[Touched]:
    """Overrides from a file, appended; one that stands already (account, days, band and reason) changes nothing.

    Runs in the transaction of `crm.imports`, whose run leaves the audit row.
    """

    def build(row: Mapping[str, Any]) -> Override:
        return Override(
            account_id=row["account_id"], band=row.get("band"), reason=row.get("reason", ""), on=row["on"],
            until=row["until"], recorded_at=at, by_id=row.get("by"),
        )  # fmt: skip

    held = Override.objects.system("an import compares its overrides")
    return append_new(rows, build, held=held, alike=("account_id", "on", "until", "band", "reason"))
