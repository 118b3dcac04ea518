"""Hours, holidays, targets of first answers and a captured mail of the made company (tests/company.py)."""

from datetime import date, datetime, timedelta
from typing import Any

from crm.calendars import actions as calendars
from crm.captures import actions as captures
from crm.captures.rules import Letter
from crm.conversations import actions as conversations
from crm.lib.ics import Found, FreeDay
from crm.plans.models import Plan


def fill(made: Any, plan: Plan, *, at: datetime, day: date) -> None:
    hours = calendars.create_calendar(name="Shop", at=at, by=made.users["O"])
    made.remember("calendar", hours.pk)
    target = conversations.set_target(channel="ticket", plan=plan, minutes=60, at=at, by=made.users["O"])
    assert target is not None
    made.remember("response target", target.pk)
    outing = calendars.set_day(hours, day=day, name="Outing", free=True, at=at, by=made.users["O"])
    made.remember("calendar day", outing.pk)
    for n, kind in enumerate(("calendar file", "entered file")):
        found = Found([FreeDay(f"uid-{n}", day + timedelta(days=1 + n), "Holiday")])
        file = calendars.keep_file(hours, filename="holidays.ics", found=found, at=at, by=made.users["O"])
        made.remember(kind, file.pk)
    calendars.enter_file(file, at=at, by=made.users["O"])
    letter = Letter(
        digest="0" * 32, references=(), sender=made.users["R"].email, recipients=("nobody@new.example",),
        sent_at=at, subject="New rates", text="Here they are.", automatic=False,
    )  # fmt: skip
    mail = captures.capture(letter, at=at, by=made.users["R"])
    assert mail is not None
    made.remember("captured mail", mail.pk)
