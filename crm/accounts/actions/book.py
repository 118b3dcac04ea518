"""Accounts are made and changed; next step and stage are set."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from crm.accounts import rules
from crm.accounts.actions.owners import holding_of, require_hand_over
from crm.accounts.actions.writing import require_write
from crm.accounts.models import Account, OwnerChange, Stage
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib.constraints import check_fields, clearly
from crm.lib.money import currency_codes
from crm.lib.places import language_codes, zone_names
from crm.staff.actions import require
from crm.staff.models import Team, User
from crm.webhooks import actions as webhooks
from crm.webhooks.rules import CHURNED

# Owner, stage, restriction, next step and merging have actions of their own.
ORDINARY = frozenset(
    ("name", "domains", "segment", "tags", "time_zone", "calendar", "language", "currency", "parent", "customer_since")
)
# What runs by the hours of accounts and must be told when they move, around the move: called with the instant and
# the accounts. Later nouns add theirs from their app's apps.py.
around_move: list[Callable[[datetime, list[int]], AbstractContextManager[None]]] = []
TAKEN = {"crm_account_external_id_key": ("external_id", _("Another account has this external id. Choose another one."))}


@transaction.atomic
def create_account(
    *,
    external_id: str,
    name: str,
    at: datetime,
    by: Actor,
    owner: User | None = None,
    pool: Team | None = None,
    stage: str = Stage.LIVE,
    restricted: bool = False,
    **ordinary: Any,
) -> Account:
    """Add an account. A rep's own new account is the rep's; a manager's stays in the team."""
    require("write_account", by=by)
    _known(ordinary)
    if isinstance(by, User) and not by.may("configure"):
        owner = by if owner is None and pool is None else owner
        if owner != by:
            require_hand_over(rules.Holding(owner_id=by.pk), holding_of(owner, pool), by)
    holding_of(owner, pool)
    account = Account(
        external_id=external_id, name=name, name_at=at, stage=stage, owner=owner, pool=pool, created_at=at, **ordinary
    )
    _check(account)
    with clearly(TAKEN):
        account.save(force_insert=True)
    if owner or pool:
        OwnerChange.objects.create(account=account, owner=owner, pool=pool, from_at=at)
    after = {"external_id": external_id, "name": name, "owner": account.owner_id, "pool": account.pool_id}
    audit.record("account.created", account, at=at, by=by, after=after | audit.changes(Account(), ordinary)[1])
    return restrict(account, restricted=True, at=at, by=by) if restricted else account


@transaction.atomic
def change_account(account: Account, *, at: datetime, by: Actor, **ordinary: Any) -> Account:
    """Change ordinary fields; TypeError for those that have an action of their own."""
    _known(ordinary)
    account = require_write(account, by=by)
    before, after = audit.changes(account, ordinary)
    for name, value in ordinary.items():
        setattr(account, name, value)
    if "name" in after:
        account.name_at = at  # so that a late group call does not undo what a person wrote
    _check(account)
    if after:
        with ExitStack() as stack:
            if {"time_zone", "calendar"} & set(after):
                for around in around_move:
                    stack.enter_context(around(at, [account.pk]))
            account.save(update_fields=[*after, "name_at"])
        audit.record("account.changed", account, at=at, by=by, before=before, after=after)
    return account


def _known(ordinary: Mapping[str, Any]) -> None:
    if unknown := set(ordinary) - ORDINARY:
        raise TypeError(f"Not an ordinary field of an account: {', '.join(sorted(unknown))}")


def _check(account: Account) -> None:
    check_fields(account)
    errors = {}
    if account.time_zone not in zone_names():
        errors["time_zone"] = _("There is no such time zone. Choose one from the list, such as Europe/Berlin.")
    if account.language not in language_codes():
        errors["language"] = _("There is no such language. Choose one from the list.")
    if account.currency not in currency_codes():
        errors["currency"] = _("There is no such currency. Use its three letters, such as EUR.")
    if _is_above(account, account.parent_id):
        errors["parent"] = _("This account stands above the chosen one already. Choose another parent.")
    if errors:
        raise ValidationError(errors)


def _is_above(account: Account, parent: int | None) -> bool:
    """Whether the account stands above `parent` already, so that the two would stand above each other."""
    if account.pk is None or parent is None:
        return False
    with connection.cursor() as cursor:  # two changes at once could each close half of a circle
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('parents of accounts'))")
    everyone, seen = Account.objects.system("who stands above whom"), set[int]()
    while parent is not None and parent not in seen:
        if parent == account.pk:
            return True
        seen.add(parent)
        parent = everyone.filter(pk=parent).values_list("parent", flat=True).first()
    return False


@transaction.atomic
def set_next_step(account: Account, *, text: str, on: date | None, at: datetime, by: Actor) -> Account:
    """Pin one line with a date; an empty text takes it off.

    The words may name a person, so the record keeps their length instead.
    """
    account = require_write(account, by=by)
    if text and on is None:
        raise ValidationError({"next_step_on": _("Say by which day, so that it can come back to you.")})
    before = {"characters": len(account.next_step), "next_step_on": account.next_step_on}
    account.next_step, account.next_step_on = text, on if text else None
    check_fields(account)
    account.save(update_fields=["next_step", "next_step_on"])
    after = {"characters": len(text), "next_step_on": account.next_step_on}
    audit.record("account.next_step_set", account, at=at, by=by, before=before, after=after)
    return account


@transaction.atomic
def set_stage(account: Account, *, stage: str, at: datetime, by: Actor) -> Account:
    """Set the lifecycle stage by hand; where there are subscriptions, `derive_stages` keeps it true afterwards."""
    account = require_write(account, by=by)
    before, after = audit.changes(account, {"stage": stage})
    account.stage = stage
    check_fields(account)
    if after:
        account.save(update_fields=["stage"])
        audit.record("account.stage_set", account, at=at, by=by, before=before, after=after)
        if stage == Stage.CHURNED:
            told = {"account": account.pk, "external_id": account.external_id, "churned_on": at.date()}
            webhooks.emit(CHURNED, {f"{account.pk}:{at.isoformat()}": told}, at=at, by=by)
    return account


@transaction.atomic
def restrict(account: Account, *, restricted: bool, at: datetime, by: Actor) -> Account:
    """Hide the account from everybody but its owner and the admins, or show it again as the visibility mode says."""
    require("reassign", by=by)  # it hides the account from the owner's own team
    account = require_write(account, by=by)
    before, after = audit.changes(account, {"restricted": restricted})
    account.restricted = restricted
    if after:
        account.save(update_fields=["restricted"])
        audit.record("account.restriction_set", account, at=at, by=by, before=before, after=after)
    return account
