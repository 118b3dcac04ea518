"""What happens to accounts: made, changed, handed over, merged and taken apart again, and given traits.

Bad input is a ValidationError keyed by field; what `by` may not do is PermissionDenied.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from crm.accounts import rules
from crm.accounts.models import Account, OwnerChange, Stage, Trait, TraitDefinition
from crm.accounts.queries import current_traits, latest_merge, merged_since, missing_definitions, trait_history
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib.constraints import check_fields, clearly
from crm.lib.money import currency_codes
from crm.lib.places import language_codes, zone_names
from crm.staff.actions import require
from crm.staff.models import Team, User

# Owner, stage, next step and merging have actions of their own.
ORDINARY = frozenset(
    (
        "name",
        "domains",
        "segment",
        "tags",
        "time_zone",
        "language",
        "currency",
        "restricted",
        "parent",
        "customer_since",
    )
)
TAKEN = {"crm_account_external_id_key": ("external_id", _("Another account has this external id. Choose another one."))}
TRAIT_REASONS = {
    "empty": _("There is no value. Give one, or leave the trait as it is."),
    "not_a_number": _("This is not a number. Write it with a point, such as 1240.5."),
    "too_large": _("The number is beyond ±9,007,199,254,740,992."),
    "not_a_text": _("This is not a text."),
    "too_long": _("The text is longer than 1,000 characters. Shorten it."),
    "not_yes_or_no": _("This is neither yes nor no. Write yes or no."),
    "not_a_date": _("This is not a date. Write it as year-month-day, such as 2026-11-21."),
    "date_out_of_range": _("The date lies outside the years 1900 to 2200."),
    "unknown": _("There are too many traits, or the name of this one is longer than 120 characters."),
    "nested": _("This is a list or an object. Send each of its values as a trait of its own."),
}


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
    return by.is_active and rules.may_write(by.role, by.pk, by.team_id, held(account))


def held(account: Account) -> rules.Holding:
    """In whose hands the account is; reads the owner, so select_related it in lists."""
    team_id = account.owner.team_id if account.owner else None
    return rules.Holding(account.owner_id, team_id, account.pool_id, account.restricted)


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
    **ordinary: Any,
) -> Account:
    """Add an account. A rep's own new account is the rep's; a manager's stays in the team."""
    require("write_account", by=by)
    _known(ordinary)
    if isinstance(by, User) and not by.may("configure"):
        owner = by if owner is None and pool is None else owner
        if owner != by:
            _may_hand_over(rules.Holding(owner_id=by.pk), _holder(owner, pool), by)
    _holder(owner, pool)
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
    return account


@transaction.atomic
def change_account(account: Account, *, at: datetime, by: Actor, **ordinary: Any) -> Account:
    """Change ordinary fields; TypeError for those that have an action of their own."""
    _known(ordinary)
    account = require_write(account, by=by)
    before, after = audit.changes(account, ordinary)
    if "restricted" in after:  # it hides the account from the owner's own team
        require("reassign", by=by)
    for name, value in ordinary.items():
        setattr(account, name, value)
    if "name" in after:
        account.name_at = at  # so that a late group call does not undo what a person wrote
    _check(account)
    if after:
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
    if _is_above(account, account.parent):
        errors["parent"] = _("This account stands above the chosen one already. Choose another parent.")
    if errors:
        raise ValidationError(errors)


def _is_above(account: Account, parent: Account | None) -> bool:
    seen: set[int] = set()
    while parent is not None and parent.pk not in seen:
        if parent.pk == account.pk:
            return True
        seen.add(parent.pk)
        parent = parent.parent
    return False


@transaction.atomic
def change_owner(
    account: Account, *, owner: User | None = None, pool: Team | None = None, at: datetime, by: Actor
) -> OwnerChange | None:
    """Hand the account to a rep or a team's pool (neither: to nobody) from `at` on; None when nothing changes."""
    account = require_write(account, by=by)
    new = _holder(owner, pool)
    if (account.owner_id, account.pool_id) == (new.owner_id, new.pool_id):
        return None
    _may_hand_over(held(account), new, by)
    if OwnerChange.objects.system("the order of its own history").filter(account=account, from_at__gte=at).exists():
        raise ValidationError({"owner": _("The owner was changed at this moment already. Try again.")})
    before = {"owner": account.owner_id, "pool": account.pool_id}
    account.owner, account.pool = owner, pool
    account.save(update_fields=["owner", "pool"])
    change = OwnerChange.objects.create(account=account, owner=owner, pool=pool, from_at=at)
    after = {"owner": account.owner_id, "pool": account.pool_id}
    audit.record("account.owner_changed", account, at=at, by=by, before=before, after=after)
    return change


