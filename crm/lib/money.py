"""Currencies: which exist today (ISO 4217, from Babel's data), and their names for choice fields."""

from functools import cache

from babel.core import get_global
from babel.numbers import get_currency_name

# The ones most contracts are written in stand first in a list of a hundred and fifty.
COMMON = ("EUR", "USD", "GBP", "KRW", "JPY", "CHF")


@cache
def currency_codes() -> frozenset[str]:
    """The ISO 4217 codes that are legal tender somewhere today."""
    return frozenset(
        code
        for uses in get_global("territory_currencies").values()
        for code, _since, until, tender in uses
        if tender and until is None
    )


@cache
def currency_choices(language: str = "en") -> tuple[tuple[str, str], ...]:
    """(code, "EUR – Euro") in the words of `language`, common ones first, then by code."""
    locale = language.replace("-", "_")
    ordered = [*COMMON, *sorted(currency_codes() - set(COMMON))]
    return tuple((code, f"{code} – {get_currency_name(code, locale=locale)}") for code in ordered)
