"""Rows of calendars' days and response targets as clean values, or the reason why one is refused."""

from dataclasses import replace
from typing import Any

from crm.conversations.models import Channel
from crm.imports.actions.hours import write_calendar_days, write_response_targets
from crm.imports.forms.rows import EMPTY, choice, needed, text_of, whole, yes
from crm.imports.rules import Cells, Dates
from crm.imports.rules.hours import CALENDAR_DAY_KIND, RESPONSE_TARGET_KIND
from crm.lib.gate import Refused


def read_calendar_day(cells: Cells, rows: Dates) -> dict[str, Any]:
    """A day as `write_calendar_days` takes it: free and of our own, unless the file says otherwise."""
    day = rows.day(cells, "day")
    if day is None:
        raise Refused(EMPTY, column="day")
    return {
        "calendar": needed(cells, "calendar", 80),
        "day": day,
        "name": needed(cells, "name", 120),
        "free": yes(cells, "free", otherwise=True),
        "of_our_own": yes(cells, "of_our_own", otherwise=True),
    }


def read_response_target(cells: Cells, rows: Dates) -> dict[str, Any]:
    """A target as `write_response_targets` takes it; without a plan it is for any other plan."""
    channel, minutes = choice(cells, "channel", Channel.choices), whole(cells, "minutes", 1, 60_000)
    for column, value in (("channel", channel), ("minutes", minutes)):
        if not value:
            raise Refused(EMPTY, column=column)
    return {"plan": text_of(cells, "plan", 255), "channel": channel, "minutes": minutes}


# Registered from the app's apps.py, since rules know neither how a row is read nor how it is written.
HOURS = (
    replace(CALENDAR_DAY_KIND, read=read_calendar_day, write=write_calendar_days),
    replace(RESPONSE_TARGET_KIND, read=read_response_target, write=write_response_targets),
)
