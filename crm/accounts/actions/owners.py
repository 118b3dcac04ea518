"""Accounts change hands."""

from collections.abc import Callable
from datetime import datetime

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from crm.accounts import rules
from crm.accounts.actions.writing import held, require_write
from crm.accounts.models import Account, OwnerChange
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.staff.models import Team, User

# What goes along with an account that changes hands, in the same transaction: called with the change, `at` and `by`.
# Later nouns add theirs from their app's apps.py.
handing_over: list[Callable[..., object]] = []


@transaction.atomic
def change_owner(
    account: Account, *, owner: User | None = None, pool: Team | None = None, at: datetime, by: Actor
) -> OwnerChange | None:
    """Hand the account to a rep or a team's pool (neither: to nobody) from `at` on; None when nothing changes."""
    account = require_write(account, by=by)
    new = holding_of(owner, pool)
    if (account.owner_id, account.pool_id) == (new.owner_id, new.pool_id):
        return None
    require_hand_over(held(account), new, by)
    if OwnerChange.objects.system("the order of its own history").filter(account=account, from_at__gte=at).exists():
        raise ValidationError({"owner": _("The owner was changed at this moment already. Try again.")})
    before = {"owner": account.owner_id, "pool": account.pool_id}
    account.owner, account.pool = owner, pool
    account.save(update_fields=["owner", "pool"])
    change = OwnerChange.objects.create(account=account, owner=owner, pool=pool, from_at=at)
    after = {"owner": account.owner_id, "pool": account.pool_id}
    audit.record("account.owner_changed", account, at=at, by=by, before=before, after=after)
    for go_along in handing_over:
        go_along(change, at=at, by=by)
    return change


def holding_of(owner: User | None, pool: Team | None) -> rules.Holding:
    if owner and pool:
        raise ValidationError({"owner": _("An account has either an owner or a team's pool, not both.")})
    if owner and not owner.may("write_account"):
        raise ValidationError({"owner": _("This person cannot look after accounts. Choose an active rep or manager.")})
    if owner:
        return rules.Holding(owner_id=owner.pk, owner_team_id=owner.team_id)
    return rules.Holding(pool_id=pool.pk if pool else None)


def require_hand_over(now: rules.Holding, new: rules.Holding, by: Actor) -> None:
    if isinstance(by, User) and not rules.may_hand_over(by.role, by.pk, by.team_id, now, new):
        raise PermissionDenied
