"""The long work on uploads: rows are read, tried, applied and taken back, a chunk a transaction.

Everything stands in rows: killed at any moment, the work goes on where the last chunk ended. Trying starts over, since
it compares rows with those before them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from crm.audit.rules import Actor, System
from crm.imports import actions as importing
from crm.imports import queries as book
from crm.imports import rules as imports
from crm.imports.actions import Book, Usage
from crm.imports.forms.files import Survey, read_rows, reason_of
from crm.imports.models import ImportRun
from crm.lib import gate
from crm.lib.csv_files import Unreadable, records
from crm.lib.gate import Reason
from crm.lib.sql_files import load
from crm.sources.actions import create_source
from crm.sources.models import Source
from crm.uploads import queries, rules
from crm.uploads.actions.receiving import give_up, only_one_at_work
from crm.uploads.models import Upload, UploadPiece, UploadRow

CHUNK, EVENT_CHUNK = 2_000, 20_000
MOST_ATTEMPTS = 5
SOURCE = "Import"  # as of the command line: an event counts once, whichever way it comes
Clock = Callable[[], datetime]


class TooMany(ValueError):
    """More rows than an upload may have."""


def work(*, clock: Clock, by: Actor) -> str:
    """Do the step at hand of the oldest file that has one, else take back a run that came by command; in words what.

    What people are told is in the language of whoever uploaded the file, and in that name is what is written.
    """
    upload = queries.at_work()
    if not (upload or book.next_to_undo()) or not only_one_at_work():
        return ""
    if upload is None:
        return importing.undo_next(clock=clock, by=by)
    upload.attempts += 1
    upload.save(update_fields=["attempts"])
    step = {rules.READING: _read_and_try, rules.APPLYING: _apply, rules.UNDOING: _undo}[upload.state]
    with translation.override(upload.made_by.language):
        try:
            if upload.attempts > MOST_ATTEMPTS:
                raise TooMany(_("This step has failed several times. The server's log says why."))
            step(upload, clock)
        except Unreadable as error:
            give_up(upload, reason_of(error), at=clock(), by=by)
        except (TooMany, importing.Forgotten) as error:
            give_up(upload, str(error), at=clock(), by=by)
        except PermissionDenied:
            give_up(upload, _("Whoever uploaded the file may not import any more."), at=clock(), by=by)
    return f"file {upload.pk}: {upload.state}"  # its name may name somebody, and this goes to the log


def _advance(upload: Upload, **values: Any) -> None:
    """Note how far the step has come; the page shows it."""
    for name, value in values.items():
        setattr(upload, name, value)
    upload.save(update_fields=list(values))


def _settle(upload: Upload, state: str, at: datetime) -> None:
    _advance(upload, state=state, done=upload.goal, changed_at=at, attempts=0)


# --- reading and trying ------------------------------------------------------------------------------------


def _read_and_try(upload: Upload, clock: Clock) -> None:
    """Read the file into rows, and find out what importing each would do; nothing of it is kept."""
    survey = _store(upload) if UploadPiece.objects.filter(upload=upload).exists() else _survey_rows(upload)
    if survey.unclear and not upload.date_order:
        # Asked, never guessed: one of the two readings would be wrong, and nobody would notice.
        _advance(upload, unclear=survey.unclear | {"other": survey.gives_away}, state=rules.COLUMNS, attempts=0)
        return
    _advance(upload, rows=survey.rows, goal=survey.rows, done=0, through=0, trait_types=survey.trait_types())
    _advance(upload, new=0, updated=0, unchanged=0, refused=0)
    trial = _Trial(upload, survey, clock())
    for chunk in _chunks(upload, refused_too=True):
        trial.run(chunk)
    _settle(upload, rules.CHECKED, clock())


def _store(upload: Upload) -> Survey:
    """Read the file into rows, whatever was read of it before."""
    survey = Survey(queries.layout_of(upload))
    limit = rules.MAX_EVENTS if upload.kind == imports.EVENTS else rules.MAX_ROWS
    with transaction.atomic(), queries.written_out(upload) as path:
        UploadRow.objects.filter(upload=upload).delete()
        rows = records(queries.shape_of(upload, path), by_row=upload.workbook)
        next(rows, None)
        with connection.cursor() as cursor:
            copying = cursor.copy(
                "COPY crm_uploadrow (upload_id, line, cells, outcome, reason, changes, number) FROM STDIN"
            )
            with copying as copy:
                copy.set_types(["int8", "int8", "text[]", "text", "text", "jsonb", "int4"])
                for line, cells in rows:
                    survey.add(line, cells)
                    if survey.rows > limit:
                        words = _("The file has more than {limit} rows. Split it, or import it on the server.")
                        raise TooMany(words.format(limit=f"{limit:,}"))
                    stored = [imports.storable(cell, 131_072) for cell in cells]
                    odd = "" if stored == cells else _what_is_odd(cells)
                    copy.write_row((upload.pk, line, stored, "", odd, "[]", ODD if odd else 1))
        UploadPiece.objects.filter(upload=upload).delete()  # from now on the rows are the file
    return survey


# The number of a row whose cells had to be changed to be stored: it is refused for what it was.
ODD = 0


def _what_is_odd(cells: Sequence[str]) -> str:
    return gate.NUL if any("\0" in cell for cell in cells) else gate.SURROGATE


def _survey_rows(upload: Upload) -> Survey:
    """The same over rows that are stored already, when the file itself is gone."""
    survey = Survey(queries.layout_of(upload))
    for chunk in _chunks(upload, refused_too=True):
        for row in chunk:
            survey.add(row.line, row.cells)
    return survey


def _chunks(upload: Upload, *, refused_too: bool) -> Iterator[list[UploadRow]]:
    line = upload.through
    size = EVENT_CHUNK if upload.kind == imports.EVENTS else CHUNK
    while chunk := queries.rows_after(upload, line, size, refused_too=refused_too):
        yield chunk
        line = chunk[-1].line


class _Trial:
    """Runs chunks through the very code that will apply them, in transactions that are rolled back."""

    def __init__(self, upload: Upload, survey: Survey, at: datetime) -> None:
        self.upload, self.at = upload, at
        self.about = imports.KINDS[upload.kind]
        self.reading = _Reading(upload, at)
        self.events = Usage(_source(upload, at), survey.repeats(), at=at, by=upload.made_by) if self.is_usage else None
        self.book = None if self.is_usage else Book(upload.kind, at=at)

    @property
    def is_usage(self) -> bool:
        return self.upload.kind == imports.EVENTS

    def run(self, chunk: Sequence[UploadRow]) -> None:
        if self.book is not None:
            found = self._tried(self.book, chunk)
        else:
            found = self._foreseen(chunk)
        with transaction.atomic():
            _note(chunk, found)
            _advance(
                self.upload, done=self.upload.done + len(chunk), through=chunk[-1].line, **_counts(self.upload, found)
            )

    def _tried(self, taker: Book, chunk: Sequence[UploadRow]) -> dict[int, "_Found"]:
        # Partitions are made before the transaction: what it makes is rolled back.
        importing.prepare(self.upload.kind, self.reading.rows(chunk) if self.upload.kind == imports.TOTALS else [])
        with transaction.atomic():
            with importing.effects_noted(0):
                taken = taker(self.reading.rows(chunk))
                changes = queries.changes_by_row(self.about, queries.names())
            transaction.set_rollback(True)
        found = {row.line: _Found(rules.UNCHANGED) for row in chunk}
        for touched in taker.touched:
            before = found[touched.line]
            if touched.is_new or before.outcome == rules.NEW:
                found[touched.line] = _Found(rules.NEW)
            else:
                found[touched.line] = _Found(rules.UPDATED, changes=changes.get(touched.row_id, []))
        return found | {one.line: _Found(rules.REFUSED, one.reason, gone=not one.cells) for one in taken.refused}

    def _foreseen(self, chunk: Sequence[UploadRow]) -> dict[int, "_Found"]:
        assert self.events is not None
        new, refused = self.events.foreseen(self.reading.rows(chunk))
        numbers = self.events.numbers
        found = {line: _Found(rules.NEW if is_new else rules.UNCHANGED) for line, is_new in new.items()}
        found |= {one.line: _Found(rules.REFUSED, one.reason) for one in refused}
        return {line: one._replace(number=numbers.get(line, 1)) for line, one in found.items()}


class _Found(NamedTuple):
    """What trying one row found. `gone`: it speaks of somebody who was erased, so nothing of it is kept."""

    outcome: str
    reason: str = ""
    changes: Sequence[Sequence[str]] = ()
    number: int = 1
    gone: bool = False


class _Reading:
    """Stored rows as the importer reads them, with what they presuppose made first."""

    def __init__(self, upload: Upload, at: datetime) -> None:
        self.upload, self.at = upload, at
        self.layout = queries.layout_of(upload)
        self.keys = {name: name.removeprefix(imports.TRAIT_PREFIX) for name in self.layout.traits}

    def rows(self, chunk: Iterable[UploadRow]) -> list[imports.Row]:
        """In the caller's transaction: traits that the file brings are defined in it."""
        types = {self.keys[name]: kind for name, kind in self.upload.trait_types.items()}
        if types:
            importing.define_traits(types, at=self.at, by=self.upload.made_by)
        known = book.known(self.keys, today=self.at.date())
        odd = {row.line: Reason(row.reason) for row in chunk if row.number == ODD}
        read = read_rows(((row.line, row.cells) for row in chunk), self.layout, known, now=self.at)
        return [row._replace(values=None, reason=odd[row.line]) if row.line in odd else row for row in read]


