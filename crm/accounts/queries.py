"""What is known about accounts as rows: their traits, who owned them when, and how they were merged."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db.models import Q, QuerySet

from crm.accounts.models import Account, OwnerChange, Trait, TraitDefinition
from crm.accounts.rules import COLUMNS, MOST_PROPOSED
from crm.audit.models import AuditRow
from crm.lib.sql_files import load
from crm.staff.models import User


def current_traits(
    *, at: datetime, definition: TraitDefinition | None = None, accounts: Collection[int] | None = None
) -> QuerySet[Trait]:
    """The value of each trait of each account at `at`, by account and definition: one row each.

    Only values of the trait's present type count; a retyped trait keeps its old rows.
    """
    fits = Q()
    for type, column in COLUMNS.items():
        fits |= Q(definition__type=type) & ~Q(**{column: None})
    rows = Trait.objects.system("traits of accounts that the caller has scoped").filter(fits, at__lte=at)
    if definition is not None:
        rows = rows.filter(definition=definition)
    if accounts is not None:
        rows = rows.filter(account__in=accounts)
    rows = rows.order_by("account_id", "definition_id", "-at").distinct("account_id", "definition_id")
    return rows.select_related("definition")


def owner_history(account: Account, user: User) -> QuerySet[OwnerChange]:
    """Who owned the account from when on, newest first."""
    rows = OwnerChange.objects.visible_to(user).filter(account=account)
    return rows.select_related("owner", "pool").order_by("-from_at")


def latest_merge(account: Account) -> AuditRow | None:
    """The record of the account's latest merge into another one; its time is the merge's."""
    return AuditRow.objects.filter(_merges, object_id=str(account.pk)).order_by("-id").first()


_merges = Q(object_kind="account", action="account.merged")


def merged_since(merge: AuditRow, accounts: Collection[int]) -> set[int]:
    """Which of these accounts were merged again after `merge`."""
    ids = [str(pk) for pk in accounts]
    later = AuditRow.objects.filter(_merges, object_id__in=ids, id__gt=merge.pk)
    return {int(pk) for pk in later.values_list("object_id", flat=True)}


def trait_history(since: Mapping[tuple[int, int], datetime]) -> dict[tuple[int, int], list[Trait]]:
    """For each (account, definition): the value that held at the given instant, and all later ones, oldest first."""
    if not since:
        return {}
    rows = Trait.objects.system("group calls of any account").raw(
        load(__file__, "trait_history"),
        {
            "accounts": [account for account, _definition in since],
            "definitions": [definition for _account, definition in since],
            "since": list(since.values()),
        },
    )
    found: dict[tuple[int, int], list[Trait]] = {}
    for row in rows:
        found.setdefault((row.account_id, row.definition_id), []).append(row)
    return found


def missing_definitions(types: Mapping[str, str]) -> list[TraitDefinition]:
    """Unsaved definitions, marked as proposed, for the keys that nobody has defined; as many as there is room for."""
    known = set(TraitDefinition.objects.filter(key__in=types).values_list("key", flat=True))
    new = sorted(types.keys() - known)
    room = max(0, MOST_PROPOSED - TraitDefinition.objects.filter(proposed=True).count()) if new else 0
    return [TraitDefinition(key=key, label=key, type=types[key], proposed=True) for key in new[:room]]


def account_ids(external_ids: Collection[str]) -> dict[str, int]:
    """Account ids by external id; unknown ones are left out. One that was merged away is still named by its own."""
    rows = Account.objects.system("events name accounts of anyone").filter(external_id__in=external_ids)
    return dict(rows.values_list("external_id", "pk")) if external_ids else {}
