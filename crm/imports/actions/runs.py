"""A run takes a file over, chunk by chunk, and remembers each run and what it refused.

Every chunk commits wholly together with the run's counts. Any run may be repeated: what is there already stays
as it is, so a run that was killed is completed by running it again.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from time import monotonic

from django.db import connection, transaction
from django.utils.translation import gettext as _

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.imports import queries, rules
from crm.imports.actions.book import Book
from crm.imports.actions.presupposed import define_traits
from crm.imports.actions.usage import Usage, still_wanted
from crm.imports.models import ImportFinding, ImportRefusal, ImportRun, ImportUse
from crm.imports.rules.ravenstack import Finding
from crm.lib.sql_files import load
from crm.sources.models import Source
from crm.staff.actions import require
from crm.usage.actions import prepare_months

CHUNK, EVENT_CHUNK = 5_000, 50_000
# A partition of seen ids may go this long after its last insert (definitions.md, Usage).
IDS_KEPT = timedelta(days=8)


class Forgotten(RuntimeError):
    """These events were imported so long ago that their ids are gone; importing them again could count them twice."""


@dataclass(frozen=True)
class Incoming:
    """A file about to be taken over. `repeats` and `source`: for usage only.

    `traits` (key → type) are defined before `rows` is called. `undoable`: what the run does is kept, so that it can
    be taken back. `part_of`: the first run of the folder in which the file lies.
    """

    kind: str
    filename: str
    sha256: str
    header: tuple[str, ...]
    rows: Callable[[], Iterator[rules.Row]] = lambda: iter(())
    traits: Mapping[str, str] = field(default_factory=dict)
    repeats: rules.Repeats = field(default_factory=rules.Repeats)
    source: Source | None = None
    undoable: bool = False
    part_of: ImportRun | None = None


def import_rows(
    incoming: Incoming,
    *,
    at: datetime,
    by: Actor,
    progress: Callable[[int], None] = lambda rows: None,
    on_refusal: Callable[[rules.Refusal], None] = lambda refusal: None,
) -> ImportRun:
    """Take over all rows; returns the finished run. `progress` hears how many rows each chunk had.

    Raises Forgotten for usage whose ids may be gone, and TakenBack when the run is undone meanwhile. Not one
    transaction: each chunk is.
    """
    started = monotonic()
    run = begin(incoming, at=at, by=by)
    with transaction.atomic(), _noted(run):
        define_traits(incoming.traits, at=at, by=by)
    take = writer(run, source=incoming.source, repeats=incoming.repeats, at=at, by=by)
    for chunk in _ahead(incoming.rows(), EVENT_CHUNK if incoming.kind == rules.EVENTS else CHUNK):
        taken = take_chunk(run, take, chunk, incoming.header)
        for refusal in taken.refused:
            on_refusal(refusal)
        progress(len(chunk))
    finish(run, at=at + timedelta(seconds=monotonic() - started), by=by)
    return run


Take = Callable[[Sequence[rules.Row]], rules.Taken]


def writer(run: ImportRun, *, source: Source | None, repeats: rules.Repeats, at: datetime, by: Actor) -> Take:
    """What takes over the chunks of a run, one after the other. `source` and `repeats`: for events."""
    if run.kind != rules.EVENTS:
        return Book(run.kind, at=at)
    if source is None:
        raise TypeError("Usage comes from a source.")
    return Usage(source, repeats, at=at, by=by, undoable=run if run.undoable else None)


def _ahead(rows: Iterator[rules.Row], size: int) -> Iterator[list[rules.Row]]:
    """Chunks of rows; the next one is read while the database is busy with this one."""
    with ThreadPoolExecutor(1) as reader:
        chunk = list(islice(rows, size))
        while chunk:
            following = reader.submit(lambda: list(islice(rows, size)))
            yield chunk
            chunk = following.result()


def take_chunk(
    run: ImportRun,
    take: Take,
    chunk: Sequence[rules.Row],
    header: tuple[str, ...],
    also: Callable[[rules.Taken], object] = lambda taken: None,
) -> rules.Taken:
    """Write one chunk, the run's counts and whatever `also` notes in one transaction.

    Usage commits its own part first, so that partitions are made outside of the transaction that fills them;
    dying in between leaves only the counts of the unfinished run behind, which `finish` mends where it can.
    """
    prepare(run.kind, chunk)
    with nullcontext() if isinstance(take, Usage) else transaction.atomic():
        with _noted(run):
            taken = take(chunk)
        with transaction.atomic():
            _note(run, len(chunk), taken, header)
            also(taken)
    return taken


def prepare(kind: str, chunk: Sequence[rules.Row]) -> None:
    """What must be there before the transaction that writes the chunk begins."""
    if kind == rules.TOTALS:
        prepare_months(row.values["month"] for row in chunk if row.values is not None)


@transaction.atomic
def note_findings(run: ImportRun, findings: Iterable[Finding], *, at: datetime, by: Actor) -> dict[str, int]:
    """Keep contradictions beside the run that met them; returns how many of each kind."""
    require("import", by=by)
    rows = [
        ImportFinding(
            run=run,
            code=found.code,
            line=found.line,
            account=found.account[:255],
            detail=rules.storable(found.detail, 300),
            row={name: rules.storable(cell, 200) for name, cell in found.row.items()},
        )
        for found in findings
    ]
    ImportFinding.objects.bulk_create(rows, batch_size=2_000)
    counts = dict(Counter(row.code for row in rows))
    audit.record("import.contradicted", run, at=at, by=by, after=counts)
    return counts


@contextmanager
def _noted(run: ImportRun) -> Iterator[None]:
    """What is done to the book is noted for a run that can be undone, and that nobody is undoing already.

    Usage commits several times, so its names and people are noted beyond one transaction, and `Usage` asks itself.
    """
    usage = run.kind == rules.EVENTS
    if run.undoable and not usage:
        still_wanted(run)
    with effects_noted(run.pk, by_session=usage) if run.undoable else nullcontext():
        yield


@contextmanager
def effects_noted(run: int, *, by_session: bool = False) -> Iterator[None]:
    """Have the database write down what is done to the rows of the book meanwhile; 0: for a dry run.

    `by_session`: over several transactions; else within the caller's, which takes the setting back if it fails.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('holdfast.import', true)")
        before = cursor.fetchone()[0] or ""
        setting = "SELECT set_config('holdfast.import', %s, %s)"
        cursor.execute(setting, [str(run), not by_session])
        try:
            yield
        finally:
            if by_session or not connection.needs_rollback:
                cursor.execute(setting, [before, not by_session])


