"""Taking an import back: every row as it was before, but for those that somebody has changed since.

The record of a run (`ImportEffect`, `ImportUse`) says what each row was. An undo goes through it table by table, those
that point at others first, a batch a transaction; killed in the middle, it goes on where it stopped.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.utils import translation
from django.utils.translation import gettext as _
from psycopg import sql

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.conversations.actions import moving_clocks
from crm.imports import queries, rules
from crm.imports.models import ImportEffect, ImportRun, ImportUse
from crm.lib.doorbell import wake_long_work
from crm.lib.personal import Subject
from crm.lib.sql_files import load
from crm.staff.actions import require
from crm.usage.actions import mark_dirty, respread, uncount
from crm.usage.rules import Counted, Total

BATCH = 2_000
KEPT = timedelta(days=30)  # how long the record of what a run did is kept
# Rows that are derived from an account and go with it: table → the column that names it. Other apps add theirs.
derived: dict[str, str] = dict.fromkeys(
    ("crm_dirtyaccount", "crm_account_figures", "crm_window_event", "crm_window_person"), "account_id"
)
# What is counted for an account has no foreign key, and keeps it all the same.
COUNTED = {"crm_account": (("crm_usage_day", "account_id"), ("crm_person_day", "account_id"))}


class Step(NamedTuple):
    """One batch of an undo: how many rows were taken back, and how many were left. Both 0: nothing is left to do."""

    undone: int
    left: int


@transaction.atomic
def ask_undo(run: ImportRun, *, at: datetime, by: Actor) -> None:
    """Have the long work take a run back, and with it the other files of its folder.

    A run that still goes on stops at its next chunk. Raises ValidationError when there is nothing to take back.
    """
    require("import", by=by)
    held = list(queries.folder_of(run).select_for_update())
    asked = [one for one in held if one.may_be_undone]
    if not asked:
        raise ValidationError(
            _("This import cannot be undone: it has been already, or what it did is no longer known.")
        )
    user = int(by.actor_id) if by.actor_kind == "user" else None
    ImportRun.objects.filter(pk__in=[one.pk for one in asked]).update(undo_asked_at=at, undone_by_id=user)
    for one in asked:
        audit.record("import.undo_asked", one, at=at, by=by)
    wake_long_work()


def undo_next(*, clock: Callable[[], datetime], by: Actor) -> str:
    """Take back the newest of the runs that are to be, in the name and language of whoever asked; returns words."""
    run = queries.next_to_undo()
    if run is None:
        return ""
    asked = run.undone_by
    with translation.override(asked.language if asked else translation.get_language()):
        try:
            while any(undo_step(run, at=clock(), by=asked or by)):
                pass
            finish_undo(run, at=clock(), by=asked or by)
        except PermissionDenied:  # somebody else may ask
            ImportRun.objects.filter(pk=run.pk).update(undo_asked_at=None, undone_by=None)
    return f"import {run.pk}: undone"


@transaction.atomic
def forget_old(*, at: datetime, by: Actor) -> int:
    """Forget what runs did longer ago than it is kept; they stay on record. Returns how many runs."""
    require("import", by=by)
    old = ImportRun.objects.filter(undoable=True, started_at__lt=at - KEPT).order_by("started_at")
    old = old.exclude(undo_asked_at__isnull=False, undone_at=None)
    runs = list(old.values_list("pk", flat=True)[:20])
    ImportEffect.objects.filter(run__in=runs).delete()
    ImportUse.objects.filter(run__in=runs).delete()
    return ImportRun.objects.filter(pk__in=runs).update(undoable=False)


def undo_step(run: ImportRun, *, at: datetime, by: Actor) -> Step:
    """Take back one batch of what a run did, in a transaction of its own."""
    require("import", by=by)
    with transaction.atomic():
        used = list(ImportUse.objects.select_for_update().filter(run=run).order_by("pk")[: BATCH * 5])
        if used:
            uncount([_counted(row) for row in used], at=at)
            ImportUse.objects.filter(pk__in=[row.pk for row in used]).delete()
            return Step(len(used), 0)
    with transaction.atomic():
        table = next(iter(queries.tables_to_undo(run)), None)
        return _take_back(run, table, at) if table else Step(0, 0)


@transaction.atomic
def finish_undo(run: ImportRun, *, at: datetime, by: Actor) -> ImportRun:
    """Put on record that a run was taken back, and what had to be left."""
    require("import", by=by)
    run.undone_at, run.undone_by_id = at, int(by.actor_id) if by.actor_kind == "user" else None
    run.left = queries.left_by_undo(run).count()
    run.save(update_fields=["undone_at", "undone_by", "left"])
    audit.record("import.undone", run, at=at, by=by, after={"left": run.left})
    return run


def _counted(row: ImportUse) -> Counted:
    at = datetime.combine(row.day, time(), UTC)
    return Counted(row.account_id, row.person_id, row.event_id, at, int(row.amount), row.key_day, row.hash64)


def _take_back(run: ImportRun, table: str, at: datetime) -> Step:
    """The next rows of one table, each as one change from what it was first to what it is now."""
    with connection.cursor() as cursor:
        cursor.execute(load(queries.__file__, "rows_to_undo"), {"run": run.pk, "table": table, "limit": BATCH})
        ids = [row_id for (row_id,) in cursor.fetchall()]
        cursor.execute(_composed(table, "judge_undo"), {"run": run.pk, "table": table, "ids": ids})
        judged = [_judged(*row) for row in cursor.fetchall()]
    made = [one.row_id for one in judged if one.before is None and one.now is not None and not one.left]
    kept = _kept(table, made)
    judged = [one._replace(left=kept.get(one.row_id, one.left)) for one in judged]
    going = [one for one in judged if not one.left]
    if table == "crm_monthlytotal":
        respread([(_total(one.now), _total(one.back)) for one in going], at=at)
    with _clocks(table, going, at):
        _write(table, going)
    _settle(run, table, judged)
    return Step(len(going), len(judged) - len(going))


class _Judged(NamedTuple):
    """One row as JSON: as it was, is, and would be again (null: not there); why it must be left, if it must."""

    row_id: int
    before: str | None
    now: str | None
    back: str | None
    left: str


def _judged(row_id: int, before: str | None, now: str | None, back: str | None, changed: str) -> _Judged:
    words = _("Changed since: {names}.").format(names=changed) if changed else ""
    return _Judged(row_id, before, now, back, words)


def _composed(table: str, name: str) -> sql.Composed:
    """A statement of ours for one of our tables; names cannot be parameters."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
            " AND attgenerated = '' ORDER BY attnum",
            [table],
        )
        columns = sql.SQL(", ").join(sql.Identifier(name) for (name,) in cursor.fetchall())
    text = load(queries.__file__, name)
    return sql.SQL(text).format(table=sql.Identifier(table), columns=columns)


