"""What happens to people: they appear, turn out to be one another, join accounts and say who they are.

All of it is set-based and called by the drain and by imports inside their own transaction; the run that
calls leaves the audit row.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from orjson import dumps

from crm.accounts.actions import upsert_from_group
from crm.accounts.queries import account_ids
from crm.accounts.rules import GroupCall
from crm.audit.rules import Actor
from crm.contacts import actions as contacts
from crm.contacts.actions import Identified
from crm.contacts.queries import erased_among, erased_names
from crm.contacts.rules import ADDRESS, at_source
from crm.lib.sql_files import load
from crm.people.models import Membership, Person
from crm.people.queries import memberships, nobody, same_people
from crm.sources.models import Source
from crm.sources.rules import Event, Refusal, refusal_of
from crm.staff.actions import require

Span = tuple[datetime, datetime]  # first and last event time
Key = tuple[int, str, bool]  # source, external id, anonymous

LAST_SEEN_STEP = timedelta(hours=1)  # moving it with every event would rewrite each person in each drain
MOST_TRAITS = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@transaction.atomic
def people_ids(source: Source, seen: Mapping[str, Span], *, at: datetime) -> dict[str, int]:
    """Person ids by external id at one source, made where absent; their first and last seen take in the spans."""
    found = appear({(source.pk, external_id, False): span for external_id, span in seen.items()})
    return {external_id: person_id for (_source, external_id, _anonymous), person_id in found.items()}


@transaction.atomic
def appear(seen: Mapping[Key, Span]) -> dict[Key, int]:
    """Person ids by key, made where absent; first and last seen take in each key's span."""
    if not seen:
        return {}
    found: dict[Key, int] = {}
    wider: list[tuple[int, Span]] = []
    with connection.cursor() as cursor:
        for source_id, anonymous in sorted({(source, anonymous) for source, _id, anonymous in seen}):
            ids = [external_id for source, external_id, is_so in seen if (source, is_so) == (source_id, anonymous)]
            values: dict[str, Any] = {"source": source_id, "anonymous": anonymous, "ids": ids}
            cursor.execute(load(__file__, "known_people"), values)
            for external_id, person_id, first, last in cursor.fetchall():
                key = (source_id, external_id, anonymous)
                found[key] = person_id
                span = seen[key]
                if span[0].timestamp() < first or span[1].timestamp() >= last + LAST_SEEN_STEP.total_seconds():
                    wider.append((person_id, span))
        if new := {key: span for key, span in seen.items() if key not in found}:
            stand_ins = nobodies(new)
            kept = {stand_ins.get(key, key): span for key, span in new.items()}
            cursor.execute(load(__file__, "new_people"), _keys(kept) | _spans(list(kept.values())))
            made = {(source, external_id, is_so): person for source, external_id, is_so, person in cursor.fetchall()}
            found |= {key: made[stand_ins.get(key, key)] for key in new}
        if wider:
            wider.sort()
            whose = {"people": [person_id for person_id, _span in wider]}
            cursor.execute(load(__file__, "seen_people"), whose | _spans([span for _person, span in wider]))
    return found


def nobodies(keys: Iterable[Key]) -> dict[Key, Key]:
    """Under which id somebody goes on being counted who was erased, and comes in by the old id or address again."""
    named = {key: [(at_source(key[0]), key[1]), *([(ADDRESS, key[1])] if "@" in key[1] else [])] for key in keys}
    marks = erased_names(name for names in named.values() for name in names)
    return {
        key: (key[0], nobody(marks[name]), key[2]) for key, names in named.items() for name in names if name in marks
    }


def _keys(keys: Iterable[Key]) -> dict[str, list[Any]]:
    sources, ids, anonymous = zip(*keys, strict=True)
    return {"sources": list(sources), "ids": list(ids), "anonymous": list(anonymous)}


def _spans(spans: Sequence[Span]) -> dict[str, list[Any]]:
    return {"first": [first for first, _last in spans], "last": [last for _first, last in spans]}


