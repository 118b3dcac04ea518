"""Which hours hold for whom."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, F, OuterRef, Q

from crm.calendars.models import Calendar, CalendarDay, CalendarFile
from crm.calendars.rules import Changes, Entry, changes
from crm.lib.working_hours import NONE, Hours

Place = tuple[int | None, str]


def hours_by_place(places: Iterable[Place]) -> dict[Place, Hours]:
    """Of each (calendar or None for the default, zone): its hours. One query, however many.

    Without a default it is office hours.
    """
    wanted = set(places)
    if not wanted:
        return {}
    asked = Q(pk__in={pk for pk, _zone in wanted if pk}) | Q(is_default=True)
    rows = Calendar.objects.filter(asked).annotate(free=ArraySubquery(_free_days(OuterRef("pk")))).order_by("pk")
    known: dict[int | None, tuple[Calendar, frozenset[date]]] = {row.pk: (row, frozenset(row.free)) for row in rows}
    known[None] = next((held for held in known.values() if held[0].is_default), (Calendar(), NONE))
    return {(pk, zone): Hours(week_of(known[pk][0]), zone, known[pk][1]) for pk, zone in wanted}


def _free_days(calendar: OuterRef) -> Any:
    """Its free days, as far as they are written down; our own word outweighs the public one."""
    rows = CalendarDay.objects.filter(calendar=calendar)
    said = CalendarDay.objects.filter(calendar=OuterRef("calendar"), day=OuterRef("day"), own=True)
    return rows.filter(Q(own=True) | ~Exists(said), free=True).order_by("day").values("day")


def week_of(calendar: Calendar) -> tuple[tuple[int, int] | None, ...]:
    return tuple((span[0], span[1]) if span else None for span in calendar.week)


def own_days(calendar: Calendar) -> list[Entry]:
    """Every day of our own, by hand or from files, the earliest first."""
    rows = CalendarDay.objects.filter(calendar=calendar, own=True).order_by("day")
    return [Entry(*row) for row in rows.values_list("uid", "day", "name", "free")]


def changes_of(file: CalendarFile, today: date) -> Changes:
    """What entering the file would do as things stand."""
    wanted = [Entry(uid, date.fromisoformat(day), name) for uid, day, name in file.days]
    return changes(own_days(file.calendar), wanted, today)


def days_from(calendar: Calendar, day: date, most: int) -> list[CalendarDay]:
    """The next days that are not as their weekday, the public ones that we overruled left out."""
    rows = CalendarDay.objects.filter(calendar=calendar, day__gte=day)
    overruled = rows.filter(own=True).values("day")
    return list((rows.filter(own=True) | rows.exclude(day__in=overruled)).order_by("day", F("own").desc())[:most])