def _holder(owner: User | None, pool: Team | None) -> rules.Holding:
    if owner and pool:
        raise ValidationError({"owner": _("An account has either an owner or a team's pool, not both.")})
    if owner and not owner.may("write_account"):
        raise ValidationError({"owner": _("This person cannot look after accounts. Choose an active rep or manager.")})
    if owner:
        return rules.Holding(owner_id=owner.pk, owner_team_id=owner.team_id)
    return rules.Holding(pool_id=pool.pk if pool else None)


def _may_hand_over(now: rules.Holding, new: rules.Holding, by: Actor) -> None:
    if isinstance(by, User) and not rules.may_hand_over(by.role, by.pk, by.team_id, now, new):
        raise PermissionDenied


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
    return account


@transaction.atomic
def merge_accounts(account: Account, *, into: Account, at: datetime, by: Actor) -> Account:
    """Let `into` take the place of the account: a pointer only, so it can be undone for 30 days.

    Pointers stay one hop long: what was merged into the account before points at `into` from now on.
    """
    first, second = sorted((account, into), key=lambda row: row.pk)  # one order, so that two merges cannot deadlock
    rows = {row.pk: require_write(row, by=by) for row in (first, second)}
    account, into = rows[account.pk], rows[into.pk]
    if account.pk == into.pk:
        raise ValidationError({"into": _("An account cannot be merged into itself.")})
    if account.merged_into_id or into.merged_into_id:
        raise ValidationError({"into": _("One of the two is merged away already. Choose the account that took over.")})
    inside = Account.objects.system("accounts merged into this one").filter(merged_into=account)
    moved = list(inside.order_by("pk").values_list("pk", flat=True))
    inside.update(merged_into=into)
    account.merged_into = into
    account.save(update_fields=["merged_into"])
    audit.record("account.merged", account, at=at, by=by, after={"merged_into": into.pk, "moved": moved})
    return account


@transaction.atomic
def undo_merge(account: Account, *, at: datetime, by: Actor) -> Account:
    """Clear the pointer again, and give back what had been merged into the account before."""
    account = require_write(account, by=by)
    merge = latest_merge(account)
    if account.merged_into_id is None or merge is None:
        raise ValidationError(_("This account is not merged into another one."))
    if at - merge.at > rules.UNDO_MERGE_WITHIN:
        raise ValidationError(_("The merge is more than 30 days old and can no longer be undone."))
    into, moved = account.merged_into_id, merge.after["moved"]
    # One that was taken out and merged anew in between stays where that put it.
    moved = [pk for pk in moved if pk not in merged_since(merge, moved)]
    inside = Account.objects.system("accounts that came along with the merge").filter(pk__in=moved, merged_into=into)
    inside.update(merged_into=account)
    account.merged_into = None
    account.save(update_fields=["merged_into"])
    audit.record("account.merge_undone", account, at=at, by=by, before={"merged_into": into, "moved": moved})
    return account


TRAIT_KEY_TAKEN = {"crm_traitdefinition_key_key": ("key", _("There is a trait with this key already."))}


@transaction.atomic
def define_trait(
    *, key: str, label: str, type: str, unit: str = "", proposed: bool = False, at: datetime, by: Actor
) -> TraitDefinition:
    require("configure", by=by)
    row = TraitDefinition(key=key, label=label, type=type, unit=unit, proposed=proposed)
    check_fields(row)
    with clearly(TRAIT_KEY_TAKEN):
        row.save(force_insert=True)
    after = {"key": key, "label": label, "type": type, "unit": unit, "proposed": proposed}
    audit.record("trait.defined", row, at=at, by=by, after=after)
    return row


@transaction.atomic
def change_trait(
    definition: TraitDefinition, *, label: str, type: str, unit: str, at: datetime, by: Actor
) -> tuple[TraitDefinition, int]:
    """Rename or retype a trait; returns it with the number of accounts whose value does not fit the new type.

    Values are never edited: those that fit are appended again in the new type, from `at` on.
    """
    require("configure", by=by)
    definition = TraitDefinition.objects.select_for_update().get(pk=definition.pk)
    old = list(current_traits(definition=definition, at=at)) if type != definition.type else []
    before, after = audit.changes(definition, {"label": label, "type": type, "unit": unit, "proposed": False})
    definition.label, definition.type, definition.unit, definition.proposed = label, type, unit, False
    check_fields(definition)
    definition.save()
    new = []
    for row in old:
        try:
            column, value = rules.trait_value(type, row.value)
        except rules.TraitRefused:
            continue
        values = {column: value}
        new.append(Trait(account_id=row.account_id, definition=definition, at=at, recorded_at=at, **values))
    Trait.objects.bulk_create(new, batch_size=2000)
    if after:
        after |= {"retyped": len(new), "did_not_fit": len(old) - len(new)} if old else {}
        audit.record("trait.changed", definition, at=at, by=by, before=before, after=after)
    return definition, len(old) - len(new)


