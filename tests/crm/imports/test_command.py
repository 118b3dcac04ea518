"""The command as a person meets it: which columns, what it says, how it ends, and that bad files change nothing."""

import csv
import gzip
from datetime import date

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from crm.accounts.models import Account, TraitDefinition
from crm.imports.models import ImportRefusal, ImportRun
from crm.staff.models import Installation
from tests import factories

pytestmark = pytest.mark.django_db


def names() -> list[tuple[str, str]]:
    return list(Account.objects.system("test").order_by("external_id").values_list("external_id", "name"))


def test_it_says_what_it_found_and_what_it_did(import_text) -> None:
    code, said = import_text("accounts", "Customer ID;Company name;Shoe size\n1;Café;44\n".encode("latin-1"))
    assert code == 0
    assert said.splitlines()[:2] == [
        "file.csv: 1 row, guessed encoding cp1252, delimiter ;",
        "  columns not used: Shoe size",
    ]
    assert said.splitlines()[2].startswith("file.csv: 1 new, 0 updated, 0 unchanged, 0 refused, in ")
    assert names() == [("1", "Café")]


def test_a_named_column_goes_before_every_guess(import_text) -> None:
    import_text("accounts", "id,name,legal\n1,Short,Long GmbH\n", "--column", "name=LEGAL")
    assert names() == [("1", "Long GmbH")]


def test_our_own_name_goes_before_a_synonym(import_text) -> None:
    import_text("accounts", "company,id,name,external_id\nX,Y,Name,1\n")
    assert names() == [("1", "Name")]


@pytest.mark.parametrize(
    ("content", "more", "words"),
    [
        (
            "colour,size\nred,4\n",
            [],
            "The file has no column external_id. Its columns are: colour, size. Name one with --column external_id=…",
        ),
        (
            "id,account_id\n1,2\n",
            [],
            "Two columns are read as external_id: id and account_id. Say which with --column external_id=…",
        ),
        (
            "external_id,external_id\n1,2\n",
            [],
            "Two columns are read as external_id: external_id and external_id. Say which with --column external_id=…",
        ),
        ("id\n1\n", ["--column", "name=Title"], "The file has no column Title. Its columns are: id."),
        (
            "id\n1\n",
            ["--column", "title=id"],
            "title is not a column of accounts. These are: external_id, name, domains, stage, segment, tags, "
            "time_zone, language, currency, owner, customer_since.",
        ),
        ("id\n1\n", ["--column", "name"], "--column name must be OURS=THEIRS, such as external_id=Nr."),
        ("id\n1\n", ["--delimiter", "x"], "--delimiter must be a comma, a semicolon, tab or |, not x."),
        (
            "id,since\n1,3-04-2025\n",
            [],
            "Line 2, column since: 3-04-2025 can be read as two days. "
            "Say --date-order dmy (day first) or --date-order mdy (month first).",
        ),
        (
            "id,since\n1,25.12.2025\n2,03.04.2025\n",
            [],
            "Line 3, column since: 03.04.2025 can be read as two days. "
            "Say --date-order dmy (day first) or --date-order mdy (month first).",
        ),
        (
            'id,name\n1,a\n2,"b\n',
            [],
            "Line 3: a quotation mark is opened and never closed. Close it, or double it inside a text.",
        ),
        (
            "id,name\n1,a\n2," + "x" * 10_000_000 + "\n",
            [],
            "A line is longer than 1,048,576 bytes. Is this a CSV file with one row on each line?",
        ),
        ("", [], "The file is empty."),
    ],
)
def test_a_file_that_is_refused_leaves_nothing_behind(import_text, content, more, words) -> None:
    assert import_text("accounts", content, *more) == (1, f"{words} Nothing was imported.")
    assert (names(), ImportRun.objects.count(), TraitDefinition.objects.count()) == ([], 0, 0)


def test_an_order_of_dates_answers_the_question(import_text) -> None:
    assert import_text("accounts", "id,since\n1,03.04.2025\n", "--date-order", "dmy")[0] == 0
    assert Account.objects.system("test").get().customer_since == date(2025, 4, 3)


