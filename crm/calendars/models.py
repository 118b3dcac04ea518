"""Calendars: on which days and at which hours people work, for one kind of customers."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.calendars.rules import OFFICE_WEEK


def office_week() -> list[list[int] | None]:
    return [list(span) if span else None for span in OFFICE_WEEK]


class Calendar(models.Model):
    """The hours of each weekday, in whatever zone an account lies, and whose holidays are free.

    `week`: from Monday on, [from, until] in minutes after midnight, null: closed. `country` empty: no public
    holidays; `part` narrows it to a state or Land. Exactly one is the default, for accounts that name none.
    """

    name = models.CharField(_("name"), max_length=80, unique=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    part = models.CharField(_("part of the country"), max_length=20, blank=True)
    week = models.JSONField(_("hours"), default=office_week)
    is_default = models.BooleanField(_("default"), default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="calendar_one_default"
            )
        ]

    def __str__(self) -> str:
        return self.name


class CalendarDay(models.Model):
    """One day of a calendar that is not as its weekday: free, or (`free` false) worked in spite of a public holiday.

    `uid`: of the event in an iCalendar file that it came from; empty: entered by hand, or public.
    `own`: entered by one of us, and it outweighs the public one of that day. Public ones are written ahead for some
    years; those that are past stay as they were.
    """

    calendar = models.ForeignKey(Calendar, models.CASCADE, related_name="+")
    day = models.DateField(_("day"))
    name = models.CharField(_("name"), max_length=120)
    free = models.BooleanField(_("free"), default=True)
    own = models.BooleanField(default=False)
    uid = models.CharField(max_length=255, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["calendar", "day", "own"], name="calendar_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.name}"


class CalendarFile(models.Model):
    """An iCalendar file that was brought for a calendar: read, then entered, then perhaps taken back.

    `days` are [uid, day, name] as read, `faults` [line, template, values] of what was refused. `entered` and `put_away`
    are the rows of our own that entering it made and removed, as [uid, day, name, free]; by them it is taken back.
    """

    calendar = models.ForeignKey(Calendar, models.CASCADE, related_name="+")
    filename = models.CharField(max_length=120)
    days = models.JSONField(default=list)
    faults = models.JSONField(default=list)
    entered = models.JSONField(default=list)
    put_away = models.JSONField(default=list)
    read_at = models.DateTimeField()
    entered_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.filename