@transaction.atomic
def set_trait(
    account: Account,
    definition: TraitDefinition,
    value: object,
    *,
    true_at: datetime | None = None,
    at: datetime,
    by: Actor,
) -> Trait | None:
    """Append a value that holds from `true_at` (default `at`) on; None when it held already.

    The record names the row, not the value: texts may be personal, and the rows are the history.
    """
    account = require_write(account, by=by)
    true_at = true_at or at
    try:
        column, typed = rules.trait_value(definition.type, value)
    except rules.TraitRefused as refused:
        raise ValidationError({definition.key: TRAIT_REASONS[refused.code]}) from refused
    held_so_far = current_traits(definition=definition, at=true_at, accounts=[account.pk]).first()
    if held_so_far is not None and getattr(held_so_far, column) == typed:
        return None
    taken = (definition.key, _("Another value is recorded for this very moment. Try again."))
    with clearly({"trait_once": taken}):
        values = {column: typed}
        row = Trait.objects.create(account=account, definition=definition, at=true_at, recorded_at=at, **values)
    audit.record("account.trait_set", account, at=at, by=by, after={"trait": definition.key, "row": row.pk})
    return row


@transaction.atomic
def upsert_from_group(calls: Sequence[rules.GroupCall], *, at: datetime, by: Actor) -> rules.Grouped:
    """Make accounts known by their group calls and take over their traits, each by event time.

    The trait `name` is the account's name. Others are typed: a new one brings a proposed definition, a value
    that does not fit is refused. Nothing is un-set by an empty value. The run that calls leaves the audit row.
    """
    require("write_account", by=by)
    wanted = {call.external_id for call in calls}
    everyone = Account.objects.system("group calls name accounts of anyone")
    ids = dict(everyone.filter(external_id__in=wanted).values_list("external_id", "pk"))
    made = wanted - set(ids)
    new = [Account(external_id=name, name=name, created_at=at) for name in sorted(made)]
    Account.objects.bulk_create(new, ignore_conflicts=True)
    ids |= dict(everyone.filter(external_id__in=made).values_list("external_id", "pk"))
    for call in sorted(calls, key=lambda call: call.at):
        if name := rules.account_name(call.traits):
            older = everyone.filter(pk=ids[call.external_id]).exclude(name_at__gt=call.at)
            older.update(name=name, name_at=call.at)
    types = rules.proposed_types(calls)
    TraitDefinition.objects.bulk_create(missing_definitions(types), ignore_conflicts=True)
    definitions = {row.key: row for row in TraitDefinition.objects.filter(key__in=types)}
    reports, refused = rules.sorted_out(calls, {key: row.type for key, row in definitions.items()})
    _append({(ids[account], definitions[key]): said for (account, key), said in reports.items()}, at)
    return rules.Grouped(ids, made, [(index, f"{key[:60]}: {TRAIT_REASONS[code]}") for index, key, code in refused])


def _append(reports: Mapping[tuple[int, TraitDefinition], Sequence[tuple[datetime, object]]], at: datetime) -> None:
    since = {(account, row.pk): min(when for when, _value in said) for (account, row), said in reports.items()}
    history = trait_history(since)
    new: list[Trait] = []
    confirmed: list[Trait] = []
    for (account, definition), said in reports.items():
        column = rules.COLUMNS[definition.type]
        rows = {row.at: row for row in history.get((account, definition.pk), [])}
        held = [rules.Held(row.at, getattr(row, column), row.confirmed_at) for row in rows.values()]
        for after in rules.timeline(held, said):
            row = rows.get(after.at) or Trait(account_id=account, definition=definition, at=after.at, recorded_at=at)
            if after.is_new or after.confirmed_at != row.confirmed_at:
                (new if after.is_new else confirmed).append(row)
                row.confirmed_at = after.confirmed_at
                setattr(row, column, after.value)
    Trait.objects.bulk_create(new, batch_size=2000)
    Trait._base_manager.bulk_update(confirmed, ["confirmed_at"], batch_size=2000)
