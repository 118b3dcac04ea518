"""What follows from counted events alone: sums per day, and which account an event belongs to."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from crm.lib.gate import Refused
from crm.sources.rules import Event, Refusal, micro, refusal_of


class Counted(NamedTuple):
    """A clean, attributed event with the id that makes it count once.

    `at` must be UTC, only its day is kept. `person_id` None: it counts for the account and for no person.
    `amount_micro` in integer millionths, 0 when nothing is summed.
    """

    account_id: int
    person_id: int | None
    event_id: int
    at: datetime
    amount_micro: int
    key_day: date
    hash64: int


class Total(NamedTuple):
    """What an account used in a month, to be spread over its days from the first through `through`."""

    account_id: int
    event_id: int
    month: date
    uses: int
    amount: int  # millionths
    through: date

    @property
    def key(self) -> tuple[int, int, date]:
        return self.account_id, self.event_id, self.month

    @property
    def figures(self) -> tuple[int, int, date]:
        return self.uses, self.amount, self.through


def spread(total: Total) -> list[tuple[date, int, int]]:
    """(day, uses, amount) of each day that gets some; whole numbers that add up to the total, as even as they go."""
    days = (total.through - total.month).days + 1
    found = []
    for n in range(days):
        uses, amount = (whole * (n + 1) // days - whole * n // days for whole in (total.uses, total.amount))
        if uses or amount:
            found.append((total.month + timedelta(days=n), uses, amount))
    return found


TOTAL_OF = "monthly_total:"  # begins the event name under which the totals of a feature stand


def last_day_of(month: date, today: date) -> date:
    """The day through which a month's total is spread: its last one, in the running month yesterday."""
    end = (month + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return max(month, min(end, today - timedelta(days=1)))


class Added(NamedTuple):
    """How many rows were counted, and how many had been before."""

    added: int
    repeated: int


@dataclass(frozen=True)
class Drained:
    """What a run of the drain did.

    `counted` events are in the roll-ups, `waiting` ones have no account yet, `released` ones had waited.
    `batches` were taken, `failed` could not be, `parked` will not be tried again. `more` is 1 when the time
    was up before the end.
    """

    batches: int = 0
    counted: int = 0
    repeated: int = 0
    waiting: int = 0
    released: int = 0
    refused: int = 0
    accounts: int = 0
    failed: int = 0
    parked: int = 0
    more: int = 0

    def __add__(self, other: "Drained") -> "Drained":
        return Drained(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) for one in fields(self))

    def __str__(self) -> str:
        return (
            f"Events: {self.counted + self.released} counted, {self.repeated} repeated, {self.waiting} still without "
            f"account, {self.refused} refused. Batches: {self.batches} counted, {self.parked} parked."
        )


class Totals(NamedTuple):
    """Sums to be added: (account, day, event) → (uses, amount), (account, day, person) → uses, day → events."""

    usage: dict[tuple[int, date, int], tuple[int, int]]
    people: dict[tuple[int, date, int], int]
    days: dict[date, int]


def tally(rows: Iterable[Counted], uses: Collection[int]) -> Totals:
    """Add up events; people take those whose event is one of `uses`."""
    usage: dict[tuple[int, date, int], tuple[int, int]] = {}
    people: dict[tuple[int, date, int], int] = {}
    days: dict[date, int] = {}
    for account, person, event, at, amount, _key_day, _hash in rows:
        day = at.date()
        key = (account, day, event)
        uses_so_far, amount_so_far = usage.get(key, (0, 0))
        usage[key] = (uses_so_far + 1, amount_so_far + amount)
        days[day] = days.get(day, 0) + 1
        if person is not None and event in uses:
            own = (account, day, person)
            people[own] = people.get(own, 0) + 1
    return Totals(usage, people, days)


def account_at(history: Sequence[tuple[datetime, int]], at: datetime) -> int | None:
    """The account of the last group call at or before `at`; the first one's when all are later; None without any."""
    if len(history) < 2:
        return history[0][1] if history else None
    place = bisect_right(history, at, key=lambda joined: joined[0])
    return history[max(place - 1, 0)][1]


