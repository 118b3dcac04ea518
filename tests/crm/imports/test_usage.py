"""Usage from files: every row counts once, equal rows count each, and doing it again adds nothing."""

import gzip
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from crm.audit.rules import System
from crm.imports import actions
from crm.imports.actions import runs
from crm.imports.forms.files import Order, open_table
from crm.imports.models import ImportRefusal, ImportRun
from crm.imports.queries import Known
from crm.people.models import Person
from crm.sources.models import Source
from crm.usage.models import EventName, PersonDay, UsageDay
from tests import factories

pytestmark = pytest.mark.django_db
HEADER = "account,user,at,event,value\n"


@pytest.fixture(autouse=True)
def _accounts(db) -> None:
    factories.account(external_id="a")
    factories.account(external_id="b")


def days() -> list[tuple[str, date, str, int, int]]:
    rows = UsageDay.objects.order_by("account_id", "day", "event__name")
    return [(row.account.external_id, row.day, row.event.name, row.uses, int(row.amount)) for row in rows]


def people() -> list[tuple[str, date, int]]:
    rows = PersonDay.objects.order_by("account_id", "person_id", "day")
    return [(row.person.external_id, row.day, row.uses) for row in rows]


def counts() -> tuple[int, int, int]:
    run = ImportRun.objects.latest("id")
    return run.created, run.unchanged, run.refused


def reasons() -> list[tuple[int, str]]:
    rows = ImportRefusal.objects.filter(run=ImportRun.objects.latest("id")).order_by("line")
    return list(rows.values_list("line", "reason"))


ROWS = (
    "a,1,2022-01-01T04:20:14Z,search,\n"
    "a,1,2022-01-01T04:20:14Z,search,\n"
    "a,2,2022-01-01T23:59:59Z,win,12.34\n"
    "a,1,2022-01-02 00:00:00,win,0.000001\n"
    "b,1,2022-01-01T20:00:00-05:00,search,\n"
)
DAY1, DAY2 = date(2022, 1, 1), date(2022, 1, 2)
EXPECTED = [
    ("a", DAY1, "search", 2, 0),
    ("a", DAY1, "win", 1, 12_340_000),
    ("a", DAY2, "win", 1, 1),
    ("b", DAY2, "search", 1, 0),  # eight in the evening in New York is the next day in UTC
]


def test_rows_are_counted_by_account_event_and_utc_day_and_equal_rows_count_each(import_text) -> None:
    assert import_text("events", HEADER + ROWS)[0] == 0
    assert (counts(), days()) == ((5, 0, 0), EXPECTED)
    assert people() == [("1", DAY1, 2), ("1", DAY2, 1), ("2", DAY1, 1), ("1", DAY2, 1)]


def test_the_same_rows_add_nothing_in_other_files_either(import_text) -> None:
    """The same file, one packed and with its columns in another order, and one with a row more."""
    import_text("events", HEADER + ROWS)
    import_text("events", HEADER + ROWS)
    assert (counts(), days()) == ((0, 5, 0), EXPECTED)
    turned = "event;at;account;user;value\n" + "".join(
        f"{event};{at};{account};{user};{value}\n"
        for account, user, at, event, value in (line.split(",") for line in ROWS.splitlines())
    )
    import_text("events", gzip.compress(turned.encode()), name="again.csv.gz")
    assert (counts(), days()) == ((0, 5, 0), EXPECTED)
    import_text("events", HEADER + ROWS + "a,1,2022-01-01T04:20:14Z,search,\n")
    assert (counts(), days()[0]) == ((1, 5, 0), ("a", DAY1, "search", 3, 0))


def test_the_same_rows_count_again_for_another_source(import_text) -> None:
    import_text("events", HEADER + ROWS)
    import_text("events", HEADER + ROWS, "--source", "Other app")
    assert (counts(), days()[0]) == ((5, 0, 0), ("a", DAY1, "search", 4, 0))
    assert sorted(Source.objects.values_list("name", flat=True)) == ["Import", "Other app"]


def test_with_message_ids_equal_rows_are_one_event(import_text) -> None:
    row = "a,1,2022-01-01T04:20:14Z,search"
    import_text("events", f"account,user,at,event,message_id\n{row},m1\n{row},m1\n{row},m2\n{row},\n{row},\n")
    assert (counts(), days()) == ((4, 1, 0), [("a", DAY1, "search", 4, 0)])


def test_users_can_be_unique_inside_their_account_only(import_text) -> None:
    import_text("events", HEADER + ROWS, "--users-per-account")
    assert sorted(Person.objects.values_list("external_id", flat=True)) == ["a:1", "a:2", "b:1"]


