"""What a row may name, which runs there were, and what each refused."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Generic, NamedTuple, TypeVar

from django.db import connection
from django.db.models import Count, Model, Q, QuerySet

from crm.accounts.models import Account, TraitDefinition
from crm.imports import rules
from crm.imports.models import ImportEffect, ImportFinding, ImportRefusal, ImportRun, ImportUse
from crm.lib.sql_files import load
from crm.plans.models import Feature, Plan
from crm.staff.models import User

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Known:
    """What rows may name, as ids: owners by address in lower case, plans, features; traits as (id, type) by column."""

    users: Mapping[str, int] = field(default_factory=dict)
    plans: Mapping[str, int] = field(default_factory=dict)
    features: Mapping[str, int] = field(default_factory=dict)
    traits: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    today: date = date.max


def known(trait_columns: Mapping[str, str], *, today: date) -> Known:
    """Read it afresh; `trait_columns` maps a file's trait columns to the keys of their definitions."""
    definitions = {
        row.key: (row.pk, row.type) for row in TraitDefinition.objects.filter(key__in=trait_columns.values())
    }
    return Known(
        users={
            user.email.lower(): user.pk for user in User.objects.filter(is_active=True) if user.may("write_account")
        },
        plans=dict(Plan.objects.values_list("external_id", "pk")),
        features=dict(Feature.objects.values_list("key", "pk")),
        traits={column: definitions[key] for column, key in trait_columns.items() if key in definitions},
        today=today,
    )


def account_ids(external_ids: Iterable[str]) -> dict[str, int]:
    """The accounts among these external ids; merged ones are themselves, windows follow the merge."""
    rows = Account.objects.system("an import names its accounts").filter(external_id__in=list(external_ids))
    return dict(rows.values_list("external_id", "pk"))


def undefined_traits(keys: Collection[str]) -> set[str]:
    return set(keys) - set(TraitDefinition.objects.filter(key__in=keys).values_list("key", flat=True))


def first_run(kind: str, sha256: str) -> ImportRun | None:
    """The earliest run over the very same bytes that took anything over."""
    same = ImportRun.objects.filter(kind=kind, sha256=sha256, undone_at=None).exclude(created=0, unchanged=0)
    return same.order_by("id").first()


def folder_of(run: ImportRun) -> QuerySet[ImportRun]:
    """The runs that were taken over together with this one, and are taken back with it; the newest first."""
    first = run.part_of_id or run.pk
    return ImportRun.objects.filter(Q(pk=first) | Q(part_of=first)).order_by("-pk")


def next_to_undo() -> ImportRun | None:
    """Of the runs that are to be taken back the newest, since others may stand on it."""
    rows = ImportRun.objects.filter(undo_asked_at__isnull=False, undone_at=None)
    return rows.select_related("undone_by").order_by("-pk").first()


def to_undo(run: ImportRun) -> int:
    """How much an undo has before it: rows written, and events counted."""
    return ImportEffect.objects.filter(run=run, settled=False).count() + ImportUse.objects.filter(run=run).count()


def tables_to_undo(run: ImportRun) -> list[str]:
    """The tables in which a run's changes are still to be taken back, those that point at others first."""
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "tables_to_undo"), {"run": run.pk})
        found = {table for (table,) in cursor.fetchall()}
    ours = ["crm_entry", "crm_conversation", "crm_goalchange", "crm_goal", "crm_payment", "crm_promisechange"]
    ours += ["crm_promise", "crm_trait", "crm_ownerchange", "crm_subscriptionchange", "crm_subscription", "crm_contact"]
    ours += ["crm_monthlytotal", "crm_eventname", "crm_plan_features", "crm_feature", "crm_plan", "crm_account"]
    of_others = [table for kind in rules.KINDS.values() for table in kind.tables if table not in ours]
    order = [*of_others, *ours]
    return sorted(found, key=lambda table: order.index(table) if table in order else len(order))


def left_by_undo(run: ImportRun) -> QuerySet[ImportEffect]:
    """Rows that an undo left as they are, each with its reason."""
    return ImportEffect.objects.filter(run=run).exclude(left="")


def findings_by_code(run: ImportRun) -> list[tuple[str, int]]:
    """How many contradictions of each kind a run met, the most first."""
    counted = ImportFinding.objects.filter(run=run).values_list("code").annotate(n=Count("pk")).order_by("-n", "code")
    return list(counted)


def findings(
    run: ImportRun, code: str, *, after: int | None = None, before: int | None = None
) -> "Page[ImportFinding]":
    return paged(ImportFinding.objects.filter(run=run, code=code), after, before, newest_first=False)


PAGE = 50
KEPT_REFUSALS = 10_000  # beyond these a run keeps the count only; the file that the command writes has them all


class Page(NamedTuple, Generic[M]):
    """Some rows, and the ids at which the pages before and after them begin; null: there is none."""

    rows: list[M]
    previous: int | None
    next: int | None


def runs(*, after: int | None = None, before: int | None = None) -> Page[ImportRun]:
    """Newest first."""
    return paged(ImportRun.objects.all(), after, before, newest_first=True)


def refusals(run: ImportRun, *, after: int | None = None, before: int | None = None) -> Page[ImportRefusal]:
    """What one run refused, in the order of the file: chunks are stored in it, so ids follow it."""
    return paged(ImportRefusal.objects.filter(run=run), after, before, newest_first=False)


def paged(rows: QuerySet[M], after: int | None, before: int | None, *, newest_first: bool) -> Page[M]:
    down = newest_first == (before is None)
    if before is not None:
        rows = rows.filter(pk__gt=before) if newest_first else rows.filter(pk__lt=before)
    elif after is not None:
        rows = rows.filter(pk__lt=after) if newest_first else rows.filter(pk__gt=after)
    found = list(rows.order_by("-pk" if down else "pk")[: PAGE + 1])
    more, found = len(found) > PAGE, found[:PAGE]
    if before is not None:
        found.reverse()
    if not found:
        return Page([], None, None)
    is_first = (not more) if before is not None else after is None
    is_last = False if before is not None else not more
    return Page(found, None if is_first else found[0].pk, None if is_last else found[-1].pk)
