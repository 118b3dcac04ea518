"""Holidays from calendar files: what is read, what is refused where, and entering a file twice or taking it back."""

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from crm.calendars import actions
from crm.calendars.models import CalendarDay, CalendarFile
from crm.lib import ics
from crm.lib.gate import Refused
from tests.factories import NOW

YEARS = range(2023, 2029)


def calendar(*events: str, end: str = "END:VCALENDAR\r\n") -> bytes:
    head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Test//EN\r\n"
    return (head + "".join(f"BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n" for event in events) + end).encode()


def event(uid: str, start: str, *more: str, name: str = "Works outing") -> str:
    return "\r\n".join([f"UID:{uid}", f"SUMMARY:{name}", f"DTSTART;VALUE=DATE:{start}", *more])


def days(raw: bytes) -> list[str]:
    found = ics.read(raw, YEARS)
    assert found.faults == []
    return [str(each.day) for each in found.days]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ((), ["2026-12-24"]),
        (("DTEND;VALUE=DATE:20261225",), ["2026-12-24"]),
        (("DTEND;VALUE=DATE:20261227",), ["2026-12-24", "2026-12-25", "2026-12-26"]),
        (("DURATION:P2D",), ["2026-12-24", "2026-12-25"]),
        (("RRULE:FREQ=YEARLY",), ["2026-12-24", "2027-12-24", "2028-12-24"]),
        (("RRULE:FREQ=YEARLY;COUNT=2;BYMONTH=12;BYMONTHDAY=24",), ["2026-12-24", "2027-12-24"]),
        (("RRULE:FREQ=YEARLY;UNTIL=20271223",), ["2026-12-24"]),
        (("RRULE:FREQ=YEARLY;INTERVAL=2",), ["2026-12-24", "2028-12-24"]),
        (("RRULE:FREQ=YEARLY", "EXDATE;VALUE=DATE:20271224"), ["2026-12-24", "2028-12-24"]),
        (("STATUS:CANCELLED",), []),
        (("BEGIN:VALARM", "DTSTART:20200101T000000Z", "END:VALARM"), ["2026-12-24"]),
    ],
)
def test_days_of_an_event(more, expected):
    assert days(calendar(event("a", "20261224", *more))) == expected


def test_the_29th_of_february_comes_in_leap_years_alone():
    assert days(calendar(event("a", "19000228", "RRULE:FREQ=YEARLY;INTERVAL=100"))) == []
    assert days(calendar(event("a", "20000229", "RRULE:FREQ=YEARLY"))) == ["2024-02-29", "2028-02-29"]


def test_folded_lines_escapes_and_other_parameters_are_read():
    raw = calendar(
        'UID:a\r\nSUMMARY;LANGUAGE=en;X-NOTE="a:b;c":Works\\, out\r\n ing\\nof all\r\nDTSTART;X-A=b;VALUE=DATE:20261224'
    )
    assert [(each.uid, each.name) for each in ics.read(raw, YEARS).days] == [("a", "Works, outing of all")]


