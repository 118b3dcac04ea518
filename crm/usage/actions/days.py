"""From raw batches to days: each event counted once, in the transaction that remembers its id."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Count

from crm.accounts.queries import account_ids
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib import partitions
from crm.lib.no_collector import no_collector
from crm.lib.sql_files import load
from crm.lib.staging import fill
from crm.people import actions as people
from crm.people.queries import memberships, same_people
from crm.sources import actions as sources
from crm.sources.actions import Claimed
from crm.sources.models import Source
from crm.sources.rules import COUNTED, Envelope, Event, Refusal, SeenId, once, read_batch
from crm.staff.actions import require
from crm.usage import queries
from crm.usage.models import EventName, PersonDay, UsageDay, WaitingEvent
from crm.usage.rules import (
    Added,
    Attributed,
    Counted,
    Drained,
    Name,
    Totals,
    Waited,
    attribute,
    released,
    spans_of,
    tally,
)

MOST_NAMES = 2_000
WAIT = timedelta(days=30)
PEOPLE_KEPT = timedelta(days=400)
_DAY = timedelta(days=1)
_TABLES = ("crm_usage_day", "crm_person_day")


def drain(*, at: datetime, by: Actor, limit_events: int = 10_000, budget_seconds: float = 25.0) -> Drained:
    """Count the batches that wait, oldest first, until none is left or the time is up; leaves one audit row.

    About `limit_events` events a transaction. Two drains at once are safe: they take turns. A batch that
    fails is tried again by later runs, alone, and parked after its fifth attempt.
    """
    done = Drained()

    def count(batches: Sequence[Claimed]) -> Drained:
        return _drain_batches(batches, at=at, by=by)

    try:
        for part in sources.work_through(count, limit_events=limit_events, budget_seconds=budget_seconds, at=at):
            done += part if isinstance(part, Drained) else Drained(**part._asdict())
        done += partitions.with_months(_TABLES, queries.waiting_days(), lambda: _release(*queries.releasable(), at=at))
    finally:
        if done:
            with suppress(DatabaseError), transaction.atomic():
                audit.record("usage.drained", ("drain", at.isoformat()), at=at, by=by, after=asdict(done))
    return done


@no_collector()
def _drain_batches(batches: Sequence[Claimed], *, at: datetime, by: Actor) -> Drained:
    read = {}
    for batch in batches:
        envelope = Envelope(batch.source_id, batch.id, batch.received_at, batch.call, None)
        read[batch.id] = read_batch(batch.body, envelope)
    good = [event for events, _refusals in read.values() for event in events]

    def count() -> Drained:
        _take_turns()
        mine = sources.take_batches(batches, at=at)
        events = [event for batch in batches if batch.id in mine for event in read[batch.id][0]]
        fresh = _fresh(events, at)
        done = _count_fresh(fresh, [one for pk in sorted(mine) for one in read[pk][1]], at=at, by=by)
        return done + Drained(batches=len(mine), repeated=len(events) - len(fresh))

    partitions.ensure_months("crm_seen", {event.key_day for event in good})
    return partitions.with_months(_TABLES, {event.at.date() for event in good if event.call in COUNTED}, count)


def _take_turns() -> None:
    """Wait for another drain's transaction: neither may miss a group call that the other is about to commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('crm drain'))")


def _fresh(events: Sequence[Event], at: datetime) -> list[Event]:
    """The events that were never seen before, each once."""
    first = once(events)
    new = sources.unseen([SeenId(e.key_day, e.hash64, e.by_receipt) for e in first.values()], at=at)
    return [event for key, event in first.items() if key in new]


def _count_fresh(events: Sequence[Event], refusals: list[Refusal], *, at: datetime, by: Actor) -> Drained:
    settled = people.settle(events, at=at, by=by)
    found = _attributed(events, settled)
    refusals += settled.refusals + found.refusals
    WaitingEvent.objects.bulk_create([WaitingEvent(**one._asdict()) for one in found.waiting], batch_size=5000)
    sources.put_aside(refusals)
    _add(found.rows, found.received, at=at)
    mark_dirty(settled.spoken_of)
    done = _release(same_people(settled.joined), settled.made, at=at)
    counts = {"counted": len(found.rows), "waiting": len(found.waiting), "refused": len(refusals)}
    return done + Drained(**counts, accounts=len(settled.made))