class Name(NamedTuple):
    """An event name: its id, and the property that it sums (empty: none)."""

    pk: int
    amount_property: str


class Waiting(NamedTuple):
    """An event without an account, as it is stored until a group call comes."""

    source_id: int
    person_id: int
    group_external_id: str
    event_id: int
    at: datetime
    amount: int
    received_at: datetime


class Waited(NamedTuple):
    """A waiting event as it is taken out again."""

    person_id: int
    group_external_id: str
    event_id: int
    at: datetime
    amount: Decimal
    received_at: datetime


Received = dict[date, tuple[date, date]]  # day of use → first and last day of receipt


class Attributed(NamedTuple):
    """Usage with its account, usage that waits for one, and what of it was refused."""

    rows: list[Counted]
    received: Received
    waiting: list[Waiting]
    refusals: list[Refusal]


NO_ROOM = "There are too many event names already. Send fewer, with what varies as a property."


def attribute(
    used: Iterable[tuple[Event, int]],
    *,
    names: Mapping[str, Name],
    accounts: Mapping[str, int],
    histories: Mapping[int, Sequence[tuple[datetime, int]]],
) -> Attributed:
    """Give each event (with its person) its account: the one it names, else its person's at that time.

    An event that names an account waits for that one, whatever else is known of the person.
    """
    found = Attributed([], {}, [], [])
    seen: set[tuple[date, datetime]] = set()
    for event, person in used:
        name = names.get(event.name)
        if name is None:
            found.refusals.append(refusal_of(event, NO_ROOM))
            continue
        amount = _amount(event, name.amount_property, found.refusals) if name.amount_property else 0
        group = event.group_id
        account = accounts.get(group) if group else account_at(histories.get(person, ()), event.at)
        if account is None:
            found.waiting.append(Waiting(event.source_id, person, group, name.pk, event.at, amount, event.received_at))
            continue
        found.rows.append(Counted(account, person, name.pk, event.at, amount, event.key_day, event.hash64))
        place = (event.at.date(), event.received_at)
        if place not in seen:  # most events share their day and their request
            seen.add(place)
            _widen(found.received, place[0], event.received_at.date())
    return found


def released(
    waited: Iterable[Waited], accounts: Mapping[str, int], histories: Mapping[int, Sequence[tuple[datetime, int]]]
) -> tuple[list[Counted], Received]:
    """Waiting events with the account that has become known. Their seen ids were taken when they came."""
    rows: list[Counted] = []
    received: Received = {}
    for one in waited:
        group = one.group_external_id
        account = accounts[group] if group else account_at(histories[one.person_id], one.at)
        assert account is not None  # a history is never empty
        rows.append(Counted(account, one.person_id, one.event_id, one.at, int(one.amount), one.at.date(), 0))
        _widen(received, one.at.date(), one.received_at.date())
    return rows, received


def _widen(spans: Received, day: date, received_on: date) -> None:
    span = spans.get(day)
    if span is None:
        spans[day] = (received_on, received_on)
    elif not span[0] <= received_on <= span[1]:
        spans[day] = (min(span[0], received_on), max(span[1], received_on))


def _amount(event: Event, name: str, refusals: list[Refusal]) -> int:
    """The property's millionths. What is no number adds nothing, and is told."""
    value = event.payload.get(name)
    if value is None:
        return 0
    try:
        return micro(value)
    except Refused as refused:
        refusals.append(refusal_of(event, f"{name}: {refused.reason}"))
        return 0


def spans_of(seen: Iterable[tuple[str, datetime]]) -> dict[str, tuple[datetime, datetime]]:
    """First and last time by name."""
    spans: dict[str, tuple[datetime, datetime]] = {}
    for name, at in seen:
        span = spans.get(name)
        if span is None:
            spans[name] = (at, at)
        elif at < span[0] or at > span[1]:
            spans[name] = (min(at, span[0]), max(at, span[1]))
    return spans
