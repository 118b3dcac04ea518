"""Files received, and what people say about them; each leaves the work to the supervisor's second child."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.imports import actions as importing
from crm.imports import rules as imports
from crm.imports.models import ImportRun
from crm.lib.csv_files import Shape, Unreadable, records
from crm.lib.doorbell import wake_long_work
from crm.lib.personal import Subject
from crm.staff.actions import require
from crm.staff.models import User
from crm.uploads import queries, rules
from crm.uploads.models import RememberedColumns, Upload, UploadPiece, UploadRow

log = logging.getLogger("holdfast.uploads")
NOT_NOW = _("The file is not at this step any more: somebody has gone on with it. Reload the page.")


@transaction.atomic
def keep(
    *,
    kind: str,
    filename: str,
    size: int,
    path: Path,
    shape: Shape,
    sample: Sequence[Sequence[str]],
    workbook: bool,
    note: str,
    at: datetime,
    by: User,
) -> Upload:
    """Take a file in, piece by piece. What it means is not known yet."""
    require("import", by=by)
    upload = Upload.objects.create(
        kind=kind, filename=filename, size=size, made_by=by, created_at=at, changed_at=at, workbook=workbook,
        note=imports.storable(note, 300), sample=sample, **_read_as(shape),
    )  # fmt: skip
    with path.open("rb") as raw:
        place = 0
        while data := raw.read(rules.PIECE):
            UploadPiece.objects.create(upload=upload, place=place, data=data)
            place += 1
    audit.record("upload.received", upload, at=at, by=by, after={"kind": kind, "sha256": shape.sha256, "bytes": size})
    return upload


def _read_as(shape: Shape) -> dict[str, Any]:
    return {
        "sha256": shape.sha256,
        "encoding": shape.encoding,
        "guessed": shape.guessed,
        "delimiter": shape.delimiter,
        "header": [imports.storable(name, 500) for name in shape.header],
    }


@transaction.atomic
def read_again(upload: Upload, *, shape: Shape, sample: Sequence[Sequence[str]], at: datetime, by: User) -> Upload:
    """Read the file in another encoding, or with another delimiter."""
    require("import", by=by)
    held = _at(upload, rules.COLUMNS)
    for name, value in {**_read_as(shape), "sample": sample, "unclear": {}, "problem": "", "changed_at": at}.items():
        setattr(held, name, value)
    held.columns = {}
    held.save()
    audit.record("upload.read_again", held, at=at, by=by, after={"encoding": shape.encoding})
    return held


def _at(upload: Upload, *states: str) -> Upload:
    """The upload, locked; ValidationError when it stands at another step by now."""
    held = Upload.objects.select_for_update().get(pk=upload.pk)
    if held.state not in states:
        raise ValidationError(NOT_NOW)
    return held


@transaction.atomic
def choose_columns(
    upload: Upload,
    *,
    columns: Mapping[str, int],
    date_order: str,
    users_per_account: bool,
    at: datetime,
    by: User,
) -> Upload:
    """Say what the columns mean, remember it for the next such file, and have the rows tried."""
    require("import", by=by)
    held = _at(upload, rules.COLUMNS)
    held.columns, held.date_order, held.users_per_account = dict(columns), date_order, users_per_account
    theirs = {imports.plain_name(held.header[place]): ours for ours, place in columns.items()}
    RememberedColumns.objects.update_or_create(
        kind=held.kind,
        header=rules.header_key(held.header),
        defaults={"columns": theirs, "date_order": date_order, "at": at},
    )
    _set_to_work(held, rules.READING, at)
    audit.record("upload.columns_chosen", held, at=at, by=by, after={"columns": theirs, "date_order": date_order})
    return held


def _set_to_work(held: Upload, state: str, at: datetime) -> None:
    held.state, held.changed_at, held.problem = state, at, ""
    held.done = held.goal = held.through = held.attempts = 0
    held.save()
    wake_long_work()


# What a person may set going: the step → where the file must stand.
STARTS = {
    rules.READING: (rules.CHECKED, rules.UNDONE),
    rules.APPLYING: (rules.CHECKED,),
    rules.UNDOING: (rules.APPLIED,),
}


@transaction.atomic
def start(upload: Upload, step: str, *, at: datetime, by: Actor) -> Upload:
    """Set a step going: trying the rows again, applying them, or undoing what was applied."""
    require("import", by=by)
    held = _at(upload, *STARTS[step])
    _set_to_work(held, step, at)
    audit.record(f"upload.{step}", held, at=at, by=by)
    return held


def undo(run: ImportRun, *, at: datetime, by: Actor) -> None:
    """Have a run taken back, whether it came as an upload or by command."""
    if upload := queries.upload_of(run):
        start(upload, rules.UNDOING, at=at, by=by)
    else:
        importing.ask_undo(run, at=at, by=by)


@transaction.atomic
def ask_again(upload: Upload, *, at: datetime, by: User) -> Upload:
    """Go back to the columns, as long as nothing has been applied."""
    require("import", by=by)
    held = _at(upload, rules.CHECKED, rules.FAILED)
    if held.run_id:
        raise ValidationError(NOT_NOW)
    held.state, held.changed_at = rules.COLUMNS, at
    held.save(update_fields=["state", "changed_at"])
    audit.record("upload.columns_again", held, at=at, by=by)
    return held


@transaction.atomic
def discard(upload: Upload, *, at: datetime, by: User) -> None:
    """Forget a file that was not applied, with all its rows."""
    require("import", by=by)
    held = _at(upload, rules.COLUMNS, rules.CHECKED, rules.FAILED, rules.UNDONE)
    audit.record("upload.discarded", held, at=at, by=by)
    _forget([held.pk])


def _forget(ids: Sequence[int]) -> None:
    UploadRow.objects.filter(upload__in=ids).delete()
    UploadPiece.objects.filter(upload__in=ids).delete()
    Upload.objects.filter(pk__in=ids).delete()


@transaction.atomic
def tidy(*, at: datetime, by: Actor) -> int:
    """Forget what was staged longer ago than it is kept, and with it how to undo it; returns how many files."""
    require("import", by=by)
    importing.forget_old(at=at, by=by)
    old = Upload.objects.filter(created_at__lt=at - rules.KEPT).exclude(state__in=rules.AT_WORK)
    rows = list(old.order_by("pk")[:20])
    if rows:
        _forget([row.pk for row in rows])
        after = {"files": len(rows)}
        audit.record("uploads.forgotten", ("uploads", at.isoformat()), at=at, by=by, after=after)
    return len(rows)


def forget_named(subject: Subject, *, at: datetime) -> bool:
    """Discard files that nobody has gone on with and that name the person who is erased, however they are packed."""
    for upload in Upload.objects.filter(state=rules.COLUMNS).order_by("pk"):
        if UploadPiece.objects.filter(upload=upload).exists() and _names(upload, subject):
            _forget([upload.pk])
    return True


def _names(upload: Upload, subject: Subject) -> bool:
    with queries.written_out(upload) as path:
        rows = records(queries.shape_of(upload, path), by_row=upload.workbook)
        try:
            return any(subject.is_named_in(cells) for _line, cells in rows)
        except Unreadable:
            return True  # what cannot be read may name anybody


@transaction.atomic
def give_up(upload: Upload, words: str, *, at: datetime, by: Actor) -> None:
    """A step that cannot be done: say why, and leave the rest to a person."""
    require("import", by=by)
    state = rules.COLUMNS if upload.state == rules.READING and not upload.run_id else rules.FAILED
    Upload.objects.filter(pk=upload.pk).update(state=state, problem=imports.storable(words, 500), changed_at=at)
    audit.record("upload.failed", upload, at=at, by=by, after={"why": imports.storable(words, 500)})


def only_one_at_work() -> bool:
    """Whether this process is the one that works on uploads; it stays so until its connection ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('holdfast uploads'))")
        return bool(cursor.fetchone()[0])