def _attributed(events: Iterable[Event], settled: people.Settled) -> Attributed:
    used = [(event, settled.people[people.key_of(event)]) for event in events if event.call in COUNTED]
    spans = spans_of((event.name, event.at) for event, _owner in used)
    passive = {event.name for event, _owner in used if event.call != "track"}
    names = {row.name: Name(row.pk, row.amount_property) for row in _names(spans, passive)}
    histories = memberships({owner for event, owner in used if not event.group_id})
    return attribute(used, names=names, accounts=settled.accounts, histories=histories)


def _names(seen: Mapping[str, tuple[datetime, datetime]], passive: Collection[str] = ()) -> list[EventName]:
    """Rows of these event names, made where absent while there is room; `passive` ones do not count as use."""
    found = EventName.objects.filter(name__in=seen)
    if not seen:
        return []
    known = {row.name for row in found}
    if new := sorted(seen.keys() - known):
        room = max(0, MOST_NAMES - EventName.objects.count())
        rows = [
            EventName(name=name, first_seen_at=seen[name][0], last_seen_at=seen[name][1], is_use=name not in passive)
            for name in new[:room]
        ]
        EventName.objects.bulk_create(rows, ignore_conflicts=True)
    with connection.cursor() as cursor:
        first, last = ([span[place] for span in seen.values()] for place in (0, 1))
        cursor.execute(load(queries.__file__, "event_names"), {"names": list(seen), "first": first, "last": last})
    return list(found.all())


@transaction.atomic
def event_ids(seen: Mapping[str, tuple[datetime, datetime]], *, at: datetime) -> dict[str, int]:
    """Event name ids, made where absent; first and last seen take in the spans. Names beyond 2,000 are left out."""
    return {row.name: row.pk for row in _names(seen)}


def count_events(
    rows: Sequence[Counted],
    *,
    source: Source,
    at: datetime,
    by: Actor,
    keep: Callable[[Sequence[Counted]], object] = lambda counted: None,
) -> Added:
    """Add clean, attributed events that have no raw batch to the days, each id once, in one transaction.

    Plain tuples in the order of `Counted` will do. `keep` is told in the same transaction what was really counted.
    The run that calls leaves the audit row.
    """
    require("import", by=by)

    def count() -> Added:
        first: dict[tuple[date, int], Counted] = {}
        for row in rows:
            first.setdefault((row[5], row[6]), row)
        new = sources.unseen([SeenId(*key) for key in first], at=at)
        counted = [row for key, row in first.items() if key in new]
        _add(counted, None, at=at)
        keep(counted)
        Source.objects.filter(pk=source.pk).exclude(last_received_at__gte=at).update(last_received_at=at)
        return Added(len(new), len(rows) - len(new))

    partitions.ensure_months("crm_seen", {row[5] for row in rows})
    return partitions.with_months(_TABLES, {row[3].date() for row in rows}, count)


def _add(rows: Sequence[Counted], received: Mapping[date, tuple[date, date]] | None, *, at: datetime) -> None:
    """Add events to the roll-ups in the caller's transaction. `received` by day of use; None: no raw batches."""
    if not rows:
        return
    totals = _tally(rows)
    store(totals)
    days = sorted(totals.days)
    spans = [(received or {}).get(day, (None, None)) for day in days]
    values: dict[str, Any] = {
        "days": days,
        "first": [first for first, _last in spans],
        "last": [last for _first, last in spans],
        "without_raw": [totals.days[day] if received is None else 0 for day in days],
        "at": at,
    }
    with connection.cursor() as cursor:
        cursor.execute(load(queries.__file__, "add_counted_days"), values)
    mark_dirty({account for account, _day, _event in totals.usage})


def _tally(rows: Sequence[Counted]) -> Totals:
    return tally(rows, set(EventName.objects.filter(is_use=True).values_list("pk", flat=True)))


