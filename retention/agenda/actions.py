"""Putting off what waits on an account, and taking that back."""

from datetime import date, datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm.accounts.actions import require_write
from crm.accounts.models import Account, AccountQuerySet
from crm.audit import actions as audit
from crm.bulk_edits.actions import Done, Row, close, keep, open_for_undo, picked
from crm.bulk_edits.models import BulkEdit, BulkEditRow, EditKind
from crm.staff.models import User
from retention.agenda.models import PutOff


@transaction.atomic
def put_off(account: Account, *, until: date, why: str, at: datetime, by: User) -> PutOff:
    """Keep what waits now out of Today until a day. Raises ValidationError at the field, PermissionDenied."""
    account = require_write(account, by=by)
    _check(until, why, at)
    row = PutOff.objects.create(account=account, until=until, why=why.strip()[:200], at=at, by=by)
    audit.record(
        "agenda.put_off", row, at=at, by=by, after={"account": account.pk, "until": until, "why": audit.said(row.why)}
    )
    return row


def _check(until: date, why: str, at: datetime) -> None:
    errors = {}
    if not why.strip():
        errors["why"] = _("Say why, so that whoever looks next understands it.")
    if until <= at.date():
        errors["until"] = _("Choose a day after today.")
    if errors:
        raise ValidationError(errors)


@transaction.atomic
def put_off_many(rows: AccountQuerySet, *, until: date, why: str, at: datetime, by: User) -> Done:
    """Put off what waits on each of the accounts that `by` may write, as `put_off` does for one."""
    _check(until, why, at)
    accounts, skipped = picked(rows, by=by)
    new = [PutOff(account_id=row.pk, until=until, why=why.strip()[:200], at=at, by=by) for row in accounts]
    made = PutOff.objects.bulk_create(new, batch_size=2_000)
    if not made:
        return Done(None, 0, skipped, 0)
    kept: list[Row] = [(row.account_id, {}, {"put_off": row.pk}) for row in made]
    edit = keep(EditKind.PUT_OFF, kept, skipped=skipped, after={"until": until}, at=at, by=by)
    return Done(edit, len(made), skipped, 0)


@transaction.atomic
def take_many_back(edit: BulkEdit, *, at: datetime, by: User) -> int:
    """Let all show again that `put_off_many` put off, but for those that were taken back already; returns how many."""
    edit = open_for_undo(edit, at=at, by=by)
    made = BulkEditRow.objects.system("what this change put off").filter(edit=edit)
    ids = [row["put_off"] for row in made.values_list("after", flat=True)]
    standing = PutOff.objects.system("what this change put off").filter(pk__in=ids, taken_back_at=None)
    restored = standing.update(taken_back_at=at)
    close(edit, restored=restored, at=at, by=by)
    return restored


@transaction.atomic
def take_back(row: PutOff, *, at: datetime, by: User) -> bool:
    """Let it show again. False when that was done already. Raises PermissionDenied."""
    require_write(row.account, by=by)
    open_ones = PutOff.objects.system("of an account just required").filter(pk=row.pk, taken_back_at=None)
    if not open_ones.update(taken_back_at=at):
        return False
    audit.record("agenda.put_off_taken_back", row, at=at, by=by, after={"account": row.account_id})
    return True