def test_an_event_that_is_no_use_counts_for_nobody(import_text) -> None:
    EventName.objects.create(name="search", is_use=False, first_seen_at=factories.NOW, last_seen_at=factories.NOW)
    import_text("events", HEADER + ROWS)
    assert (days(), people()) == (EXPECTED, [("1", DAY2, 1), ("2", DAY1, 1)])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("c,1,2022-01-01,search,", "There is no account with the external id c. Import the accounts first."),
        (",1,2022-01-01,search,", "The column account is empty. Fill it in, or leave the row out."),
        ("a,1,2022-01-01,,", "The column event is empty. Fill it in, or leave the row out."),
        ("a,1,yesterday,search,", "The time cannot be read. Send it as in 2026-11-21T09:30:00Z."),
        ("a,1,,search,", "The time cannot be read. Send it as in 2026-11-21T09:30:00Z."),
        ("a,1,1999-12-31T23:59:59Z,search,", "The time is before the year 2000."),
        ("a,1,9999-12-31T23:59:59-12:00,search,", "The time is more than 24 hours in the future."),
        ("a,1,2022-01-01,search,NaN", "Column value: NaN is not a number such as 1234.50, without thousands marks."),
        ("a,1,2022-01-01,search,1e30", "A number is beyond ±9,007,199,254,740,992. Send it as text."),
        ("a,1,2022-01-01,sea\0rch,", "A text holds the character NUL (\\u0000), which cannot be stored. Remove it."),
        ("a,1,2022-01-01," + "x" * 201 + ",", "The text is longer than 200 characters. Shorten it."),
        ("a,1,2022-01-01,search", "The row does not fit the header: it has 4 in place of 5 cells."),
    ],
)
def test_bad_events_are_refused_one_by_one(import_text, row, reason) -> None:
    code, _said = import_text("events", f"{HEADER}{row}\n{ROWS}")
    assert (code, reasons(), days()) == (3, [(2, reason)], EXPECTED)


def test_a_bad_byte_refuses_its_row_alone(import_text) -> None:
    text = (HEADER + "a,1,2022-01-01,한국어검색,\n").encode() + b"a,1,2022-01-01,caf\xe9,\n"
    assert import_text("events", text)[0] == 3
    assert reasons() == [(3, "A text holds half of a surrogate pair, which is no character. Send valid UTF-8.")]


def test_refused_events_are_counted_when_their_account_has_come(import_text) -> None:
    import_text("events", HEADER + ROWS + "c,1,2022-01-01,search,\n")
    assert counts() == (5, 0, 1)
    factories.account(external_id="c")
    import_text("events", HEADER + ROWS + "c,1,2022-01-01,search,\n")
    assert (counts(), days()[-1]) == ((1, 5, 0), ("c", DAY1, "search", 1, 0))


def test_a_run_that_died_is_completed_by_the_next_and_nothing_counts_twice(tmp_path, monkeypatch) -> None:
    """Chunks of two rows; the process dies while it reports the second one. Repeats lie on both sides."""
    path = tmp_path / "events.csv"
    path.write_text(HEADER + "a,1,2022-01-01T04:20:14Z,search,\n" * 5)
    monkeypatch.setattr(runs, "EVENT_CHUNK", 2)
    source = factories.source()

    class Killed(BaseException):
        pass

    def take(progress: Callable[[int], None]) -> ImportRun:
        table = open_table(Order("events", path, {}))
        incoming = actions.Incoming(
            kind="events",
            filename="events.csv",
            sha256=table.shape.sha256,
            header=table.shape.header,
            rows=lambda: table.read(Known(), now=factories.NOW),
            repeats=table.repeats,
            source=source,
        )
        return actions.import_rows(incoming, at=factories.NOW, by=System("test"), progress=progress)

    heard: list[int] = []

    def die(rows: int) -> None:
        heard.append(rows)
        if len(heard) == 2:
            raise Killed

    with pytest.raises(Killed):
        take(die)
    dead = ImportRun.objects.get()
    assert (dead.finished_at, dead.read, dead.created, days()) == (None, 4, 4, [("a", DAY1, "search", 4, 0)])
    run = take(heard.append)
    assert (run.read, run.created, run.unchanged) == (5, 1, 4)
    assert days() == [("a", DAY1, "search", 5, 0)]


def test_a_file_whose_ids_may_be_forgotten_is_not_counted_again(import_text) -> None:
    import_text("events", HEADER + ROWS)
    ImportRun.objects.update(started_at=datetime.now(UTC) - timedelta(days=9))
    code, said = import_text("events", HEADER + ROWS)
    assert (code, ImportRun.objects.count(), days()) == (1, 1, EXPECTED)
    assert "more than 8 days ago" in said
