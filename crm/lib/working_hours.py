"""When people work: the days and hours in which our mail reaches them and our tasks are due."""

from datetime import UTC, date, datetime, time, timedelta

from crm.lib.places import zone_of

NONE: frozenset[date] = frozenset()


def is_working(day: date, free: frozenset[date] = NONE) -> bool:
    """Monday to Friday, except the days in `free` (holidays)."""
    return day.weekday() < 5 and day not in free


def working_day(day: date, free: frozenset[date] = NONE) -> date:
    """The day itself, or the first working day after it."""
    while not is_working(day, free):
        day += timedelta(days=1)
    return day


def working_moment(at: datetime, zone: str, *, opens: time, closes: time, free: frozenset[date] = NONE) -> datetime:
    """The first instant from `at` on between `opens` and `closes` of a working day in the reader's zone, in UTC.

    Inside those hours it is `at` itself. A zone that nobody knows is read as UTC.
    """
    place = zone_of(zone)
    local = at.astimezone(place)
    if is_working(local.date(), free) and opens <= local.time() < closes:
        return at
    day = local.date() if local.time() < opens else local.date() + timedelta(days=1)
    return datetime.combine(working_day(day, free), opens, place).astimezone(UTC)
