"""Holidays as the calendars on the wall have them."""

from datetime import date, timedelta

import pytest

from crm.calendars.rules import free_days, is_known, public_holidays, regions


def days(*texts: str) -> set[date]:
    return {date.fromisoformat(text) for text in texts}


def spread(year: int, first: str, last: str) -> set[date]:
    from_, until = date.fromisoformat(f"{year}-{first}"), date.fromisoformat(f"{year}-{last}")
    return {from_ + timedelta(days=n) for n in range((until - from_).days + 1)}


@pytest.mark.parametrize(
    ("year", "seollal", "chuseok"),
    [
        # With the days given in their stead (대체공휴일): for Sundays, not for Saturdays.
        (2023, ("01-21", "01-24"), ("09-28", "09-30")),
        (2024, ("02-09", "02-12"), ("09-16", "09-18")),
        (2025, ("01-28", "01-30"), ("10-05", "10-08")),
        (2026, ("02-16", "02-18"), ("09-24", "09-26")),
        (2027, ("02-06", "02-09"), ("09-14", "09-16")),
    ],
)
def test_seollal_and_chuseok(year, seollal, chuseok):
    held = public_holidays("KR", "", year)
    assert {day for day, name in held.items() if "Korean New Year" in name} == spread(year, *seollal)
    assert {day for day, name in held.items() if "Chuseok" in name} == spread(year, *chuseok)


def test_the_german_laender_differ():
    """Corpus Christi, 4 June 2026; Repentance Day, 18 November; Women's Day, 8 March; Reformation Day, 31 October."""
    special = days("2026-06-04", "2026-11-18", "2026-03-08", "2026-10-31")
    held = {part: free_days("DE", part, [2026]) & special for part in ("BY", "BE", "SN", "HH", "NW")}
    assert held == {
        "BY": days("2026-06-04"),
        "BE": days("2026-03-08"),
        "SN": days("2026-11-18", "2026-10-31"),
        "HH": days("2026-10-31"),
        "NW": days("2026-06-04"),
    }
    assert len(free_days("DE", "", [2026])) == 9
    assert set(regions()["DE"]) >= {
        "BB",
        "BE",
        "BW",
        "BY",
        "HB",
        "HE",
        "HH",
        "MV",
        "NI",
        "NW",
        "RP",
        "SH",
        "SL",
        "SN",
        "ST",
        "TH",
    }


def test_a_place_that_nobody_knows_has_no_holidays():
    assert [is_known("KR"), is_known("DE", "BY"), is_known("DE", "XX"), is_known("QQ")] == [True, True, False, False]
    assert public_holidays("QQ", "", 2026) == {}
