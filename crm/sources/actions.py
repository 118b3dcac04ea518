"""What happens to sources: they are made, given keys and robbed of them, and their requests are accepted."""

import hashlib
import logging
import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any, NamedTuple, TypeVar

import psycopg
from django.core.exceptions import ValidationError
from django.db import DatabaseError, OperationalError, connection, transaction
from django.utils.translation import gettext_lazy as _
from psycopg.errors import QueryCanceled

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib import gate, partitions, sql_files, staging
from crm.lib.constraints import clearly
from crm.sources.models import InboxBatch, Reject, SeenMonth, Source, WriteKey
from crm.sources.queries import oldest_waiting
from crm.sources.rules import Refusal, SeenId
from crm.staff.actions import require

BEHIND_AFTER = timedelta(minutes=15)
KEY_MARK = "hf_"
TAKEN = {"crm_source_name_key": ("name", _("Another source has this name. Choose another one."))}


class UnknownKey(LookupError):
    """No such write key, or it was revoked."""


class Behind(RuntimeError):
    """The drain is so late that nothing more is taken in for now."""


def accept(*, key: str, call: str, body: bytes, events: int, at: datetime) -> int:
    """Store one request for the drain and return its id; once this has returned, it is committed.

    `body` is JSON that `crm.sources.forms.read_call` let pass. Raises UnknownKey, or Behind when the oldest
    batch has waited for over 15 minutes. Leaves no audit row: the drain leaves one a run.
    """
    if _is_behind(at):
        raise Behind
    partitions.ensure_days("crm_inbox_batch", (at.date(), at.date() + timedelta(days=1)))
    secret = key.encode("utf-8", "replace")
    values = {
        "day": at.date(),
        "at": at,
        "call": call,
        "body": body.replace(secret, b"") if secret else body,  # keys are stored as hashes only
        "events": events,
        "sha256": hashlib.sha256(secret).digest(),
    }
    connection.close_if_health_check_failed()  # after a restart, so that no beacon meets a dead connection
    connection.ensure_connection()
    # The parameters travel beside the statement: written into it, as Django does, the body would double.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql_files.load(__file__, "accept"), values)
        stored = cursor.fetchone()
    if stored is None:
        raise UnknownKey
    return int(stored[0])


# What the last look at the queue saw, and when. A look costs more than storing a batch, as it asks every day's
# partition, so each process looks once a second.
_LOOK_EVERY = timedelta(seconds=1)
_last_look: tuple[datetime, datetime | None] | None = None


def _is_behind(at: datetime) -> bool:
    global _last_look
    if _last_look is None or not timedelta(0) <= at - _last_look[0] < _LOOK_EVERY:
        _last_look = (at, oldest_waiting())
    oldest = _last_look[1]
    return oldest is not None and oldest < at - BEHIND_AFTER


def look_again() -> None:
    """Forget what the last look at the queue saw."""
    global _last_look
    _last_look = None


@transaction.atomic
def create_source(*, name: str, at: datetime, by: Actor) -> Source:
    """Add a sender of usage. Raises ValidationError when the name is empty, too long or taken."""
    require("manage_keys", by=by)
    try:
        name = gate.clean_text(name, 100)
    except gate.Refused as refused:
        raise ValidationError({"name": refused.reason}) from refused
    if not name:
        raise ValidationError({"name": _("A source needs a name.")})
    with clearly(TAKEN):
        source = Source.objects.create(name=name, created_at=at)
    audit.record("source.created", source, at=at, by=by, after={"name": name})
    return source


@transaction.atomic
def create_write_key(source: Source, *, at: datetime, by: Actor) -> tuple[WriteKey, str]:
    """Add a key to a source. The second value is the key itself, which nobody can read again."""
    require("manage_keys", by=by)
    secret = KEY_MARK + secrets.token_urlsafe(24)
    row = WriteKey.objects.create(
        source=source, prefix=secret[:8], sha256=hashlib.sha256(secret.encode()).digest(), created_at=at
    )
    audit.record("write_key.created", row, at=at, by=by, after={"source": source.name, "prefix": row.prefix})
    return row, secret


