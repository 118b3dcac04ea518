"""When a personal mail goes out, and what identifies the text that was read before it was approved."""

import hashlib
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

OPENS: Final = time(9, 10)
CLOSES: Final = time(16, 30)


def is_working(day: date, free: frozenset[date] = frozenset()) -> bool:
    return day.weekday() < 5 and day not in free


def send_at(at: datetime, zone: str, free: frozenset[date] = frozenset()) -> datetime:
    """The first moment from `at` on inside the recipient's working hours, in UTC.

    `free`: holidays in the recipient's calendar. Inside working hours it is `at` itself.
    """
    local = at.astimezone(ZoneInfo(zone))
    if is_working(local.date(), free) and OPENS <= local.time() < CLOSES:
        return at
    day = local.date() if local.time() < OPENS else local.date() + timedelta(days=1)
    while not is_working(day, free):
        day += timedelta(days=1)
    return datetime.combine(day, OPENS, ZoneInfo(zone)).astimezone(UTC)


def meeting_on(day: date) -> date:
    """The working day that a draft proposes: the third one after `day`."""
    proposed, left = day, 3
    while left:
        proposed += timedelta(days=1)
        left -= is_working(proposed)
    return proposed


def fingerprint(subject: str, body: str) -> str:
    """SHA-256 of the text as displayed, in hex: approval names the text that was read."""
    return hashlib.sha256(f"{subject}\n{body}".encode()).hexdigest()