def _source(upload: Upload, at: datetime) -> Source:
    found = Source.objects.filter(name=SOURCE).first()
    return found or create_source(name=SOURCE, at=at, by=System("uploads"))


def _counts(upload: Upload, found: Mapping[int, _Found]) -> dict[str, int]:
    outcomes = Counter(one.outcome for one in found.values())
    return {outcome: getattr(upload, outcome) + outcomes[outcome] for outcome in rules.OUTCOMES}


def _note(chunk: Sequence[UploadRow], found: Mapping[int, _Found]) -> None:
    """Write what was found beside the rows."""
    told = [(row, found[row.line]) for row in chunk]
    values: dict[str, Any] = {
        "ids": [row.pk for row, _one in told],
        "outcomes": [one.outcome for _row, one in told],
        "reasons": [imports.storable(one.reason, 300) for _row, one in told],
        "said": [orjson.dumps(imports.said(one.reason)).decode() for _row, one in told],
        "changes": [orjson.dumps(one.changes).decode() for _row, one in told],
        "gone": [one.gone for _row, one in told],
        "numbers": [one.number if row.number != ODD else ODD for row, one in told],
    }
    with connection.cursor() as cursor:
        cursor.execute(load(queries.__file__, "note_outcomes"), values)


# --- applying ----------------------------------------------------------------------------------------------


