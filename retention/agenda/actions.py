"""Putting off what waits on an account, and taking that back."""

from datetime import date, datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm.accounts.actions import require_write
from crm.accounts.models import Account
from crm.audit import actions as audit
from crm.staff.models import User
from retention.agenda.models import PutOff


@transaction.atomic
def put_off(account: Account, *, until: date, why: str, at: datetime, by: User) -> PutOff:
    """Keep what waits now out of Today until a day. Raises ValidationError at the field, PermissionDenied."""
    account = require_write(account, by=by)
    errors = {}
    if not why.strip():
        errors["why"] = _("Say why, so that whoever looks next understands it.")
    if until <= at.date():
        errors["until"] = _("Choose a day after today.")
    if errors:
        raise ValidationError(errors)
    row = PutOff.objects.create(account=account, until=until, why=why.strip()[:200], at=at, by=by)
    audit.record("agenda.put_off", row, at=at, by=by, after={"account": account.pk, "until": until, "why": row.why})
    return row


@transaction.atomic
def take_back(row: PutOff, *, at: datetime, by: User) -> bool:
    """Let it show again. False when that was done already. Raises PermissionDenied."""
    require_write(row.account, by=by)
    open_ones = PutOff.objects.system("of an account just required").filter(pk=row.pk, taken_back_at=None)
    if not open_ones.update(taken_back_at=at):
        return False
    audit.record("agenda.put_off_taken_back", row, at=at, by=by, after={"account": row.account_id})
    return True