def test_a_cut_off_gzip_leaves_nothing_behind(import_text) -> None:
    packed = gzip.compress(b"id\n" + b"".join(b"%d\n" % n for n in range(50_000)))
    code, said = import_text("accounts", packed[: len(packed) // 2], name="file.csv.gz")
    assert (code, names()) == (1, [])
    assert said == "The file is named or marked as gzip but is damaged or cut off. Copy it again. Nothing was imported."


def test_a_header_without_rows_is_an_import_of_nothing(import_text) -> None:
    code, said = import_text("accounts", "id,name\n")
    assert (code, names()) == (0, [])
    assert "file.csv: 0 new, 0 updated, 0 unchanged, 0 refused" in said


def test_refused_rows_are_written_so_that_they_can_be_mended_and_imported(import_text, tmp_path) -> None:
    """A cell that a spreadsheet would run is guarded in the file, and the guard is taken off when it comes back."""
    refused = tmp_path / "refused.csv"
    text = "id,name,stage\n1,=HYPERLINK(1),gone\n2,Good,\n"
    code, said = import_text("accounts", text, "--refusals", str(refused))
    assert (code, names()) == (3, [("2", "Good")])
    assert said.splitlines()[-3:-1] == [
        "  1 × Column stage: gone is not one of trial, onboarding, live, churned, let_go.",
        f"  Refused rows: {refused}",
    ]
    rows = list(csv.reader(refused.open(encoding="utf-8", newline="")))
    assert rows == [
        ["refused_line", "refused_reason", "id", "name", "stage"],
        [
            "2",
            "Column stage: gone is not one of trial, onboarding, live, churned, let_go.",
            "1",
            "'=HYPERLINK(1)",
            "gone",
        ],
    ]
    assert import_text("accounts", refused.read_text().replace("gone", "churned"))[0] == 0
    assert names() == [("1", "=HYPERLINK(1)"), ("2", "Good")]


def test_refusals_cannot_overwrite_the_file_itself(import_text, tmp_path) -> None:
    code, said = import_text("accounts", "id\n1\n", "--refusals", str(tmp_path / "file.csv"))
    assert (code, said) == (
        1,
        "--refusals names the file that is to be imported. Name another one. Nothing was imported.",
    )
    assert (tmp_path / "file.csv").read_text() == "id\n1\n"


def test_only_the_first_ten_thousand_refusals_are_kept(import_text) -> None:
    code, said = import_text("accounts", "id,stage\n" + "".join(f"{n},gone\n" for n in range(10_050)))
    run = ImportRun.objects.get()
    assert (code, run.refused, ImportRefusal.objects.count()) == (3, 10_050, 10_000)
    assert "10,050 × Column stage" in said


def test_the_day_through_which_the_data_are_complete_is_kept(import_text) -> None:
    factories.account(external_id="a")
    import_text("subscriptions", "account,start,price\na,2022-01-01,10\n", "--paid-through", "2023-06-30")
    assert Installation.objects.get().paid_through == date(2023, 6, 30)
    code, said = import_text("subscriptions", "account,start,price\n", "--paid-through", "June")
    assert (code, said) == (1, "--paid-through must be a date such as 2026-11-21, not June.")


def test_a_database_that_fails_in_the_middle_keeps_whole_chunks_and_says_what_to_do(import_text, monkeypatch) -> None:
    from crm.imports.actions import book, runs

    monkeypatch.setattr(runs, "CHUNK", 2)
    original = book._run
    calls: list[str] = []

    def failing(name, payload, at):
        calls.append(name)
        if len(calls) == 2:
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = 1; SELECT pg_sleep(1)")
        return original(name, payload, at)

    monkeypatch.setattr(book, "_run", failing)
    code, said = import_text("accounts", "id\n1\n2\n3\n4\n5\n")
    assert (code, names()) == (1, [("1", "1"), ("2", "2")])
    assert said == (
        "The database failed in the middle: canceling statement due to statement timeout. "
        "Run the same command again; it goes on where it stopped."
    )
    run = ImportRun.objects.get()
    assert (run.finished_at, run.read, run.created) == (None, 2, 2)
    import_text("accounts", "id\n1\n2\n3\n4\n5\n")
    assert len(names()) == 5


def test_the_columns_stand_in_the_help(capsys) -> None:
    with pytest.raises(SystemExit):
        call_command("import_file", "--help")
    said = capsys.readouterr().out
    assert "    external_id*          id, account," in said
    assert "Exit codes    0 all rows taken, 3 some rows refused" in said


def test_crm5_wants_its_folder(tmp_path) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("import_file", "crm5", str(tmp_path / "none"), skip_checks=True)
    assert str(refused.value) == f"{tmp_path}/none is not a folder. Nothing was imported."