def _apply(upload: Upload, clock: Clock) -> None:
    """Import what was not refused, as it was tried. Rows that cannot be taken any more are refused now."""
    at = clock()
    run = upload.run if upload.run and not upload.run.undone_at else _begin(upload, at)
    reading = _Reading(upload, at)
    source = _source(upload, at) if upload.kind == imports.EVENTS else None
    take = importing.writer(run, source=source, repeats=imports.Repeats(), at=at, by=upload.made_by)
    for chunk in _chunks(upload, refused_too=False):
        if isinstance(take, Usage):
            take.given = {row.line: row.number for row in chunk}

        def also(taken: imports.Taken, chunk: Sequence[UploadRow] = chunk) -> None:
            found = {one.line: _Found(rules.REFUSED, one.reason, gone=not one.cells) for one in taken.refused}
            _note([row for row in chunk if row.line in found], found)
            _advance(upload, done=upload.done + len(chunk), through=chunk[-1].line, attempts=0)

        _take(upload, run, take, reading, chunk, also)
    importing.finish(run, at=clock(), by=upload.made_by)
    with transaction.atomic():
        _advance(upload, refused=upload.refused + run.refused)
        _settle(upload, rules.APPLIED, clock())


def _take(
    upload: Upload,
    run: ImportRun,
    take: importing.Take,
    reading: "_Reading",
    chunk: Sequence[UploadRow],
    also: Callable[[imports.Taken], None],
) -> None:
    if upload.kind == imports.EVENTS:
        importing.take_chunk(run, take, reading.rows(chunk), tuple(upload.header), also)
        return
    importing.prepare(upload.kind, reading.rows(chunk) if upload.kind == imports.TOTALS else [])
    with transaction.atomic(), importing.effects_noted(run.pk):  # the traits that reading defines are undone too
        importing.take_chunk(run, take, reading.rows(chunk), tuple(upload.header), also)


def _begin(upload: Upload, at: datetime) -> ImportRun:
    """Put the run on record; what it will do is before it as the goal."""
    incoming = importing.Incoming(upload.kind, upload.filename, upload.sha256, tuple(upload.header), undoable=True)
    with transaction.atomic():
        run = importing.begin(incoming, at=at, by=upload.made_by)
        _advance(upload, run=run, goal=upload.rows - upload.refused, done=0, through=0)
    return run


# --- undoing -----------------------------------------------------------------------------------------------


def _undo(upload: Upload, clock: Clock) -> None:
    run = upload.run
    if run is None:
        raise TooMany(_("There is nothing to undo."))
    if not upload.goal:
        _advance(upload, goal=max(1, book.to_undo(run)), done=0)
    while any(step := importing.undo_step(run, at=clock(), by=upload.made_by)):
        _advance(upload, done=min(upload.goal, upload.done + sum(step)), attempts=0)
    with transaction.atomic():
        importing.finish_undo(run, at=clock(), by=upload.made_by)
        _settle(upload, rules.UNDONE, clock())
