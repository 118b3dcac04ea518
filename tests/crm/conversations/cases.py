"""Response clocks worked out by hand: over weekends, holidays, clock changes, zone changes, hand-overs, reopenings.

Each case says when the customer wrote, the target in minutes, what happened then, and what follows: the instant by
which an answer is due (None: the clock stands still), and the open minutes waited when the last thing happened.
All instants carry their offset, so that nothing has to be worked out by the code under test.
"""

from datetime import datetime
from typing import NamedTuple

from crm.calendars.rules import free_days
from crm.lib.working_hours import Hours, Span

YEARS = range(2022, 2029)
NINE_TO_FIVE, NINE_TO_SIX, NIGHT = (540, 1020), (540, 1080), (150, 360)


def hours(zone: str, country: str = "", part: str = "", span: Span = NINE_TO_FIVE, *, weekend: Span = None) -> Hours:
    return Hours((span,) * 5 + (weekend, weekend), zone, free_days(country, part, YEARS))


MUNICH = hours("Europe/Berlin", "DE", "BY")
BERLIN = hours("Europe/Berlin", "DE", "BE")
DRESDEN = hours("Europe/Berlin", "DE", "SN")
HAMBURG = hours("Europe/Berlin", "DE", "HH")
COLOGNE = hours("Europe/Berlin", "DE", "NW")
SEOUL = hours("Asia/Seoul", "KR", span=NINE_TO_SIX)
NEW_YORK = hours("America/New_York")
ALWAYS = hours("Europe/Berlin", span=(0, 1440), weekend=(0, 1440))
NIGHTS = hours("Europe/Berlin", span=NIGHT, weekend=NIGHT)
SHOP = Hours((NINE_TO_FIVE,) * 5 + ((600, 840), None), "Europe/Berlin")
PLACES = {
    "MUNICH": MUNICH, "BERLIN": BERLIN, "DRESDEN": DRESDEN, "HAMBURG": HAMBURG, "COLOGNE": COLOGNE, "SEOUL": SEOUL,
    "NEW_YORK": NEW_YORK, "ALWAYS": ALWAYS, "NIGHTS": NIGHTS, "SHOP": SHOP,
}  # fmt: skip


class Then(NamedTuple):
    """What happened at `at`: assigned, paused, resumed, closed, reopened, answered, moved to a place, retargeted."""

    what: str
    at: str
    to: str | int = ""


class Case(NamedTuple):
    why: str
    place: str
    asked: str
    minutes: int
    then: tuple[Then, ...]
    due: str | None
    waited: float | None = None
    late: bool = False


