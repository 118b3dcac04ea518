"""All-day events out of an iCalendar file (RFC 5545), strictly: what is not understood is refused with its line.

Read are VEVENTs whose DTSTART is a DATE, with DTEND (exclusive, §3.6.1) or DURATION in days or weeks, and those that
come again every year on the same date (RRULE:FREQ=YEARLY, with INTERVAL, COUNT or UNTIL, and EXDATE). Time zones,
alarms and properties that say nothing about days are skipped. Pure; sizes are bounded.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from crm.lib.gate import Reason, Refused, clean_text


def _(text: str) -> str:
    """Mark a sentence for translation; whoever shows it translates it."""
    return text


MOST_BYTES, MOST_LINES, MOST_DAYS, MOST_DEPTH = 1_000_000, 20_000, 2_000, 4
LINE_LIMIT, UID_LIMIT, NAME_LIMIT, SPAN_LIMIT = 8_000, 255, 120, 31

TOO_LARGE = _("The file is larger than 1 MB. Export the holidays alone.")
NOT_UTF8 = _("The file is not in UTF-8. Export it again as iCalendar.")
NO_CALENDAR = _("This is no iCalendar file: it does not begin with BEGIN:VCALENDAR.")
TOO_MANY = _("The file has too many lines or days. Export the holidays alone.")
BROKEN = _("The line cannot be read.")
UNBALANCED = _("What begins and what ends do not match.")
NO_UID = _("The event has no UID, by which it would be known again.")
TWICE = _("Another event of the file has this UID.")
NOT_ALL_DAY = _("This is no all-day event: its start is not a date.")
NO_DATE = _("“{value}” is no date.")
BAD_END = _("It ends before it begins, or lasts longer than {limit} days.")
BAD_RULE = _("“{value}” is not understood. Events may come again every year on the same date, and no other way.")
MOVED = _("“{name}” is not understood: enter such days by hand.")

_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
_DURATION = re.compile(r"P(\d{1,3})([DW])")
_PARAMETER = r';[A-Za-z0-9-]{1,60}=(?:"[^"]*"|[^";:]*)'
_PROPERTY = re.compile(rf"([A-Za-z0-9-]{{1,60}})((?:{_PARAMETER}){{0,20}}):(.*)")
_IS_DATE = re.compile(r";VALUE=DATE(?=;|$)", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)")
_REFUSED = frozenset({"RDATE", "RECURRENCE-ID", "EXRULE"})


@dataclass(frozen=True)
class FreeDay:
    uid: str
    day: date
    name: str


@dataclass(frozen=True)
class Fault:
    """What was refused, where."""

    line: int
    reason: Reason


@dataclass
class Found:
    days: list[FreeDay] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class _Property:
    line: int
    name: str
    is_date: bool
    value: str


def read(raw: bytes, years: range) -> Found:
    """The days of each event that lie in `years`; raises Refused when it is no such file at all."""
    found, uids = Found(), set[str]()
    for line, event in _events(_lines(raw)):
        try:
            uid, name, days = _event(event, years)
            if uid in uids:
                raise Refused(TWICE)
        except Refused as refused:
            found.faults.append(Fault(getattr(refused, "line", line), refused.reason))
            continue
        uids.add(uid)
        found.days += [FreeDay(uid, day, name) for day in days]
        if len(found.days) > MOST_DAYS:
            raise Refused(TOO_MANY)
    return found


def _lines(raw: bytes) -> Iterator[tuple[int, str]]:
    """Logical lines with the number of the line on which each begins (§3.1: a blank in front goes on)."""
    if len(raw) > MOST_BYTES:
        raise Refused(TOO_LARGE)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(NOT_UTF8) from error
    rows = text.replace("\r\n", "\n").split("\n")
    if len(rows) > MOST_LINES:
        raise Refused(TOO_MANY)
    if rows[0].strip().upper() != "BEGIN:VCALENDAR":
        raise Refused(NO_CALENDAR)
    begun, pieces = 1, [rows[0]]
    for number, row in enumerate(rows[1:], 2):
        if row[:1] in (" ", "\t"):
            pieces.append(row[1:])
            continue
        yield begun, "".join(pieces)
        begun, pieces = number, [row]
    yield begun, "".join(pieces)


def _events(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, list[_Property]]]:
    """The properties of each VEVENT itself, not of what lies inside it, with the line on which it begins."""
    inside: list[str] = []
    begun, event = 0, list[_Property]()
    for number, text in lines:
        if not text.strip():
            continue
        parts = _PROPERTY.fullmatch(text) if len(text) <= LINE_LIMIT else None
        if parts is None:
            raise _at(number, Refused(BROKEN))
        name, value = parts[1].upper(), parts[3].strip()
        if name == "BEGIN":
            inside.append(value.upper())
            if len(inside) > MOST_DEPTH:
                raise _at(number, Refused(UNBALANCED))
            if inside == ["VCALENDAR", "VEVENT"]:
                begun, event = number, []
        elif name == "END":
            if not inside or inside.pop() != value.upper():
                raise _at(number, Refused(UNBALANCED))
            if value.upper() == "VEVENT" and inside == ["VCALENDAR"]:
                yield begun, event
        elif inside == ["VCALENDAR", "VEVENT"]:
            event.append(_Property(number, name, bool(_IS_DATE.search(parts[2])), value))
    if inside:
        raise Refused(UNBALANCED)


def _at(line: int, refused: Refused) -> Refused:
    refused.line = line  # type: ignore[attr-defined]
    return refused


def _event(properties: list[_Property], years: range) -> tuple[str, str, list[date]]:
    """Its UID, its name, and its days; none where it was called off."""
    by_name = {each.name: each for each in reversed(properties)}
    for each in properties:
        if each.name in _REFUSED:
            raise _at(each.line, Refused(MOVED, name=each.name))
    uid = _text(by_name.get("UID"), UID_LIMIT)
    if not uid:
        raise Refused(NO_UID)
    name = _text(by_name.get("SUMMARY"), LINE_LIMIT)[:NAME_LIMIT]
    start = by_name.get("DTSTART")
    if start is None or not start.is_date:
        raise _at(start.line, Refused(NOT_ALL_DAY)) if start else Refused(NOT_ALL_DAY)
    first = _date(start, start.value)
    span = _span(first, by_name.get("DTEND"), by_name.get("DURATION"))
    if by_name.get("STATUS") and by_name["STATUS"].value.upper() == "CANCELLED":
        return uid, name, []
    left_out = {_date(each, value) for each in properties if each.name == "EXDATE" for value in each.value.split(",")}
    starts = _starts(first, by_name.get("RRULE"), years)
    days = (day + timedelta(days=n) for day in starts if day not in left_out for n in range(span))
    return uid, name, sorted({day for day in days if day.year in years})


def _text(found: _Property | None, limit: int) -> str:
    if found is None:
        return ""
    plain = _ESCAPED.sub(lambda match: " " if match[1] in "nN" else match[1], found.value)
    try:
        return clean_text(plain, limit)
    except Refused as refused:
        raise _at(found.line, refused) from None


def _date(of: _Property, value: str) -> date:
    parts = _DATE.fullmatch(value.strip())
    try:
        if parts is None:
            raise ValueError
        return date(int(parts[1]), int(parts[2]), int(parts[3]))
    except ValueError:
        raise _at(of.line, Refused(NO_DATE, value=value[:40])) from None


def _span(first: date, end: _Property | None, duration: _Property | None) -> int:
    """How many days it lasts; one where nothing is said."""
    days, line = 1, None
    if end is not None:
        days, line = (_date(end, end.value) - first).days, end.line
    elif duration is not None:
        parts, line = _DURATION.fullmatch(duration.value.upper()), duration.line
        days = int(parts[1]) * (7 if parts[2] == "W" else 1) if parts else 0
    if not 1 <= days <= SPAN_LIMIT:
        raise _at(line or 0, Refused(BAD_END, limit=SPAN_LIMIT))
    return days


def _starts(first: date, rule: _Property | None, years: range) -> Iterator[date]:
    """On which days it begins. The 29th of February comes again in leap years (§3.3.10: no such date, no event)."""
    if rule is None:
        yield first
        return
    parts = dict(each.upper().partition("=")[::2] for each in rule.value.split(";"))
    refused = _at(rule.line, Refused(BAD_RULE, value=rule.value[:80]))
    same = {"BYMONTH": str(first.month), "BYMONTHDAY": str(first.day), "WKST": parts.get("WKST", "")}
    known = {"FREQ", "INTERVAL", "COUNT", "UNTIL", *same}
    if parts.get("FREQ") != "YEARLY" or set(parts) - known or any(parts.get(k, v) != v for k, v in same.items()):
        raise refused
    every, count = parts.get("INTERVAL", "1"), parts.get("COUNT", "10000")
    if not (every.isdecimal() and count.isdecimal() and 0 < int(every) <= 100 and 0 < int(count) <= 10_000):
        raise refused
    until = _date(rule, parts["UNTIL"][:8]) if "UNTIL" in parts else date.max
    left = int(count)
    for year in range(first.year, min(years.stop, until.year + 1), int(every)):
        try:
            day = first.replace(year=year)
        except ValueError:
            continue
        if day > until or not left:
            return
        left -= 1
        yield day
