"""What happens to calendars: made, changed, given days of our own; their public holidays are written ahead."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.calendars import queries, rules
from crm.calendars.models import Calendar, CalendarDay, CalendarFile
from crm.lib.constraints import check_fields, clearly
from crm.lib.ics import Found
from crm.staff.actions import require

FIELDS = frozenset(("name", "country", "part", "week", "is_default"))
TAKEN = {"crm_calendar_name_key": ("name", _("Another calendar has this name. Choose another one."))}
# What runs by a calendar's hours and must be told when they change, around the change: later nouns add theirs from
# their app's apps.py.
around_change: list[Callable[[datetime], AbstractContextManager[None]]] = []


@transaction.atomic
def create_calendar(*, name: str, at: datetime, by: Actor, **more: Any) -> Calendar:
    require("configure", by=by)
    row = Calendar(name=name)
    with told(at) if more.get("is_default") else ExitStack():
        _set(row, more)
        with clearly(TAKEN):
            row.save(force_insert=True)
        _write_ahead(row, at.date())
    audit.record("calendar.created", row, at=at, by=by, after={"name": name} | more)
    return row


@transaction.atomic
def change_calendar(calendar: Calendar, *, at: datetime, by: Actor, **new: Any) -> Calendar:
    """Change hours, place or name; clocks that run by it go on by the new hours from `at` on."""
    require("configure", by=by)
    row = Calendar.objects.select_for_update().get(pk=calendar.pk)
    if row.is_default and new.get("is_default") is False:
        raise ValidationError({"is_default": _("One calendar must be the default. Make another one the default.")})
    before, after = audit.changes(row, new)
    if after:
        with told(at):
            _set(row, new)
            with clearly(TAKEN):
                row.save()
            _write_ahead(row, at.date())
        audit.record("calendar.changed", row, at=at, by=by, before=before, after=after)
    return row


def _set(row: Calendar, new: dict[str, Any]) -> None:
    if unknown := set(new) - FIELDS:
        raise TypeError(f"Not a field to be changed: {', '.join(sorted(unknown))}")
    for name, value in new.items():
        setattr(row, name, value)
    check_fields(row)
    if row.country and not rules.is_known(row.country, row.part):
        raise ValidationError({"country": _("The holidays of this place are not known. Choose one from the list.")})
    if not any(row.week):
        raise ValidationError({"week": _("Open at least one weekday.")})
    if row.is_default:
        Calendar.objects.filter(is_default=True).exclude(pk=row.pk).update(is_default=False)


@transaction.atomic
def set_day(calendar: Calendar, *, day: date, name: str, free: bool, at: datetime, by: Actor) -> CalendarDay:
    """Say of one day that it is free, or worked in spite of a public holiday."""
    require("configure", by=by)
    row = CalendarDay(calendar=calendar, day=day, name=name, free=free, own=True)
    check_fields(row)
    with told(at):
        row, _new = CalendarDay.objects.update_or_create(
            calendar=calendar, day=day, own=True, defaults={"name": name, "free": free, "uid": ""}
        )
    audit.record("calendar.day_set", calendar, at=at, by=by, after={"day": day, "free": free, "name": name})
    return row


@transaction.atomic
def drop_day(calendar: Calendar, *, day: date, at: datetime, by: Actor) -> bool:
    """Take our own word about a day back."""
    require("configure", by=by)
    with told(at):
        gone, _each = CalendarDay.objects.filter(calendar=calendar, day=day, own=True).delete()
    if gone:
        audit.record("calendar.day_dropped", calendar, at=at, by=by, before={"day": day})
    return bool(gone)


@transaction.atomic
def keep_file(calendar: Calendar, *, filename: str, found: Found, at: datetime, by: Actor) -> CalendarFile:
    """Keep what an iCalendar file says, to be looked at before anything is entered."""
    require("configure", by=by)
    row = CalendarFile.objects.create(
        calendar=calendar,
        filename=filename[:120],
        days=[[each.uid, each.day.isoformat(), each.name] for each in found.days],
        faults=[[each.line, each.reason.template, each.reason.values] for each in found.faults],
        read_at=at,
    )
    after = {"calendar": calendar.pk, "days": len(found.days), "refused": len(found.faults)}
    audit.record("calendar.file_read", row, at=at, by=by, after=after)
    return row


@transaction.atomic
def enter_file(file: CalendarFile, *, at: datetime, by: Actor) -> CalendarFile:
    """Enter the days of a file; the same file again changes nothing. Raises ValidationError when it was entered."""
    require("configure", by=by)
    row = CalendarFile.objects.select_for_update(of=("self",)).select_related("calendar").get(pk=file.pk)
    if row.entered_at:
        raise ValidationError(_("This file has been entered already."))
    does = queries.changes_of(row, at.date())
    held = {each.day: each for each in queries.own_days(row.calendar)}
    row.entered = _kept([*does.new, *does.changed])
    row.put_away = _kept([*does.gone, *(held[each.day] for each in does.changed)])
    row.entered_at = at
    with told(at):
        _swap(row.calendar, row.put_away, row.entered)
    row.save(update_fields=["entered", "put_away", "entered_at"])
    counts = {"new": len(does.new), "changed": len(does.changed), "gone": len(does.gone)}
    audit.record("calendar.file_entered", row, at=at, by=by, after={"calendar": row.calendar_id} | counts)
    return row


@transaction.atomic
def undo_file(file: CalendarFile, *, at: datetime, by: Actor) -> CalendarFile:
    """Take a file back: its days go, what they replaced returns. Days that somebody changed since stay."""
    require("configure", by=by)
    row = CalendarFile.objects.select_for_update(of=("self",)).select_related("calendar").get(pk=file.pk)
    if not row.entered_at or row.undone_at:
        raise ValidationError(_("There is nothing to take back any more."))
    row.undone_at = at
    with told(at):
        _swap(row.calendar, row.entered, row.put_away)
    row.save(update_fields=["undone_at"])
    audit.record("calendar.file_undone", row, at=at, by=by, after={"calendar": row.calendar_id})
    return row


Kept = list[list[Any]]


def _kept(days: Iterable[rules.Entry]) -> Kept:
    return [[each.uid, each.day.isoformat(), each.name, each.free] for each in days]


def _swap(calendar: Calendar, away: Kept, back: Kept) -> None:
    """Remove days as they were kept, and bring others; a day that is somebody's meanwhile stays that one's."""
    held = CalendarDay.objects.filter(calendar=calendar, own=True)
    there = {(row.uid, row.day.isoformat(), row.name, row.free): row.pk for row in held.select_for_update()}
    held.filter(pk__in=[there[key] for key in map(tuple, away) if key in there]).delete()
    rows = [CalendarDay(calendar=calendar, uid=u, day=day, name=n, free=free, own=True) for u, day, n, free in back]
    CalendarDay.objects.bulk_create(rows, ignore_conflicts=True)


@transaction.atomic
def write_ahead(*, at: datetime, by: Actor) -> int:
    """Write the public holidays of the years to come; returns how many days were added or taken off."""
    with told(at):
        changed = {
            row.name: _write_ahead(row, at.date()) for row in Calendar.objects.select_for_update().order_by("pk")
        }
    if any(changed.values()):
        audit.record("calendars.written_ahead", ("calendar", ""), at=at, by=by, after=changed)
    return sum(changed.values())


def _write_ahead(calendar: Calendar, today: date) -> int:
    """Days before today stay as they were, whatever the package has learnt since; the first time the past is filled."""
    held = CalendarDay.objects.filter(calendar=calendar, own=False)
    # A change of place is about the days to come; the past ran by what held then.
    since = today if held.exists() else date(rules.kept_years(today.year)[0], 1, 1)
    wanted = {
        day: name[:120]
        for year in rules.kept_years(today.year)
        for day, name in rules.public_holidays(calendar.country, calendar.part, year).items()
        if day >= since
    }
    there = dict(held.filter(day__gte=since).values_list("day", "name"))
    gone = there.items() - wanted.items()
    held.filter(day__in=[day for day, _name in gone]).delete()
    new = [CalendarDay(calendar=calendar, day=day, name=name) for day, name in sorted(wanted.items() - there.items())]
    CalendarDay.objects.bulk_create(new)
    return len(gone) + len(new)


def told(at: datetime) -> ExitStack:
    """Everything that runs by calendars, from before a change until after it."""
    stack = ExitStack()
    for around in around_change:
        stack.enter_context(around(at))
    return stack
