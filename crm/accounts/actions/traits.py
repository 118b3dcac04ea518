"""Typed traits: defined by admins, given values by people and by group calls."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from crm.accounts import rules
from crm.accounts.actions.writing import require_write
from crm.accounts.models import Account, Trait, TraitDefinition
from crm.accounts.queries import current_traits, missing_definitions, trait_history
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib.constraints import check_fields, clearly
from crm.staff.actions import require

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
