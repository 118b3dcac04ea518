"""Time zones and languages as choices."""

from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from babel import Locale
from babel.localedata import locale_identifiers

# Old spellings and offsets without rules; nobody lives there.
_NO_PLACES = ("Etc/", "SystemV/", "posix/", "right/", "US/", "Canada/", "Brazil/", "Chile/", "Mexico/")


@cache
def zone_names() -> frozenset[str]:
    places = {name for name in available_timezones() if "/" in name and not name.startswith(_NO_PLACES)}
    return frozenset(places | {"UTC"})


@cache
def zone_choices() -> tuple[tuple[str, str], ...]:
    """(IANA name, readable name), UTC first."""
    ordered = ["UTC", *sorted(zone_names() - {"UTC"})]
    return tuple((name, name.replace("_", " ")) for name in ordered)


def zone_of(name: str) -> ZoneInfo:
    """The zone of that name; UTC when it is empty or nobody knows it."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


@cache
def language_codes() -> frozenset[str]:
    """Two- and three-letter codes of the languages that dates and numbers can be written in."""
    return frozenset(code for code in locale_identifiers() if code.isalpha() and len(code) <= 3 and code != "root")


@cache
def language_choices(language: str = "en") -> tuple[tuple[str, str], ...]:
    """(code, name) in the words of `language`, English and Korean first, then by name."""
    names = Locale.parse(language.replace("-", "_")).languages
    named = sorted(((code, names.get(code, code)) for code in language_codes()), key=lambda pair: pair[1].casefold())
    first = [pair for code in ("en", "ko") for pair in named if pair[0] == code]
    return tuple(first + [pair for pair in named if pair[0] not in ("en", "ko")])
