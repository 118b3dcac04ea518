"""When people work: the days and hours in which our mail reaches them, our tasks are due and response clocks run.

Hours are meant in somebody's zone. Where clocks are put forward, an hour that is skipped is the first minute after
the gap; where they are put back, an hour that comes twice is the first of the two.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from crm.lib.places import zone_of

NONE: frozenset[date] = frozenset()
NOTHING = timedelta()
DAY_MINUTES = 24 * 60
# Minutes after midnight, from and until (24:00 is 1440); None: closed.
Span = tuple[int, int] | None


@dataclass(frozen=True)
class Hours:
    """When somebody is there: the span of each weekday from Monday on, in `zone`, except on `free` days (holidays).

    At least one weekday is open, else ValueError: a clock that never runs would never be due.
    """

    week: tuple[Span, ...]
    zone: str
    free: frozenset[date] = NONE

    def __post_init__(self) -> None:
        if len(self.week) != 7 or not any(self.week):
            raise ValueError("seven weekdays, at least one of them open")

    def on(self, day: date) -> tuple[datetime, datetime] | None:
        """From when until when it is open on a day of its zone, in UTC. None: closed."""
        span = self.week[day.weekday()]
        if span is None or day in self.free:
            return None
        place = zone_of(self.zone)
        return instant(day, span[0], place), instant(day, span[1], place)

    def spans(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """What is left of the open spans from `at` on, without end, in UTC."""
        day = at.astimezone(zone_of(self.zone)).date()
        while True:
            span = self.on(day)
            if span is not None and span[1] > at:
                yield max(span[0], at), span[1]
            day += timedelta(days=1)


def instant(day: date, minute: int, place: ZoneInfo) -> datetime:
    """The instant, in UTC, at which clocks in a place show that minute of the day."""
    shown = datetime.combine(day, time()) + timedelta(minutes=minute)
    at = shown.replace(tzinfo=place).astimezone(UTC)
    if at.astimezone(place).replace(tzinfo=None) == shown:
        return at
    # No clock ever shows it: look for the first minute after the gap, which lies between the two readings of it.
    before = shown.replace(tzinfo=place, fold=1).astimezone(UTC)
    while at - before > timedelta(minutes=1):
        middle = before + timedelta(minutes=(at - before) // timedelta(minutes=2))
        if middle.astimezone(place).utcoffset() == at.astimezone(place).utcoffset():
            at = middle
        else:
            before = middle
    return at


def opens(hours: Hours, at: datetime) -> datetime:
    """The first instant from `at` on at which it is open: `at` itself inside the hours."""
    return next(hours.spans(at))[0]


def open_time(hours: Hours, start: datetime, end: datetime) -> timedelta:
    """How long it was open between two instants; nothing when `end` is not after `start`."""
    total = NOTHING
    for begun, ended in hours.spans(start):
        if begun >= end:
            break
        total += min(ended, end) - begun
    return total


def after(hours: Hours, at: datetime, open_for: timedelta) -> datetime:
    """The earliest instant by which it has been open for so long since `at`.

    Eight hours from 9:00 on a day that closes at 17:00 are over at 17:00, not on the next morning.
    """
    left = open_for
    if left <= NOTHING:
        return at
    for begun, ended in hours.spans(at):
        if begun + left <= ended:
            return begun + left
        left -= ended - begun
    raise AssertionError("spans have no end")


def is_working(day: date) -> bool:
    """Monday to Friday: our own days; a customer's are those of its `Hours`."""
    return day.weekday() < 5


def working_day(day: date) -> date:
    """The day itself, or the first working day after it."""
    while not is_working(day):
        day += timedelta(days=1)
    return day


def working_moment(at: datetime, hours: Hours, *, opens: time, closes: time) -> datetime:
    """The first instant from `at` on between `opens` and `closes` of a day that `hours` have open, in UTC.

    Inside those hours it is `at` itself. A zone that nobody knows is read as UTC.
    """
    span = (opens.hour * 60 + opens.minute, closes.hour * 60 + closes.minute)
    return next(replace(hours, week=tuple(span if day else None for day in hours.week)).spans(at))[0]