def _kept(table: str, ids: Sequence[int]) -> dict[int, str]:
    """Rows that a run made and that others have come to stand on since, with the reason."""
    if not ids:
        return {}
    found: dict[int, str] = {}
    with connection.cursor() as cursor:
        for other, column in [*_pointing_at(table), *COUNTED.get(table, ())]:
            if other in derived and derived[other] == column:
                continue
            query = sql.SQL("SELECT DISTINCT {column} FROM {other} WHERE {column} = ANY (%s)").format(
                other=sql.Identifier(other), column=sql.Identifier(column)
            )
            cursor.execute(query, [list(ids)])
            for (row_id,) in cursor.fetchall():
                words = _("Something has been added to it since ({what}). Undo or remove that first.")
                found.setdefault(row_id, words.format(what=_plain_name(other)))
    return found


def _pointing_at(table: str) -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(load(queries.__file__, "pointing_at"), {"table": table})
        return [(other, column) for other, column in cursor.fetchall()]


def _plain_name(table: str) -> str:
    return table.partition("_")[2].replace("_", " ")


def _clocks(table: str, going: Sequence[_Judged], at: datetime) -> AbstractContextManager[None]:
    """Around what may change by which hours clocks run: those of whom it may be go on by the new ones."""
    if table == "crm_account":
        return moving_clocks(at, [one.row_id for one in going])
    return moving_clocks(at) if table == "crm_calendarday" else nullcontext()


def _write(table: str, going: Sequence[_Judged]) -> None:
    gone = [one.row_id for one in going if one.back is None and one.now is not None]
    again = [one.back for one in going if one.back is not None and one.now is None]
    changed = [one.back for one in going if one.back is not None and one.now is not None]
    with connection.cursor() as cursor:
        if gone and table == "crm_account":
            for other, column in derived.items():
                query = sql.SQL("DELETE FROM {other} WHERE {column} = ANY (%s)")
                cursor.execute(query.format(other=sql.Identifier(other), column=sql.Identifier(column)), [gone])
        if gone:
            cursor.execute(sql.SQL("DELETE FROM {} WHERE id = ANY (%s)").format(sql.Identifier(table)), [gone])
        for name, rows in (("undo_delete", again), ("undo_update", changed)):
            if rows:
                cursor.execute(_composed(table, name), {"rows": f"[{','.join(rows)}]"})
    mark_dirty(_accounts(table, going))


def _accounts(table: str, going: Iterable[_Judged]) -> set[int]:
    """Whose facts have changed; an account that is gone has none."""
    name = "id" if table == "crm_account" else "account_id"
    kept = going if name == "account_id" else [one for one in going if one.back]
    rows = [json.loads(one.back or one.now or "{}") for one in kept]
    return {row[name] for row in rows if row.get(name)}


def _settle(run: ImportRun, table: str, judged: Sequence[_Judged]) -> None:
    values: dict[str, Any] = {
        "run": run.pk,
        "table": table,
        "ids": [one.row_id for one in judged],
        "left": [rules.storable(one.left, 300) for one in judged],
    }
    with connection.cursor() as cursor:
        cursor.execute(load(queries.__file__, "settle_effects"), values)


def _total(text: str | None) -> Total | None:
    if text is None:
        return None
    row = json.loads(text)
    month, through = (datetime.fromisoformat(row[name]).date() for name in ("month", "through"))
    return Total(row["account_id"], row["event_id"], month, row["uses"], int(row["amount"]), through)


def forget_effects(subject: Subject, *, at: datetime, by: Actor) -> int:
    """What imports did to a person's rows, or that names them, cannot be taken back once they are erased."""
    effects = ImportEffect.objects.annotate(old=Cast("before", TextField()), new=Cast("after", TextField()))
    theirs = Q(table_name="crm_contact", row_id__in=subject.contacts) | Q(
        table_name="crm_person", row_id__in=subject.people
    )
    named = Q(old__iregex=subject.loose) | Q(new__iregex=subject.loose)
    return effects.filter(theirs | named).delete()[0]