@transaction.atomic
def revoke_write_key(key: WriteKey, *, at: datetime, by: Actor) -> WriteKey:
    """End a key at once; what it has sent stays. A key revoked before keeps its time."""
    require("manage_keys", by=by)
    row = WriteKey.objects.select_for_update().get(pk=key.pk)
    if row.revoked_at is None:
        row.revoked_at = at
        row.save(update_fields=["revoked_at"])
        audit.record("write_key.revoked", row, at=at, by=by, before={"revoked_at": None}, after={"revoked_at": at})
    return row


# --- what the drain does with batches and ids --------------------------------------------------------------

logger = logging.getLogger("holdfast.sources")
T = TypeVar("T")
ATTEMPTS = 5
CLAIM_BYTES = 4 * 1024 * 1024
SEEN_KEPT = timedelta(days=8)
RAW_KEPT = timedelta(days=90)


class Claimed(NamedTuple):
    """An inbox batch that this process may try to count; `attempts` includes this one."""

    received_on: date
    id: int
    attempts: int
    received_at: datetime
    source_id: int
    call: str
    body: bytes


@transaction.atomic
def claim_batches(*, limit_events: int, skip: Collection[int] = ()) -> list[Claimed]:
    """Claim the oldest batches that wait, about as many events as the limit, and count the attempt.

    The attempt is committed before the work begins, so that a batch that kills its process is found out. A
    batch with an attempt behind it is claimed alone: it may be the one that spoils the others.
    """
    values: dict[str, Any] = {"limit": limit_events, "bytes": CLAIM_BYTES, "skip": list(skip)}
    with connection.cursor() as cursor:
        cursor.execute(sql_files.load(__file__, "claim"), values)
        return sorted((Claimed(*row) for row in cursor.fetchall()), key=lambda row: (row.received_at, row.id))


class Trouble(NamedTuple):
    """What happened to a claim that was not counted: it failed and was perhaps parked, or the time was up."""

    failed: int = 0
    parked: int = 0
    more: int = 0


def work_through(
    count: Callable[[Sequence[Claimed]], T], *, limit_events: int, budget_seconds: float, at: datetime
) -> Iterator[T | Trouble]:
    """Claim what waits, oldest first, and hand it to `count`, until nothing is left or the time is up.

    A claim that fails leaves its attempt behind, so that each of its batches is claimed alone next; one that
    fails alone is left to later calls and parked after its fifth attempt. Trouble of the database is nobody's
    attempt and is raised.
    """
    until = monotonic() + budget_seconds
    tried: set[int] = set()
    if spent := park_spent(at=at):
        yield Trouble(parked=spent)
    while batches := claim_batches(limit_events=limit_events, skip=tried):
        try:
            yield count(batches)
        except Exception as error:
            if isinstance(error, OperationalError) and not isinstance(error.__cause__, QueryCanceled):
                with suppress(DatabaseError):  # the server may be gone; then the attempt stays counted
                    give_back(batches)
                raise
            logger.exception("%d batches could not be counted.", len(batches))
            if len(batches) == 1:
                tried.add(batches[0].id)
                yield Trouble(failed=1, parked=int(fail_batch(batches[0], reason=_said(error), at=at)))
        if monotonic() > until:
            yield Trouble(more=1)
            return


def _said(error: Exception) -> str:
    """The error without the row's values, which the database adds to its own."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return f"{type(error).__name__}: {diagnosis.message_primary if diagnosis else error}"


def take_batches(batches: Sequence[Claimed], *, at: datetime) -> set[int]:
    """Mark these batches as drained in the caller's transaction; returns the ids of those that still waited."""
    latest = {batch.source_id: batch.received_at for batch in batches}
    for source, received_at in sorted(latest.items()):
        older = Source.objects.filter(pk=source).exclude(last_received_at__gte=received_at)
        older.update(last_received_at=received_at)
    with connection.cursor() as cursor:
        cursor.execute(sql_files.load(__file__, "take"), _names(batches) | {"at": at})
        return {batch_id for (batch_id,) in cursor.fetchall()}