@transaction.atomic
def unite(pairs: Sequence[tuple[int, int]], *, free_only: bool) -> set[int]:
    """Make the first person of each pair the same as the second; return those who changed.

    Everyone points straight at one canonical row, so pointers stay one hop long and cannot run in a circle.
    `free_only`: the first must not be anyone else yet, as with the anonymous id of a shared device.
    """
    if not pairs:
        return set()
    involved = {person for pair in pairs for person in pair}
    aliased = Person.objects.filter(pk__in=involved, same_as__isnull=False).values_list("pk", "same_as_id")
    root = {person: same_as for person, same_as in aliased if same_as is not None}
    moved: dict[int, int] = {}

    def canonical(person: int) -> int:
        person = root.get(person, person)
        while person in moved:
            person = moved[person]
        return person

    for person, other in pairs:
        old, new = canonical(person), canonical(other)
        if old != new and not (free_only and old != person):
            moved[old] = new
    for old in sorted(moved):
        new = canonical(old)
        Person.objects.filter(same_as=old).update(same_as=new)
        Person.objects.filter(pk=old).update(same_as=new)
    return set(moved)


@transaction.atomic
def join_accounts(rows: Iterable[tuple[int, int, datetime]], *, at: datetime, by: Actor) -> int:
    """Record (person, account, since) group calls; return how many. A later row for the same instant wins."""
    require("write_account", by=by)
    latest = {(person, since): account for person, account, since in rows}
    Membership.objects.bulk_create(
        [
            Membership(person_id=person, account_id=account, since_at=since)
            for (person, since), account in sorted(latest.items())
        ],
        update_conflicts=True,
        unique_fields=["person", "since_at"],
        update_fields=["account"],
        batch_size=5000,
    )
    return len(latest)


THIN_AFTER = timedelta(days=8)


@transaction.atomic
def thin(*, at: datetime) -> int:
    """Forget group calls older than 8 days that repeat the one before; returns how many.

    Until then each is kept, since a late call for another account may still fall between two of them.
    """
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "thin"), {"before": at - THIN_AFTER})
        return int(cursor.rowcount)


class Identify(NamedTuple):
    """One identify call; `account_id` null: it named no account that we know."""

    person_id: int
    at: datetime
    traits: Mapping[str, Any]
    account_id: int | None


@transaction.atomic
def identify(calls: Sequence[Identify], *, joined: Iterable[int], at: datetime) -> list[tuple[int, str]]:
    """Take over what people say of themselves, each trait by event time, and keep their contacts.

    `joined` are people whose account became known: theirs are made now if they identified themselves
    before. Returns (index of the call, reason) for each call of which something could not be taken over.
    """
    refused: list[tuple[int, str]] = []
    named = {call.person_id: call.account_id for call in calls if call.account_id is not None}
    people = same_people({call.person_id for call in calls} | set(joined))
    rows = {row.pk: row for row in Person.objects.select_for_update().filter(pk__in=people).order_by("pk")}
    changed: dict[int, set[str]] = {}
    erased = _of_erased(calls, rows)
    for index, call in enumerate(calls):
        if index in erased:
            continue
        if not _take_over(rows[call.person_id], call, changed.setdefault(call.person_id, set())):
            refused.append((index, f"This person has {MOST_TRAITS} traits already; further ones were left out."))
    _save_traits([rows[pk] for pk in sorted(changed)])
    accounts = {pk: history[-1].account_id for pk, history in memberships(people).items()} | named
    told = [
        Identified(pk, accounts[pk], row.contact_id, row.traits, changed.get(pk, set()), row.traits_at)
        for pk, row in rows.items()
        if pk in accounts and row.traits_at is not None and (changed.get(pk) or row.contact_id is None)
    ]
    linked, bad = contacts.upsert_from_identify(told, at=at)
    first = {call.person_id: index for index, call in reversed(list(enumerate(calls)))}
    refused += [(first[person], reason) for person, reason in bad if person in first]
    for person, contact in linked.items():
        if rows[person].contact_id != contact:
            Person.objects.filter(pk=person).update(contact=contact)
    return refused


def _of_erased(calls: Sequence[Identify], rows: Mapping[int, Person]) -> set[int]:
    """Calls (their places) about somebody who was erased, by the row or by the address: nothing is taken from these."""
    addresses = [str(call.traits.get("email") or "") for call in calls]
    known = erased_names((ADDRESS, address) for address in addresses if address)
    contacts_of = {pk: row.contact_id for pk, row in rows.items() if row.contact_id is not None}
    gone = erased_among(set(contacts_of.values()))
    return {
        index
        for index, call in enumerate(calls)
        if (ADDRESS, addresses[index]) in known or contacts_of.get(call.person_id) in gone
    }