@pytest.mark.parametrize(
    ("raw", "line", "words"),
    [
        (calendar("UID:a\r\nDTSTART:20261224T090000Z"), 6, "no all-day event"),
        (calendar("SUMMARY:x\r\nDTSTART;VALUE=DATE:20261224"), 4, "no UID"),
        (calendar(event("a", "20261324")), 7, "“20261324” is no date."),
        (calendar(event("a", "20261224", "DTEND;VALUE=DATE:20261224")), 8, "ends before it begins"),
        (calendar(event("a", "20261224", "DTEND;VALUE=DATE:20270301")), 8, "longer than 31 days"),
        (calendar(event("a", "20261224", "RRULE:FREQ=WEEKLY")), 8, "“FREQ=WEEKLY” is not understood"),
        (calendar(event("a", "20260525", "RRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO")), 8, "not understood"),
        (calendar(event("a", "20261224", "RDATE;VALUE=DATE:20261231")), 8, "“RDATE” is not understood"),
        (calendar(event("a", "20261224"), event("a", "20261225")), 9, "has this UID"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_line(raw, line, words):
    (fault,) = ics.read(raw, YEARS).faults
    assert fault.line == line
    assert words in fault.reason


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "no iCalendar file"),
        (b"PK\x03\x04", "no iCalendar file"),
        (b"BEGIN:VCALENDAR\nSUMMARY:\xff", "not in UTF-8"),
        (b"BEGIN:VCALENDAR\n" + b"X" * ics.MOST_BYTES, "larger than 1 MB"),
        (b"BEGIN:VCALENDAR\n" + b"\n" * 20_001, "too many lines"),
        (b"BEGIN:VCALENDAR\nSUMMARY:" + b"x" * 9_000, "cannot be read"),
        (b"BEGIN:VCALENDAR\n" + b"BEGIN:VEVENT\n" * 5, "do not match"),
        (calendar(event("a", "20261224"), end=""), "do not match"),
        (calendar(*(event(str(n), "20200101", "DURATION:P4W", "RRULE:FREQ=YEARLY") for n in range(20))), "too many"),
    ],
)
def test_a_file_that_is_none_or_too_much_is_refused_whole(raw, words):
    with pytest.raises(Refused, match=words):
        ics.read(raw, YEARS)


@pytest.fixture
def shop(db, ops):
    return actions.create_calendar(name="Shop", at=NOW, by=ops)


def bring(client, shop, raw):
    url = reverse("calendar-bring", args=[shop.pk])
    return client.post(url, {"file": SimpleUploadedFile("holidays.ics", raw)})


def own(shop):
    rows = CalendarDay.objects.filter(calendar=shop, own=True).order_by("day")
    return [(str(day), name) for day, name in rows.values_list("day", "name")]


def test_a_file_is_looked_at_entered_brought_again_and_taken_back(shop, ops, as_user):
    client = as_user(ops)
    actions.set_day(shop, day=date(2026, 12, 24), name="By hand", free=False, at=NOW, by=ops)
    raw = calendar(
        event("a", "20261224"), event("b", "20261231", name="New Year's Eve"), event("c", "20261230", "RDATE:20261201")
    )
    answer = bring(client, shop, raw)
    file = CalendarFile.objects.get()
    assert answer.headers["Location"] == reverse("calendar-file", args=[file.pk])
    page = client.get(answer.headers["Location"]).content.decode()
    assert "1 day new" in page and "1 left alone, entered otherwise" in page and "1 refused" in page
    assert "“RDATE” is not understood" in page and "line 18" in page
    assert own(shop) == [("2026-12-24", "By hand")], "nothing is entered yet"
    client.post(reverse("calendar-file-enter", args=[file.pk]))
    assert own(shop) == [("2026-12-24", "By hand"), ("2026-12-31", "New Year's Eve")]
    # The next year's file: b has moved by a day, and got another name.
    bring(client, shop, calendar(event("b", "20270101", name="New Year")))
    second = CalendarFile.objects.latest("pk")
    client.post(reverse("calendar-file-enter", args=[second.pk]))
    assert own(shop) == [("2026-12-24", "By hand"), ("2027-01-01", "New Year")]
    bring(client, shop, calendar(event("b", "20270101", name="New Year")))
    page = client.get(reverse("calendar-file", args=[second.pk + 1])).content.decode()
    assert "1 there already" in page and "Enter these days" not in page
    for back, left in ((second, ("2026-12-31", "New Year's Eve")), (file, None)):
        client.post(reverse("calendar-file-undo", args=[back.pk]))
        assert own(shop) == [("2026-12-24", "By hand"), *([left] if left else [])]
    client.post(reverse("calendar-file-undo", args=[file.pk]))
    assert own(shop) == [("2026-12-24", "By hand")], "taken back twice is once"


def test_what_is_wrong_with_a_file_stands_at_the_form(shop, ops, as_user):
    for raw, words in ((b"x", "no iCalendar file"), (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nodd", "Line 3: The line")):
        answer = bring(as_user(ops), shop, raw)
        assert answer.status_code == 422
        assert words in answer.content.decode()
    assert not CalendarFile.objects.exists()