@transaction.atomic
def give_back(batches: Sequence[Claimed]) -> None:
    """Take an attempt back: the trouble was not the batch's."""
    with connection.cursor() as cursor:
        cursor.execute(sql_files.load(__file__, "give_back"), _names(batches))


@transaction.atomic
def fail_batch(batch: Claimed, *, reason: str, at: datetime) -> bool:
    """Keep why a batch could not be counted, and park it when that was its fifth attempt; True when parked."""
    is_last = batch.attempts >= ATTEMPTS
    row = InboxBatch.objects.filter(received_on=batch.received_on, id=batch.id, drained_at=None)
    row.update(failed=reason[:2000], parked_at=at if is_last else None)
    return is_last


@transaction.atomic
def retry_parked(source: Source, *, at: datetime, by: Actor) -> int:
    """Put the source's parked batches back into the queue with five new attempts; returns how many."""
    require("manage_keys", by=by)
    parked = InboxBatch.objects.filter(source=source, parked_at__isnull=False, drained_at=None)
    again = parked.update(parked_at=None, attempts=0, failed="")
    if again:
        audit.record("batches.retried", source, at=at, by=by, after={"batches": again})
    return again


@transaction.atomic
def park_spent(*, at: datetime) -> int:
    """Park batches whose fifth attempt ended without a word, because the process died."""
    spent = InboxBatch.objects.filter(drained_at=None, parked_at=None, attempts__gte=ATTEMPTS)
    return spent.update(parked_at=at, failed="The process died each time it tried to count this batch.")


def _names(batches: Sequence[Claimed]) -> dict[str, list[Any]]:
    return {"days": [batch.received_on for batch in batches], "ids": [batch.id for batch in batches]}


def put_aside(refusals: Sequence[Refusal]) -> None:
    """Keep what was refused, in the caller's transaction."""
    names = Refusal._fields[2:]
    rows = [
        Reject(source_id=one.source_id, at=one.received_at, **dict(zip(names, one[2:], strict=True)))
        for one in refusals
    ]
    Reject.objects.bulk_create(rows, batch_size=2000)


def unseen(ids: Sequence[SeenId], *, at: datetime) -> set[tuple[date, int]]:
    """Remember seen ids in the caller's transaction; returns those that nobody had seen before.

    An id whose key day is only the day of receipt is looked for on the day before as well: a retry may have
    crossed midnight. The months are touched first, so that housekeeping drops none that is being filled.
    """
    if not ids:
        return set()
    months = sorted({partitions.month_of(one.key_day) for one in ids})
    SeenMonth.objects.bulk_create(
        [SeenMonth(month=month, last_insert_at=at) for month in months],
        update_conflicts=True,
        unique_fields=["month"],
        update_fields=["last_insert_at"],
    )
    with connection.cursor() as cursor:
        staging.fill(cursor, "staged_seen", "key_day date, hash64 bigint, by_receipt boolean", map(_line, ids))
        cursor.execute(sql_files.load(__file__, "unseen"))
        return set(cursor.fetchall())


def _line(one: SeenId) -> str:
    return f"{one[0]}\t{one[1]}\t{one[2]}\n"


@transaction.atomic
def drop_old(*, at: datetime) -> int:
    """Drop raw batches older than 90 days and months of seen ids 8 days after their last; returns how many parts.

    A day that still holds a batch that waits is kept.
    """
    dropped = 0
    last = f"{at - RAW_KEPT:%Y%m%d}"
    for suffix in partitions.existing("crm_inbox_batch"):
        day = date.fromisoformat(suffix)
        waits = InboxBatch.objects.filter(received_on=day, drained_at=None, parked_at=None)
        if suffix < last and not waits.exists():
            partitions.drop("crm_inbox_batch", suffix)
            dropped += 1
    for month in SeenMonth.objects.select_for_update().filter(last_insert_at__lt=at - SEEN_KEPT).order_by("month"):
        partitions.drop("crm_seen", f"{month.month:%Y%m}")
        month.delete()
        dropped += 1
    return dropped
