"""How the reader writes numbers, money, dates and the clock. The language of the words is another matter."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from operator import itemgetter

from babel import Locale
from babel.numbers import format_decimal
from django.utils.translation import get_language

# Where the person writes from; the empty one follows the language of the pages.
ENGLISH = ("en_GB", "en_US", "en_AU", "en_CA", "en_IE", "en_IN", "en_NZ", "en_SG")
OTHERS = (
    "ko_KR", "cs_CZ", "da_DK", "de_AT", "de_CH", "de_DE", "es_ES", "es_MX", "fi_FI", "fr_BE", "fr_CA", "fr_CH",
    "fr_FR", "hu_HU", "it_IT", "ja_JP", "nb_NO", "nl_BE", "nl_NL", "pl_PL", "pt_BR", "pt_PT", "sv_SE", "tr_TR",
    "uk_UA", "zh_CN", "zh_TW",
)  # fmt: skip
PLACES = ENGLISH + OTHERS
WORDS, NUMBERS, ISO = "words", "numbers", "iso"
MINUS = "−"
Figure = int | float | Decimal


@dataclass(frozen=True)
class Formats:
    """`place`: a Babel locale such as "de_DE", or "" for that of the language. `dates`: words, numbers or iso."""

    place: str = ""
    dates: str = WORDS


PLAIN = Formats()
_mine: ContextVar[Formats] = ContextVar("formats", default=PLAIN)


def formats_now() -> Formats:
    return _mine.get()


@contextmanager
def written_as(formats: Formats) -> Iterator[None]:
    """Within the block, pages write figures and dates like this. Mails do not ask: their readers are others."""
    token = _mine.set(formats)
    try:
        yield
    finally:
        _mine.reset(token)


def number_locale() -> Locale:
    """The locale of digits, separators and currency signs."""
    return _locale_of(_mine.get().place or get_language() or "en")


def word_locale() -> Locale:
    """The locale of months and weekdays: always of the page's language, in the reader's own variety of it."""
    language, place = get_language() or "en", _mine.get().place
    return _locale_of(place if place.startswith(f"{language}_") else language)


@lru_cache(maxsize=64)
def _locale_of(name: str) -> Locale:
    # English is written the British way unless somebody asks for another: day before month.
    return Locale("en", "GB") if name == "en" else Locale.parse(name.replace("-", "_"))


@lru_cache(maxsize=4)
def place_choices(language: str) -> tuple[tuple[str, str], ...]:
    """The places, by their names in a language, each with a number as it is written there."""
    of = {place: Locale.parse(place) for place in PLACES}
    said = {
        place: f"{there.get_display_name(language)}, {format_decimal(1240.5, '#,##0.00', there)}"
        for place, there in of.items()
    }
    return tuple(sorted(said.items(), key=itemgetter(1)))


def grouped(value: Figure, digits: int | None = None) -> str:
    """A number with grouped thousands and the real minus sign; without `digits` at most one decimal."""
    return _grouped(Decimal(str(value)), digits, number_locale())


@lru_cache(maxsize=8192)
def _grouped(value: Decimal, digits: int | None, locale: Locale) -> str:
    pattern = "#,##0.#" if digits is None else "#,##0" + ("." + "0" * digits if digits else "")
    rounded = value.quantize(Decimal(1).scaleb(-(1 if digits is None else digits)), ROUND_HALF_UP)
    printed = format_decimal(abs(rounded), format=pattern, locale=locale)
    return MINUS + printed if rounded < 0 else printed


class Count(int):
    """A number as its reader writes it, which a sentence can still choose between one and many by."""

    def __str__(self) -> str:
        return grouped(int(self))
