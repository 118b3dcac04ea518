"""What is known about accounts as rows: their traits, who owned them when, and how they were merged."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from crm.accounts.models import Account, OwnerChange, TagRename, Trait, TraitDefinition
from crm.accounts.rules import COLUMNS, MOST_PROPOSED, UNDO_MERGE_WITHIN
from crm.audit.models import AuditRow
from crm.lib.scope import named_text
from crm.lib.sql_files import load
from crm.staff.models import User
from crm.staff.rules import RIGHTS

# For SQL files: the accounts of %(accounts)s with those merged into them, whose rows count for them.
WITH_MERGED = (
    "ANY (ARRAY(SELECT id FROM crm_account WHERE id = ANY (%(accounts)s) OR merged_into_id = ANY (%(accounts)s)))"
)


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


def colleagues(account: Account, by: User) -> QuerySet[User]:
    """Whom `by` may name for work on the account: its owner, the team that holds it, and oneself; by name."""
    there = Q(pk=account.owner_id) | Q(pk=by.pk)
    if not account.restricted:
        team = account.owner.team_id if account.owner else account.pool_id
        there |= Q(team=team) if team else Q()
    return User.objects.filter(there, is_active=True, role__in=RIGHTS["write_account"]).order_by("name", "pk")


@dataclass(frozen=True)
class Span:
    """Who held an account from when until when (None: still), and who said so; empty: a file, or nobody knows."""

    holder: str
    from_at: datetime
    until_at: datetime | None
    by: str


def owner_history(account: Account, user: User) -> list[Span]:
    """The newest 200 spans, newest first; holder is empty where nobody owned it."""
    rows = OwnerChange.objects.visible_to(user).filter(account=account).select_related("owner", "pool")
    found = list(rows.order_by("-from_at")[:200])
    about = AuditRow.objects.filter(object_kind="account", object_id=str(account.pk), action__in=_hands)
    said = dict(about.order_by("-id").values_list("at", "actor_label")[:400])
    ends = [None, *(row.from_at for row in found)]
    return [
        Span(str(row.owner or row.pool or ""), row.from_at, until, said.get(row.from_at, ""))
        for row, until in zip(found, ends, strict=False)
    ]


_hands = ("account.created", "account.owner_changed")


def twins(user: User, *, name: str = "", domains: Collection[str] = (), external_id: str = "") -> list[Account]:
    """Accounts that the person sees and that may be the same company: the same name, a domain, or external id."""
    same = Q(pk__in=[])
    if name:
        same |= Q(pk__in=Account.objects.system("narrowed below").annotate(low=Lower("name")).filter(low=name.lower()))
    if domains:
        same |= Q(domains__overlap=list(domains))
    if external_id:
        same |= Q(external_id=external_id)
    rows = Account.objects.visible_to(user).filter(same, merged_into=None).select_related("owner", "pool")
    return list(rows.order_by("name", "pk")[:5])


class Kin(NamedTuple):
    """An account above (depth below 0) or below another one (from 1 on); 0 is the account itself."""

    pk: int
    name: str
    depth: int


def kin(account: Account, user: User) -> list[Kin]:
    """The accounts above it, itself, and those below it in order of the tree; those that the person sees."""
    seen, parameters = named_text(Account.objects.visible_to(user).values("pk"))
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "kin").replace("/*accounts*/", seen), parameters | {"account": account.pk})
        found = [Kin(*row) for row in cursor.fetchall()]
    return found if len(found) > 1 else []


NEWEST = 2_000


def known_tags(user: User) -> list[str]:
    """Tags to choose from: those of the newest tagged accounts that the person sees."""
    rows = Account.objects.visible_to(user).exclude(tags=[]).order_by("-pk").values_list("tags", flat=True)
    return sorted({tag for tags in rows[:NEWEST] for tag in tags})[:200]


def tag_counts() -> list[tuple[str, int]]:
    """Every tag with how many accounts have it, the most used first; at most 500. For ops, who see all accounts."""
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "tag_counts"))
        return list(cursor.fetchall())


def recent_renames(at: datetime) -> list[TagRename]:
    """Renamings that can still be taken back, newest first."""
    return list(TagRename.objects.filter(undone_at=None, at__gte=at - UNDO_MERGE_WITHIN).order_by("-at", "-pk")[:20])


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