def _must_be_remembered(incoming: Incoming, at: datetime) -> None:
    if incoming.kind != rules.EVENTS:
        return
    first = queries.first_run(incoming.kind, incoming.sha256)
    if first and first.started_at < at - IDS_KEPT:
        words = _(
            "This very file was imported on {day}, more than {limit} days ago. Which of its events are counted is no "
            "longer known row by row, so importing it again could count them twice. Import only the rows that "
            "were refused then."
        )
        raise Forgotten(words.format(day=first.started_at.date(), limit=IDS_KEPT.days))


@transaction.atomic
def begin(incoming: Incoming, *, at: datetime, by: Actor) -> ImportRun:
    """Put a run on record."""
    require("import", by=by)
    _must_be_remembered(incoming, at)
    if incoming.part_of:
        still_wanted(incoming.part_of)
    run = ImportRun.objects.create(
        kind=incoming.kind,
        filename=incoming.filename[:255],
        sha256=incoming.sha256,
        started_at=at,
        undoable=incoming.undoable,
        part_of=incoming.part_of,
    )
    after = {"kind": run.kind, "sha256": run.sha256}
    audit.record("import.started", run, at=at, by=by, after=after)
    return run


def _note(run: ImportRun, read: int, taken: rules.Taken, header: tuple[str, ...]) -> None:
    keep = max(0, queries.KEPT_REFUSALS - run.refused)
    ImportRefusal.objects.bulk_create(
        [
            ImportRefusal(
                run=run,
                line=refusal.line,
                reason=rules.storable(refusal.reason, 300),
                said=rules.said(refusal.reason),
                row=rules.excerpt(header, refusal.cells),
            )
            for refusal in taken.refused[:keep]
        ],
        batch_size=2000,
    )
    run.read += read
    run.created += taken.created
    run.updated += taken.updated
    run.unchanged += taken.unchanged
    run.refused += len(taken.refused)
    run.save(update_fields=["read", "created", "updated", "unchanged", "refused"])


@transaction.atomic
def finish(run: ImportRun, *, at: datetime, by: Actor) -> None:
    if run.kind == rules.SUBSCRIPTIONS:
        with _noted(run), connection.cursor() as cursor:
            cursor.execute(load(queries.__file__, "fill_customer_since"))
    if run.kind == rules.EVENTS and run.undoable:
        # Killed between counting and noting, a chunk is noted as known already; what was counted is kept one by one.
        run.created = ImportUse.objects.filter(run=run).count()
        run.unchanged = run.read - run.refused - run.created
    run.finished_at = at
    run.save(update_fields=["finished_at", "created", "unchanged"])
    counts = {name: getattr(run, name) for name in ("read", "created", "updated", "unchanged", "refused")}
    audit.record("import.finished", run, at=at, by=by, after=counts)