# November and December are +01:00 in Germany, summer +02:00, Seoul always +09:00.
CASES = [
    # Nights and weekends. 27 November 2026 is a Friday.
    Case("inside the hours", "MUNICH", "2026-11-30T10:00+01:00", 240, (), "2026-11-30T14:00+01:00"),
    Case("used up on the dot of closing", "MUNICH", "2026-11-30T13:00+01:00", 240, (), "2026-11-30T17:00+01:00"),
    Case("two hours today, two tomorrow", "MUNICH", "2026-11-30T15:00+01:00", 240, (), "2026-12-01T11:00+01:00"),
    Case("before the doors open", "MUNICH", "2026-11-30T06:30+01:00", 240, (), "2026-11-30T13:00+01:00"),
    Case("after they close", "MUNICH", "2026-11-30T19:00+01:00", 60, (), "2026-12-01T10:00+01:00"),
    Case("one hour on Friday, three on Monday", "MUNICH", "2026-11-27T16:00+01:00", 240, (), "2026-11-30T12:00+01:00"),
    Case("written on a Saturday", "MUNICH", "2026-11-28T12:00+01:00", 240, (), "2026-11-30T13:00+01:00"),
    Case("8 + 8 + 4 hours", "MUNICH", "2026-12-02T09:00+01:00", 1200, (), "2026-12-04T13:00+01:00"),
    Case("open on Saturdays from ten", "SHOP", "2026-11-27T16:00+01:00", 240, (), "2026-11-28T13:00+01:00"),
    Case("open day and night", "ALWAYS", "2026-11-28T22:30+01:00", 240, (), "2026-11-29T02:30+01:00"),
    # Korea. Seollal 2026: Mon 16 to Wed 18 February. Chuseok 2026: Thu 24 to Sat 26 September, no day in its stead.
    Case("Seollal: Friday, then Thursday", "SEOUL", "2026-02-13T17:00+09:00", 240, (), "2026-02-19T12:00+09:00"),
    Case("written on Seollal itself", "SEOUL", "2026-02-17T11:00+09:00", 60, (), "2026-02-19T10:00+09:00"),
    Case("Chuseok and its weekend", "SEOUL", "2026-09-23T16:00+09:00", 240, (), "2026-09-28T11:00+09:00"),
    Case("Chuseok in Munich is a Thursday", "MUNICH", "2026-09-24T10:00+02:00", 240, (), "2026-09-24T14:00+02:00"),
    # 2025: Foundation Day Fri 3, Chuseok Sun 5 to Tue 7, in its stead Wed 8, Hangul Day Thu 9 October.
    Case("Chuseok 2025 and the day in its stead", "SEOUL", "2025-10-02T17:30+09:00", 240, (), "2025-10-10T12:30+09:00"),
    Case("Seollal 2024, Monday 12 in its stead", "SEOUL", "2024-02-08T17:00+09:00", 240, (), "2024-02-13T12:00+09:00"),
    Case("Seollal 2023, Tuesday 24 in its stead", "SEOUL", "2023-01-20T15:00+09:00", 240, (), "2023-01-25T10:00+09:00"),
    # 2023: Chuseok Thu 28 to Sat 30 September, Mon 2 October given once, Tue 3 Foundation Day.
    Case("a holiday that was given once", "SEOUL", "2023-09-27T17:00+09:00", 540, (), "2023-10-04T17:00+09:00"),
    Case("Liberation Day on a Saturday", "SEOUL", "2026-08-14T17:00+09:00", 120, (), "2026-08-18T10:00+09:00"),
    Case("Buddha's Birthday on a Sunday", "SEOUL", "2026-05-22T18:00+09:00", 60, (), "2026-05-26T10:00+09:00"),
    # 2025: Mon 27 January given once, Seollal Tue 28 to Thu 30. 2027: Sat 6 to Mon 8 February, in its stead Tue 9.
    Case("Seollal 2025, Monday 27 given once", "SEOUL", "2025-01-24T17:00+09:00", 240, (), "2025-01-31T12:00+09:00"),
    Case("Seollal 2027, Tuesday 9 in its stead", "SEOUL", "2027-02-05T16:00+09:00", 240, (), "2027-02-10T11:00+09:00"),
    Case("Chuseok 2027, Tuesday to Thursday", "SEOUL", "2027-09-13T17:30+09:00", 60, (), "2027-09-17T09:30+09:00"),
    # Buddha's Birthday and Children's Day are one Monday, 5 May 2025: one day in the stead of both.
    Case("two holidays on one day", "SEOUL", "2025-05-02T17:00+09:00", 120, (), "2025-05-07T10:00+09:00"),
    # German Länder.
    Case("Corpus Christi in Bavaria", "MUNICH", "2026-06-03T16:00+02:00", 120, (), "2026-06-05T10:00+02:00"),
    Case("no Corpus Christi in Berlin", "BERLIN", "2026-06-03T16:00+02:00", 120, (), "2026-06-04T10:00+02:00"),
    Case("Repentance Day in Saxony", "DRESDEN", "2026-11-17T16:00+01:00", 120, (), "2026-11-19T10:00+01:00"),
    Case("no Repentance Day in Bavaria", "MUNICH", "2026-11-17T16:00+01:00", 120, (), "2026-11-18T10:00+01:00"),
    Case("Epiphany in Bavaria", "MUNICH", "2026-01-05T16:30+01:00", 60, (), "2026-01-07T09:30+01:00"),
    Case("Women's Day in Berlin, a Monday", "BERLIN", "2027-03-05T16:00+01:00", 120, (), "2027-03-09T10:00+01:00"),
    Case("Reformation Day in Hamburg, Friday", "HAMBURG", "2025-10-30T16:00+01:00", 120, (), "2025-11-03T10:00+01:00"),
    Case("All Saints' Day in Cologne, Monday", "COLOGNE", "2027-10-29T16:00+02:00", 120, (), "2027-11-02T10:00+01:00"),
    Case("Good Friday and Easter Monday", "MUNICH", "2026-04-02T16:00+02:00", 240, (), "2026-04-07T12:00+02:00"),
    Case("Christmas Eve is a day of work", "MUNICH", "2026-12-24T16:00+01:00", 240, (), "2026-12-28T12:00+01:00"),
    # Clocks go forward on 29 March, back on 25 October 2026; in New York back on 1 November.
    Case("a night of 23 hours", "ALWAYS", "2026-03-29T00:30+01:00", 240, (), "2026-03-29T05:30+02:00"),
    Case("a night of 25 hours", "ALWAYS", "2026-10-25T00:30+02:00", 240, (), "2026-10-25T03:30+01:00"),
    Case("the weekend of summer time", "MUNICH", "2026-03-27T16:00+01:00", 120, (), "2026-03-30T10:00+02:00"),
    Case("the weekend of winter time", "MUNICH", "2026-10-23T16:00+02:00", 120, (), "2026-10-26T10:00+01:00"),
    Case("winter time in New York", "NEW_YORK", "2026-10-30T16:00-04:00", 120, (), "2026-11-02T10:00-05:00"),
    Case("opens at 2:30, which is skipped", "NIGHTS", "2026-03-28T20:00+01:00", 60, (), "2026-03-29T04:00+02:00"),
    Case("summer time in New York", "NEW_YORK", "2026-03-06T16:00-05:00", 120, (), "2026-03-09T10:00-04:00"),
    Case("Seoul puts no clock forward", "SEOUL", "2026-03-27T17:00+09:00", 120, (), "2026-03-30T10:00+09:00"),
    Case("opens at 2:30, which comes twice", "NIGHTS", "2026-10-24T20:00+02:00", 120, (), "2026-10-25T03:30+01:00"),
    # The account's zone, holidays or target change while the customer waits.
    Case(
        "moves from Munich to New York: one hour counted, three left", "MUNICH", "2026-11-30T15:00+01:00", 240,
        (Then("moved", "2026-11-30T10:00-05:00", "NEW_YORK"),), "2026-11-30T13:00-05:00", 60,
    ),
    Case(
        "moves to Seoul, where it is night", "NEW_YORK", "2026-11-30T10:00-05:00", 240,
        (Then("moved", "2026-11-30T12:00-05:00", "SEOUL"),), "2026-12-01T11:00+09:00", 120,
    ),
    Case(
        "from Berlin to Munich before Corpus Christi", "BERLIN", "2026-06-03T16:00+02:00", 240,
        (Then("moved", "2026-06-03T16:30+02:00", "MUNICH"),), "2026-06-05T12:00+02:00", 30,
    ),
    Case(
        "moves twice, with the free day of each place: 1 hour, none on Corpus Christi, 2 in Berlin", "BERLIN",
        "2026-06-03T16:00+02:00", 240,
        (Then("moved", "2026-06-03T18:00+02:00", "MUNICH"), Then("moved", "2026-06-04T15:00+02:00", "BERLIN")),
        "2026-06-05T10:00+02:00", 60,
    ),
    Case(
        "moves during a night of 25 hours", "ALWAYS", "2026-10-25T00:30+02:00", 240,
        (Then("moved", "2026-10-25T02:30+01:00", "MUNICH"),), "2026-10-26T10:00+01:00", 180,
    ),
    Case(
        "what was missed stays missed", "MUNICH", "2026-11-30T09:00+01:00", 60,
        (Then("moved", "2026-11-30T11:00+01:00", "NEW_YORK"),), "2026-11-30T10:00+01:00", 120, True,
    ),
    Case(
        "a shorter target is due now, not in the past", "MUNICH", "2026-11-30T09:00+01:00", 480,
        (Then("retargeted", "2026-11-30T13:00+01:00", 120),), "2026-11-30T13:00+01:00", 240,
    ),
    Case(
        "a longer one counts what has passed", "MUNICH", "2026-11-30T09:00+01:00", 120,
        (Then("retargeted", "2026-11-30T10:00+01:00", 480),), "2026-11-30T17:00+01:00", 60,
    ),
    # Handing over changes who answers, not by when.
    Case(
        "handed to somebody else", "MUNICH", "2026-11-30T09:00+01:00", 240,
        (Then("assigned", "2026-11-30T11:00+01:00", 1),), "2026-11-30T13:00+01:00", 120,
    ),
    Case(
        "handed on twice, over a weekend", "MUNICH", "2026-11-27T16:00+01:00", 240,
        (Then("assigned", "2026-11-27T16:30+01:00", 1), Then("assigned", "2026-11-30T09:00+01:00", 0)),
        "2026-11-30T12:00+01:00", 60,
    ),
    # Waiting for the customer.
    Case(
        "one hour, a pause, three hours", "MUNICH", "2026-11-30T09:00+01:00", 240,
        (Then("paused", "2026-11-30T10:00+01:00"), Then("resumed", "2026-12-01T12:00+01:00")),
        "2026-12-01T15:00+01:00", 60,
    ),
    Case(
        "paused from Saturday to Sunday costs nothing", "MUNICH", "2026-11-27T16:00+01:00", 240,
        (Then("paused", "2026-11-28T12:00+01:00"), Then("resumed", "2026-11-29T12:00+01:00")),
        "2026-11-30T12:00+01:00", 60,
    ),
    Case(
        "stands still", "MUNICH", "2026-11-30T09:00+01:00", 240,
        (Then("paused", "2026-11-30T10:30+01:00"),), None, 90,
    ),
    Case(
        "moved while it stood still", "MUNICH", "2026-11-30T09:00+01:00", 240,
        (
            Then("paused", "2026-11-30T11:00+01:00"), Then("moved", "2026-12-01T12:00+01:00", "NEW_YORK"),
            Then("resumed", "2026-12-01T16:00-05:00"),
        ),
        "2026-12-02T10:00-05:00", 120,
    ),
    Case(
        "a pause does not undo what was missed", "MUNICH", "2026-11-30T09:00+01:00", 60,
        (Then("paused", "2026-11-30T11:00+01:00"),), "2026-11-30T10:00+01:00", 120, True,
    ),
    # Answers, and opening again.
    Case(
        "answered on the dot", "MUNICH", "2026-11-30T09:00+01:00", 240,
        (Then("answered", "2026-11-30T13:00+01:00"),), "2026-11-30T13:00+01:00", 240,
    ),
    Case(
        "answered a second late", "MUNICH", "2026-11-30T09:00+01:00", 240,
        (Then("answered", "2026-11-30T13:00:01+01:00"),), "2026-11-30T13:00+01:00", 240 + 1 / 60, True,
    ),
    Case(
        "answered on a Saturday: one open hour", "MUNICH", "2026-11-27T16:00+01:00", 240,
        (Then("answered", "2026-11-28T20:00+01:00"),), "2026-11-30T12:00+01:00", 60,
    ),
    Case(
        "answered during a pause", "MUNICH", "2026-11-30T09:00+01:00", 240,
        (Then("paused", "2026-11-30T10:00+01:00"), Then("answered", "2026-12-03T10:00+01:00")), None, 60,
    ),
    Case(
        "opened again after an answer: anew", "MUNICH", "2026-11-30T09:00+01:00", 240,
        (Then("answered", "2026-11-30T10:00+01:00"), Then("reopened", "2026-12-01T15:00+01:00")),
        "2026-12-02T11:00+01:00", 0,
    ),
    Case(
        "closed and opened again around Chuseok", "SEOUL", "2026-09-23T16:00+09:00", 240,
        (Then("closed", "2026-09-23T17:00+09:00"), Then("reopened", "2026-09-25T10:00+09:00")),
        "2026-09-28T12:00+09:00", 60,
    ),
    Case(
        "handed over on a holiday, then answered late", "SEOUL", "2026-02-13T17:00+09:00", 120,
        (Then("assigned", "2026-02-17T10:00+09:00", 1), Then("answered", "2026-02-19T11:00+09:00")),
        "2026-02-19T10:00+09:00", 180, True,
    ),
    Case(
        "answered, opened again, answered again on the dot", "MUNICH", "2026-11-30T09:00+01:00", 120,
        (
            Then("answered", "2026-11-30T12:00+01:00"), Then("reopened", "2026-12-01T16:30+01:00"),
            Then("answered", "2026-12-02T10:30+01:00"),
        ),
        "2026-12-02T10:30+01:00", 120,
    ),
    Case(
        "opened again on Seollal", "SEOUL", "2026-02-13T10:00+09:00", 240,
        (Then("answered", "2026-02-13T11:00+09:00"), Then("reopened", "2026-02-17T15:00+09:00")),
        "2026-02-19T13:00+09:00", 0,
    ),
    Case(
        "closed without an answer, opened again: what was left", "MUNICH", "2026-11-30T09:00+01:00", 240,
        (Then("closed", "2026-11-30T11:00+01:00"), Then("reopened", "2026-12-02T16:00+01:00")),
        "2026-12-03T10:00+01:00", 120,
    ),
    Case(
        "closed late, opened again: still missed", "MUNICH", "2026-11-30T09:00+01:00", 60,
        (Then("closed", "2026-11-30T11:00+01:00"), Then("reopened", "2026-12-02T09:00+01:00")),
        "2026-11-30T10:00+01:00", 120, True,
    ),
    Case(
        "handed over, paused, moved and opened again", "MUNICH", "2026-11-30T09:00+01:00", 480,
        (
            Then("assigned", "2026-11-30T10:00+01:00", 1), Then("paused", "2026-11-30T11:00+01:00"),
            Then("resumed", "2026-12-01T09:00+01:00"), Then("moved", "2026-12-01T12:00+01:00", "SEOUL"),
            Then("closed", "2026-12-02T10:00+09:00"), Then("reopened", "2026-12-03T17:00+09:00"),
        ),
        # 2 in Munich, 3 in Munich, 1 in Seoul (9 to 10), 2 left: 17 to 18 and 9 to 10.
        "2026-12-04T10:00+09:00", 360,
    ),
]  # fmt: skip


def when(text: str) -> datetime:
    return datetime.fromisoformat(text)