def _take_over(row: Person, call: Identify, changed: set[str]) -> bool:
    """Put each trait that is not older than what is known and note which values differ; False: too many.

    An empty value un-sets nothing.
    """
    time = (call.at - _EPOCH) // _MICROSECOND
    complete = True
    for key, value in call.traits.items():
        if value is None or value == "" or time < row.trait_times.get(key, time):
            continue
        if key not in row.traits and len(row.traits) >= MOST_TRAITS:
            complete = False
            continue
        if row.traits.get(key) != value:
            changed.add(key)
        row.traits[key] = value
        row.trait_times[key] = time
        row.traits_at = max(call.at, row.traits_at or call.at)
    return complete


def _save_traits(rows: Sequence[Person]) -> None:
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            load(__file__, "person_traits"),
            {
                "people": [row.pk for row in rows],
                "traits": [dumps(row.traits).decode() for row in rows],
                "times": [dumps(row.trait_times).decode() for row in rows],
                "at": [row.traits_at for row in rows],
            },
        )


class Settled(NamedTuple):
    """Who and what a set of calls is about, after everything they say about people and accounts was taken over.

    `accounts`: ids by external id of all that were named and exist; `spoken_of`: ids of those that a group
    call told something about; `made`: external ids of new ones; `joined`: people whose account or identity
    may have become known.
    """

    people: dict[Key, int]
    accounts: dict[str, int]
    spoken_of: set[int]
    made: set[str]
    joined: set[int]
    refusals: list[Refusal]


def key_of(event: Event) -> Key:
    """The person an event belongs to: the user id when there is one."""
    return (event.source_id, event.user_id or event.anonymous_id, not event.user_id)


@transaction.atomic
def settle(events: Sequence[Event], *, at: datetime, by: Actor) -> Settled:
    """Let people appear and be united, accounts be grouped, and identities be taken over; in this order."""
    ids = appear(_spans_of(events))
    joined = _unite_all(events, ids)
    groups = [event for event in events if event.call == "group"]
    grouped = upsert_from_group([GroupCall(e.group_id, e.at, e.payload) for e in groups], at=at, by=by)
    members = [(ids[key_of(e)], grouped.ids[e.group_id], e.at) for e in groups]
    join_accounts(members, at=at, by=by)
    joined |= {person for person, _account, _since in members}
    named = {event.group_id for event in events if event.group_id} - grouped.ids.keys()
    accounts = grouped.ids | account_ids(named)
    told = [event for event in events if event.call == "identify"]
    calls = [Identify(ids[key_of(e)], e.at, e.payload, accounts.get(e.group_id)) for e in told]
    refused = [(told[index], reason) for index, reason in identify(calls, joined=joined, at=at)]
    refused += [(groups[index], reason) for index, reason in grouped.refused]
    refusals = [refusal_of(event, reason) for event, reason in refused]
    return Settled(ids, accounts, set(grouped.ids.values()), grouped.made, joined, refusals)


def _spans_of(events: Iterable[Event]) -> dict[Key, Span]:
    spans: dict[Key, Span] = {}
    for event in events:
        source, at = event.source_id, event.at
        keys = [(source, event.user_id, False)] if event.user_id else []
        if event.anonymous_id:
            keys.append((source, event.anonymous_id, True))
        if event.previous_id:
            keys += [(source, event.previous_id, False), (source, event.previous_id, True)]
        for key in keys:
            span = spans.get(key)
            if span is None:
                spans[key] = (at, at)
            elif at < span[0] or at > span[1]:
                spans[key] = (min(at, span[0]), max(at, span[1]))
    return spans


def _unite_all(events: Sequence[Event], ids: Mapping[Key, int]) -> set[int]:
    """Follow alias calls, then link each anonymous id to the first user it was seen with."""
    aliases = sorted((e for e in events if e.previous_id), key=lambda e: e.at)
    users = [(ids[e.source_id, e.previous_id, False], ids[key_of(e)]) for e in aliases]
    devices = [(ids[e.source_id, e.previous_id, True], ids[key_of(e)]) for e in aliases]
    both = {(e.source_id, e.anonymous_id, e.user_id): e.at for e in reversed(events) if e.user_id and e.anonymous_id}
    seen_with = sorted(both, key=lambda pair: (both[pair], pair))
    devices += [(ids[source, anonymous, True], ids[source, user, False]) for source, anonymous, user in seen_with]
    return unite(users, free_only=False) | unite(devices, free_only=True)
