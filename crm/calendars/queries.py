"""Which hours hold for whom."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from django.db.models import F

from crm.calendars.models import Calendar, CalendarDay
from crm.lib.working_hours import Hours


def hours_by_place(places: Iterable[tuple[int | None, str]]) -> dict[tuple[int | None, str], Hours]:
    """Of each (calendar or None for the default, zone): its hours. Two queries, however many.

    Without a default it is office hours.
    """
    wanted = set(places)
    calendars: dict[int | None, Calendar] = {row.pk: row for row in Calendar.objects.order_by("pk")}
    calendars[None] = next((row for row in calendars.values() if row.is_default), Calendar())
    free = free_days({calendars[pk].pk for pk, _zone in wanted if calendars[pk].pk})
    return {(pk, zone): Hours(week_of(calendars[pk]), zone, free[calendars[pk].pk]) for pk, zone in wanted}


def week_of(calendar: Calendar) -> tuple[tuple[int, int] | None, ...]:
    return tuple((span[0], span[1]) if span else None for span in calendar.week)


def free_days(calendars: Iterable[int]) -> dict[int, frozenset[date]]:
    """The free days of each calendar, as far as they are written down; our own word outweighs the public one."""
    free: defaultdict[int, set[date]] = defaultdict(set)
    rows = CalendarDay.objects.filter(calendar__in=list(calendars)).order_by("own")
    for calendar, day, is_free in rows.values_list("calendar", "day", "free"):
        (free[calendar].add if is_free else free[calendar].discard)(day)
    return defaultdict(frozenset, {calendar: frozenset(days) for calendar, days in free.items()})


def days_from(calendar: Calendar, day: date, most: int) -> list[CalendarDay]:
    """The next days that are not as their weekday, the public ones that we overruled left out."""
    rows = CalendarDay.objects.filter(calendar=calendar, day__gte=day)
    overruled = rows.filter(own=True).values("day")
    return list((rows.filter(own=True) | rows.exclude(day__in=overruled)).order_by("day", F("own").desc())[:most])
