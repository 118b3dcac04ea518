"""Untrusted input about calendars, made clean."""

from datetime import time
from typing import Any

from babel import Locale
from django import forms
from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from crm.calendars.models import Calendar
from crm.calendars.rules import kept_years, regions
from crm.lib import ics
from crm.lib.fields import Day, Text
from crm.lib.gate import Refused, clean_text
from crm.lib.working_hours import DAY_MINUTES


def country_choices() -> list[tuple[str, str]]:
    names = Locale.parse((get_language() or "en").replace("-", "_")).territories
    known = sorted(((code, names.get(code, code)) for code in regions()), key=lambda pair: pair[1].casefold())
    return [("", str(_("No public holidays"))), *known]


def clock_field(**more: Any) -> forms.TimeField:
    widget = forms.TimeInput(format="%H:%M", attrs={"type": "time"})
    return forms.TimeField(required=False, widget=widget, input_formats=["%H:%M", "%H:%M:%S"], **more)


class CalendarForm(forms.Form):
    """Hours from Monday on: both ends, or neither for a closed day. Until 00:00 is until midnight."""

    name = Text(label=_("Name"), limit=80, help_text=_("Such as Germany, Bavaria."))
    country = forms.ChoiceField(label=_("Country"), choices=country_choices, required=False)
    part = Text(
        label=_("Part of the country"), limit=20, required=False,
        help_text=_("Its code, such as BY for Bavaria or CA for California. Empty: the whole country."),
    )  # fmt: skip
    is_default = forms.BooleanField(
        label=_("Default"), required=False, help_text=_("For accounts whose page names no calendar.")
    )

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        for n in range(7):
            self.fields[f"from_{n}"] = clock_field(label=_("%(day)s from") % {"day": WEEKDAYS[n]})
            self.fields[f"until_{n}"] = clock_field(label=_("%(day)s until") % {"day": WEEKDAYS[n]})

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        week: list[list[int] | None] = []
        for n in range(7):
            opens, closes = given.pop(f"from_{n}", None), given.pop(f"until_{n}", None)
            if (opens is None) != (closes is None):
                self.add_error(f"until_{n}", _("Give both ends, or neither for a day that is closed."))
            span = None if opens is None or closes is None else [_minutes(opens), _minutes(closes) or DAY_MINUTES]
            if span and span[0] >= span[1]:
                self.add_error(f"until_{n}", _("It closes before it opens."))
            week.append(span)
        given["week"] = week
        given["part"] = given.get("part", "").upper()
        if not given.get("country") and given["part"]:
            raise ValidationError({"country": _("Choose the country that this is a part of.")})
        return given


def initial(calendar: Calendar) -> dict[str, Any]:
    start: dict[str, Any] = {name: getattr(calendar, name) for name in ("name", "country", "part", "is_default")}
    for n, span in enumerate(calendar.week):
        if span:
            start[f"from_{n}"], start[f"until_{n}"] = _time(span[0]), _time(span[1])
    return start


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute


def _time(minutes: int) -> time:
    return time(minutes // 60 % 24, minutes % 60)


class FileForm(forms.Form):
    """An iCalendar file with all-day events."""

    file = forms.FileField(label=_("File"), help_text=_("Whole days from a calendar program, as .ics, up to 1 MB."))

    def __init__(self, *args: Any, year: int, **more: Any) -> None:
        super().__init__(*args, **more)
        self.year = year
        self.fields["file"].widget.attrs["accept"] = ".ics,text/calendar"

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if (file := given.get("file")) is None:
            return given
        try:
            found = ics.read(file.read(ics.MOST_BYTES + 1), kept_years(self.year))
            given["filename"] = clean_text(str(file.name or ""), 255)[:120]
        except Refused as refused:
            words = gettext(refused.template).format(**refused.values)
            if line := getattr(refused, "line", 0):
                words = gettext("Line %(line)s: %(what)s") % {"line": line, "what": words}
            self.add_error("file", words)
            return given
        if not found.days and not found.faults:
            self.add_error("file", gettext("There is no event in it for the years that calendars are kept for."))
        given["found"] = found
        return given


class DayForm(forms.Form):
    day = Day(label=_("Day"))
    name = Text(label=_("What it is"), limit=120, help_text=_("Such as works outing."))
    kind = forms.ChoiceField(
        label=_("Free or not"), choices=[("free", _("Free")), ("worked", _("Worked, in spite of a public holiday"))]
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        given["free"] = given.pop("kind", "free") == "free"
        return given