def store(totals: Totals) -> None:
    """Add sums to the days in the caller's transaction."""
    with connection.cursor() as cursor:
        lines = (f"{a}\t{day}\t{e}\t{uses}\t{amount}\n" for (a, day, e), (uses, amount) in totals.usage.items())
        fill(cursor, "staged_usage", "account_id bigint, day date, event_id bigint, uses int, amount numeric", lines)
        cursor.execute(load(queries.__file__, "add_usage_days"))
        lines = (f"{a}\t{day}\t{person}\t{uses}\n" for (a, day, person), uses in totals.people.items())
        fill(cursor, "staged_people", "account_id bigint, day date, person_id bigint, uses int", lines)
        cursor.execute(load(queries.__file__, "add_person_days"))


def mark_dirty(accounts: Collection[int]) -> None:
    """Have these accounts judged again. A mark set during a run outlives that run."""
    with connection.cursor() as cursor:
        cursor.execute(load(queries.__file__, "mark_dirty"), {"accounts": sorted(accounts)})


def _release(whose: Collection[int], groups: Collection[str], *, at: datetime) -> Drained:
    """Move waiting events of these people and named groups into the days, in the caller's transaction.

    Of the people, those who belong to no account yet go on waiting: who somebody is may be told before whose they are.
    """
    if not whose and not groups:
        return Drained()
    accounts, histories = account_ids(set(groups)), memberships(whose)
    with connection.cursor() as cursor:
        cursor.execute(load(queries.__file__, "release"), {"people": list(histories), "groups": list(groups)})
        waited = [Waited(*row) for row in cursor.fetchall()]
    rows, received = released(waited, accounts, histories)
    _add(rows, received, at=at)
    return Drained(released=len(rows))


def rebuild_day(day: date, *, at: datetime, by: Actor, account_id: int | None = None) -> int:
    """Count a UTC day anew from its raw batches and put that in place, for one account or all; returns events.

    Memberships, accounts and summed properties are taken as they are now. Raises `queries.RawIncomplete`, and
    changes nothing, when the batches no longer hold all that was counted.
    """
    require("import", by=by)

    def count() -> int:
        _take_turns()
        _release(*queries.releasable(), at=at)
        events = [event for event in queries.events_on(day) if event.call in COUNTED]
        found = _attributed(events, people.settle(events, at=at, by=by))
        if len(found.rows) < (held := queries.uses_on(day)):
            raise queries.RawIncomplete(f"Events counted on {day}: {held}, but raw batches hold {len(found.rows)}.")
        rows = [row for row in found.rows if account_id in (None, row.account_id)]
        mark_dirty({row.account_id for row in rows} | _clear_day(day, account_id))
        store(_tally(rows))
        after = {"account": account_id, "events": len(rows)}
        audit.record("usage.rebuilt", ("day", str(day)), at=at, by=by, after=after)
        return len(rows)

    return partitions.with_months(_TABLES, {day, *queries.waiting_days()}, count)


def _clear_day(day: date, account_id: int | None) -> set[int]:
    """Take a day's roll-ups away, to be put back; returns whose they were."""
    whose = {"account_id": account_id} if account_id else {}
    usage = UsageDay.objects.filter(day=day, **whose)
    accounts = set(usage.values_list("account_id", flat=True))
    usage.delete()
    PersonDay.objects.filter(day=day, **whose).delete()
    return accounts


def tidy(*, at: datetime, by: Actor) -> str:
    """Make the inbox's next days and drop what is past its time; says what was dropped.

    Person days go 400 days after their month last took an event, so that imported history stays as long.
    """
    partitions.ensure_days("crm_inbox_batch", [at.date() + n * _DAY for n in range(3)])
    parts = sources.drop_old(at=at) + len(old := queries.old_months(at - PEOPLE_KEPT))
    for month in old:
        partitions.drop("crm_person_day", f"{month:%Y%m}")
    with transaction.atomic():
        late = WaitingEvent.objects.filter(received_at__lt=at - WAIT)
        sums = list(late.values_list("source_id").annotate(events=Count("pk")).order_by("source_id"))
        late.delete()
        said = "Events dropped, because in 30 days no group call named their account: {}."
        sources.put_aside([Refusal(source, at, 0, "", said.format(events), "") for source, events in sums])
        done = {"parts": parts, "waiting": sum(events for _s, events in sums), "joined": people.thin(at=at)}
        if any(done.values()):
            audit.record("usage.tidied", ("usage", "old"), at=at, by=by, after=done)
    return f"Dropped: old partitions {parts}, events that waited in vain {done['waiting']}."
