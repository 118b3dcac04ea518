"""Dates, numbers, equal rows: what follows from a file's text alone."""

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from crm.imports import rules


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("2025-04-03", "", date(2025, 4, 3)),
        ("2025/4/3", "", date(2025, 4, 3)),
        ("2025. 4. 3.", "", date(2025, 4, 3)),
        ("2025년 4월 3일", "", date(2025, 4, 3)),
        ("20250403", "", date(2025, 4, 3)),
        ("2025-04-03 00:00:00", "", date(2025, 4, 3)),
        ("2025-04-03T00:00", "", date(2025, 4, 3)),
        ("25.12.2025", "", date(2025, 12, 25)),
        ("12/25/2025", "", date(2025, 12, 25)),
        ("04/04/2025", "", date(2025, 4, 4)),
        ("03-04-2025", "dmy", date(2025, 4, 3)),
        ("03-04-2025", "mdy", date(2025, 3, 4)),
    ],
)
def test_dates_are_read_where_one_reading_exists_or_was_said(text, order, day) -> None:
    assert rules.read_date(text, order) == day


def test_a_date_with_two_readings_is_asked_about() -> None:
    with pytest.raises(rules.Ambiguous):
        rules.read_date("03-04-2025")


@pytest.mark.parametrize("text", ["", "soon", "2025-13-01", "31/31/2025", "2025-04-03 10:30", "9" * 70, "٢٠٢٥-٠٤-٠٣"])
def test_what_is_no_date_is_refused(text) -> None:
    with pytest.raises(ValueError, match=r".*"):
        rules.read_date(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2022-01-01T04:20:14Z", datetime(2022, 1, 1, 4, 20, 14, tzinfo=UTC)),
        ("2022/01/01 4:20", datetime(2022, 1, 1, 4, 20)),
        ("1640995200", datetime(2022, 1, 1, tzinfo=UTC)),
        ("1640995200500", datetime(2022, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("1701012512345", datetime(2023, 11, 26, 15, 28, 32, 345_000, tzinfo=UTC)),
    ],
)
def test_instants_are_iso_texts_or_seconds_or_milliseconds(text, instant) -> None:
    assert rules.read_instant(text) == instant


@pytest.mark.parametrize(("text", "value"), [("12.50", "12.50"), ("-3", "-3"), ("1e3", "1000"), ("+0.1", "0.1")])
def test_numbers_have_a_point(text, value) -> None:
    assert rules.read_number(text) == Decimal(value)


@pytest.mark.parametrize("text", ["NaN", "inf", "1,234.5", "12,5", "0x10", "1_000", "", "1e400", "١٢"])
def test_other_numbers_are_refused(text) -> None:
    with pytest.raises(ValueError, match=r".*"):
        rules.read_number(text)


def test_amounts_are_whole_millionths_rounded_half_up() -> None:
    assert [rules.millionths(Decimal(text)) for text in ("12.34", "0.0000005", "-1.5")] == [12_340_000, 1, -1_500_000]


def test_equal_rows_are_numbered_in_their_order_across_chunks() -> None:
    """Of 7 5 7 8 7 5, seven comes three times and five twice."""
    file = [7, 5, 7, 8, 7, 5]
    repeats = rules.Repeats.among(np.array(file, np.int64))
    assert repeats.number(file[:4]) + repeats.number(file[4:]) == [1, 1, 2, 1, 3, 2]


def test_an_export_guard_is_taken_off_again_and_nothing_else() -> None:
    cells = ["'=1+1", "'-5", "'", "'n Huis", "=1+1", "''x"]
    assert [rules.unguarded(cell) for cell in cells] == ["=1+1", "-5", "'", "'n Huis", "=1+1", "''x"]


def test_identifiers_with_zeros_in_front_are_no_numbers() -> None:
    fits = {
        text: [kind for kind, test in rules.TRAIT_TESTS.items() if test(text)]
        for text in ("007", "7", "yes", "2025-04-03")
    }
    assert fits == {"007": [], "7": ["number"], "yes": ["flag"], "2025-04-03": ["date"]}


def test_a_refused_row_is_kept_as_text_that_the_database_can_hold() -> None:
    header = tuple(f"c{n}" for n in range(60))
    kept = rules.excerpt(header, ["a\0b", "c\udce9", "x" * 500, *["y"] * 60])
    assert (len(kept), kept["c0"], kept["c1"], len(kept["c2"])) == (50, "a\ufffdb", "c?", 200)
