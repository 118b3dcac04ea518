"""Public holidays of countries and their parts, as the package `holidays` knows them, with substitute days."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import holidays

from crm.lib.working_hours import Span

# The first and last year for which anybody is answered; the package itself ends where calendars of the moon do.
FIRST_YEAR, LAST_YEAR = 2000, 2050


# Monday to Friday, nine to five.
OFFICE_WEEK: tuple[Span, ...] = ((540, 1020),) * 5 + (None, None)
AHEAD, BACK = 2, 3  # years for which public holidays are written down, from the one that it is


@lru_cache(maxsize=1)
def regions() -> dict[str, tuple[str, ...]]:
    """ISO 3166 code of each known country → the codes of its parts that have holidays of their own."""
    return {
        country: tuple(parts)
        for country, parts in sorted(holidays.list_supported_countries(include_aliases=False).items())
    }


def is_known(country: str, part: str = "") -> bool:
    return country in regions() and (not part or part in regions()[country])


@lru_cache(maxsize=256)
def public_holidays(country: str, part: str, year: int) -> dict[date, str]:
    """The public holidays of a year by their names in English; half days and days of some trades alone are not in it.

    Korea's include Seollal and Chuseok with the days beside them, elections and what is given in their stead
    (대체공휴일); Germany's depend on the Land. An unknown place has none.
    """
    if not is_known(country, part):
        return {}
    found = holidays.country_holidays(country, subdiv=part or None, years=[year], language=_language(country))
    return dict(sorted(found.items()))


def _language(country: str) -> str | None:
    known = holidays.country_holidays(country).supported_languages
    return next((language for language in ("en_US", "en_GB", "en") if language in known), None)


def free_days(country: str, part: str, years: Iterable[int]) -> frozenset[date]:
    return frozenset(day for year in years for day in public_holidays(country, part, year))


@dataclass(frozen=True)
class Entry:
    """A day of our own in a calendar; `uid` of the event that it came from, empty: by hand."""

    uid: str
    day: date
    name: str
    free: bool = True


@dataclass(frozen=True)
class Changes:
    """What entering a file does. `taken` stay as they are: the day was entered by hand, or by another event."""

    new: list[Entry]
    changed: list[Entry]
    gone: list[Entry]
    same: list[Entry]
    taken: list[Entry]


def changes(held: Iterable[Entry], wanted: Iterable[Entry], today: date) -> Changes:
    """Compare the days of our own with those of a file. What is known by its UID follows the file; past days stay."""
    found = Changes([], [], [], [], [])
    by_day = {each.day: each for each in held}
    uids, days = set[str](), set[date]()
    for each in sorted(wanted, key=lambda one: (one.day, one.uid)):
        uids.add(each.uid)
        there = by_day.get(each.day)
        if each.day in days or (there and there.uid != each.uid):
            found.taken.append(each)
            continue
        days.add(each.day)
        (found.new if there is None else found.same if there == each else found.changed).append(each)
    found.gone.extend(
        each for each in by_day.values() if each.uid in uids and each.day not in days and each.day >= today
    )
    return found


def kept_years(year: int) -> range:
    """The years whose holidays stand in the table when it is `year`."""
    return range(max(FIRST_YEAR, year - BACK), min(LAST_YEAR, year + AHEAD) + 1)
