"""Who may change an account, judged under its lock."""

from django.core.exceptions import PermissionDenied

from crm.accounts import rules
from crm.accounts.models import Account
from crm.audit.rules import Actor
from crm.staff.actions import require
from crm.staff.models import User
from crm.staff.queries import scope_of


def require_write(account: Account, *, by: Actor) -> Account:
    """Lock the account's row and return it as it is now; PermissionDenied when `by` may not see or change it.

    Call it inside the transaction that writes: rights are judged by the owner at that moment.
    """
    if isinstance(by, User):
        seen = Account.objects.visible_to(by)
    else:
        require("write_account", by=by)
        seen = Account.objects.system(f"{by.actor_label} writes")
    row = seen.select_related("owner").select_for_update(of=("self",)).filter(pk=account.pk).first()
    if row is None or not may_write(row, by=by):
        raise PermissionDenied
    return row


def may_write(account: Account, *, by: Actor) -> bool:
    """Whether `by` may change this account, which must have been read as visible to `by`."""
    if not isinstance(by, User):
        return True
    return by.is_active and rules.may_write(by.role, by.pk, by.team_id, held(account), scope_of(by).covers)


def held(account: Account) -> rules.Holding:
    """In whose hands the account is; reads the owner, so select_related it in lists."""
    team_id = account.owner.team_id if account.owner else None
    return rules.Holding(account.owner_id, team_id, account.pool_id, account.restricted)
