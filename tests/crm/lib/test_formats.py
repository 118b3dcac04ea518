"""Figures follow the reader's place, words the language of the page."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.utils import timezone, translation

from crm.lib.formats import PLACES, Formats, place_choices, written_as
from crm.templatetags import ui

AFTERNOON = datetime(2027, 2, 14, 15, 5, tzinfo=UTC)
DAY = date(2027, 2, 14)


def written(language: str, place: str, dates: str = "words") -> list[str]:
    with translation.override(language), timezone.override(UTC), written_as(Formats(place, dates)):
        amounts = [ui.money(Decimal("1240"), "EUR"), ui.number(Decimal("-1240.5")), ui.share(0.864), ui.points(463, 1)]
        return [*amounts, ui.day(DAY), ui.clock(AFTERNOON)]


def test_without_a_place_the_language_decides() -> None:
    assert written("en", "") == ["€1,240", "−1,240.5", "86\u00a0%", "46.3", "14 Feb 2027", "15:05"]
    assert written("ko", "") == ["€1,240", "−1,240.5", "86%", "46.3", "2027년 2월 14일", "15:05"]


def test_a_german_who_reads_english_sees_german_figures_and_english_months() -> None:
    assert written("en", "de_DE") == ["1.240\u00a0€", "−1.240,5", "86\u00a0%", "46,3", "14 Feb 2027", "15:05"]
    assert written("en", "de_DE", "numbers")[4] == "14.2.2027"


def test_an_american_has_the_month_first_and_twelve_hours() -> None:
    assert written("en", "en_US") == ["€1,240", "−1,240.5", "86%", "46.3", "Feb 14, 2027", "3:05\u202fPM"]
    assert written("en", "en_US", "numbers")[4] == "2/14/2027"


def test_a_korean_place_speaks_korean_only_on_korean_pages() -> None:
    assert written("ko", "ko_KR")[4:] == ["2027년 2월 14일", "오후 3:05"]
    assert written("en", "ko_KR", "numbers")[4:] == ["2027. 2. 14.", "15:05"]


@pytest.mark.parametrize("place", ["", "de_DE", "ko_KR"])
def test_year_first_is_the_same_everywhere(place: str) -> None:
    assert written("en", place, "iso")[4] == "2027-02-14"


def test_a_year_that_goes_without_saying_is_left_out_except_from_year_first() -> None:
    def short(dates: str) -> str:
        with translation.override("en"), written_as(Formats("de_DE", dates)):
            return ui.day(DAY, date(2027, 1, 1))

    assert [short(dates) for dates in ("words", "numbers", "iso")] == ["14 Feb", "14.2.", "2027-02-14"]


def test_what_was_chosen_ends_with_the_block() -> None:
    with translation.override("en"):
        with written_as(Formats("de_DE")):
            pass
        assert ui.number(1240) == "1,240"


def test_every_place_can_be_chosen_and_shows_how_it_writes() -> None:
    for language in ("en", "ko"):
        choices = dict(place_choices(language))
        assert set(choices) == set(PLACES)
    assert dict(place_choices("en"))["de_CH"] == "German (Switzerland), 1’240.50"
