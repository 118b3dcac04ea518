"""What we want to know about sources: what waits, how much comes in, what came last, and what was refused."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, models
from orjson import JSONDecodeError, loads

from crm.lib import sql_files
from crm.sources.models import InboxBatch, Reject, Source, WriteKey
from crm.sources.rules import REFUSED_MARK

SHOWN_EVENTS = 20
SHOWN_REJECTS = 25


def oldest_waiting() -> datetime | None:
    """When the oldest batch was received that is neither drained nor parked; None when nothing waits."""
    with connection.cursor() as cursor:
        cursor.execute(sql_files.load(__file__, "oldest_waiting"))
        row = cursor.fetchone()
    return row[0] if row else None


def seen_among(ids: Iterable[tuple[date, int]]) -> set[tuple[date, int]]:
    """Which of these (key day, hash) were counted already."""
    pairs = list(ids)
    values: dict[str, Any] = {"days": [day for day, _hash in pairs], "hashes": [hash64 for _day, hash64 in pairs]}
    with connection.cursor() as cursor:
        cursor.execute(sql_files.load(__file__, "seen_among"), values)
        return set(cursor.fetchall())


class Rate(NamedTuple):
    """A source and how many events it sent in the last minute, hour and day; `refused` in the last day.

    `last_received_at` null: nothing came yet.
    """

    id: int
    name: str
    last_received_at: datetime | None
    active_keys: int
    minute: int
    hour: int
    day: int
    refused: int


def rates(at: datetime, source: Source | None = None) -> list[Rate]:
    """The sources with their rates, by name; only the one when `source` is given."""
    day_ago = at - timedelta(days=1)
    values: dict[str, Any] = {
        "minute_ago": at - timedelta(minutes=1),
        "hour_ago": at - timedelta(hours=1),
        "day_ago": day_ago,
        "first_day": day_ago.date(),
        "source": source.pk if source else None,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql_files.load(__file__, "rates"), values)
        return [Rate(*row) for row in cursor.fetchall()]


def write_keys(source: Source) -> models.QuerySet[WriteKey]:
    """Keys in use first, newest first."""
    return WriteKey.objects.filter(source=source).order_by(models.F("revoked_at").desc(nulls_first=True), "-pk")


class Received(NamedTuple):
    """An event as it was sent, not judged yet. Empty text: not given. No person is named."""

    received_at: datetime
    call: str
    name: str
    account: str


def last_events(source: Source, last_received_at: datetime | None) -> list[Received]:
    """The newest events of a source, at most 20, newest first, from the batches as they came."""
    if last_received_at is None:
        return []
    values: dict[str, Any] = {"source": source.pk, "day": last_received_at.date(), "events": SHOWN_EVENTS}
    with connection.cursor() as cursor:
        cursor.execute(sql_files.load(__file__, "newest_batches"), values)
        batches = cursor.fetchall()
    found: list[Received] = []
    for received_at, call, body in batches:
        found += [_received(received_at, call, raw) for raw in reversed(_events_in(call, bytes(body)))]
    return found[:SHOWN_EVENTS]


def _events_in(call: str, body: bytes) -> list[Any]:
    try:
        document = loads(body)
    except JSONDecodeError:  # an erased or rewritten batch
        return []
    events = document.get("batch") if call == "batch" and isinstance(document, dict) else [document]
    return events[-SHOWN_EVENTS:] if isinstance(events, list) else []


def _received(received_at: datetime, call: str, raw: Any) -> Received:
    event: dict[str, Any] = raw if isinstance(raw, dict) and REFUSED_MARK not in raw else {}
    context = event.get("context")
    group = event.get("groupId") or (context.get("groupId") if isinstance(context, dict) else "")
    kind = _shown(event.get("type")) if call == "batch" else call
    return Received(
        received_at,
        kind,
        _shown(event.get("event") if kind == "track" else event.get("name")),
        _shown(group),
    )


def _shown(value: object) -> str:
    """A sender's word for a page, cut short; nothing for what is no word."""
    return str(value)[:80] if isinstance(value, str | int) and not isinstance(value, bool) else ""


def rejects(
    source: Source, *, after: int | None = None, before: int | None = None
) -> tuple[list[Reject], int | None, int | None]:
    """One page of what was refused, newest first, with the cursors of the page before and the page after.

    `after` continues with older rows than that id, `before` with newer ones.
    """
    rows = Reject.objects.filter(source=source)
    if before is not None:
        page = list(rows.filter(pk__gt=before).order_by("pk")[: SHOWN_REJECTS + 1])
        more_newer = len(page) > SHOWN_REJECTS
        page = page[:SHOWN_REJECTS][::-1]
        return page, page[0].pk if page and more_newer else None, page[-1].pk if page else None
    page = list((rows.filter(pk__lt=after) if after is not None else rows).order_by("-pk")[: SHOWN_REJECTS + 1])
    more_older = len(page) > SHOWN_REJECTS
    page = page[:SHOWN_REJECTS]
    return page, page[0].pk if page and after is not None else None, page[-1].pk if page and more_older else None


def parked(source: Source) -> list[InboxBatch]:
    """Batches of which five attempts failed, newest first, at most twenty, without their bodies."""
    rows = InboxBatch.objects.filter(source=source, parked_at__isnull=False, drained_at=None)
    return list(rows.defer("body").order_by("-parked_at", "-id")[:20])
