"""How the cells of strangers read: names, dates, instants, numbers, and what type a trait may have."""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal

MICRO = 1_000_000


def plain_name(header: str) -> str:
    """A header as it is compared: `Account ID` and `account-id` are `account_id`."""
    return re.sub(r"[^\w]+", "_", header.strip().casefold()).strip("_")


def key_of(name: str) -> str:
    """A name as a key of Latin letters, digits and hyphens; without any, a number that stays its own."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    key = re.sub(r"[^\w]+", "-", plain.strip().casefold()).strip("-")
    return key[:80] or f"feature-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def unguarded(cell: str) -> str:
    """Take off the apostrophe that our exports put before what a spreadsheet would run as a formula."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in "=+-@\t\r" and cell[1:2] else cell


_YEAR_FIRST = re.compile(r"(\d{4})\s*[-/.년]\s*(\d{1,2})\s*[-/.월]\s*(\d{1,2})\s*[.일]?", re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})", re.ASCII)


class Ambiguous(ValueError):
    """A date such as 03-04-2025, which is one day in Paris and another in Boston."""


def read_date(text: str, order: str = "") -> date:
    """Read a date; year-first always, else by `order` (dmy or mdy) or when only one reading exists.

    Raises Ambiguous for two readings, ValueError for none. A time of day may follow and must be midnight.
    """
    day_text, clock = _split(text)
    if clock and clock != time():
        raise ValueError(text)
    return _day(day_text, order)


def read_instant(text: str, order: str = "") -> datetime:
    """Read a date with an optional time of day, or seconds or milliseconds since 1970.

    Without a zone it stays naive. Raises as `read_date` does.
    """
    if text.isdigit() and text.isascii() and len(text) in (10, 13):  # else 13 digits might read as the year 1700
        return datetime.fromtimestamp(int(text) / (1 if len(text) == 10 else 1000), UTC)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        day_text, clock = _split(text)
        return datetime.combine(_day(day_text, order), clock or time())


def _split(text: str) -> tuple[str, time | None]:
    if len(text) > 64:
        raise ValueError(text[:64])
    found = re.fullmatch(r"(.*?\d[.일]?)[T ]+(\d{1,2}:\d{2}\S*)", text.strip())
    if not found:
        return text.strip(), None
    clock = found[2] if found[2][2] == ":" else f"0{found[2]}"
    return found[1], time.fromisoformat(clock)


def _day(text: str, order: str) -> date:
    if text.isascii() and text.isdigit() and len(text) == 8:
        return date.fromisoformat(text)
    if found := _YEAR_FIRST.fullmatch(text):
        return date(int(found[1]), int(found[2]), int(found[3]))
    found = _YEAR_LAST.fullmatch(text)
    if not found:
        raise ValueError(text)
    first, second, year = int(found[1]), int(found[2]), int(found[3])
    if not order and first <= 12 and second <= 12 and first != second:
        raise Ambiguous(text)
    day_first = order == "dmy" or (not order and first > 12)
    return date(year, second, first) if day_first else date(year, first, second)


def is_day_first(text: str) -> bool | None:
    """What a date such as 25-03-2025 gives away about the order of its file; None: nothing, or it is no such date."""
    found = _YEAR_LAST.fullmatch(text.strip().split(" ")[0])
    if not found or (int(found[1]) > 12) == (int(found[2]) > 12):
        return None
    return int(found[1]) > 12


_NUMBER = re.compile(r"[+-]?\d{1,24}(\.\d{1,24})?([eE][+-]?\d{1,2})?", re.ASCII)


def read_number(text: str) -> Decimal:
    """Read a number with a decimal point and without thousands marks; ValueError otherwise (NaN, 1,234.5)."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return Decimal(text)


def millionths(value: Decimal) -> int:
    """An amount in whole millionths, half up: what usage days add."""
    return int((value * MICRO).quantize(Decimal(1), ROUND_HALF_UP))


def _is_number(text: str) -> bool:
    # 007 is an identifier: as a number it would lose its zeros.
    return bool(_NUMBER.fullmatch(text)) and not re.match(r"[+-]?0\d", text)


def _is_flag(text: str) -> bool:
    return text.lower() in ("true", "false", "yes", "no")


def _is_date(text: str) -> bool:
    try:
        read_date(text)
    except ValueError:
        return False
    return True


# From narrow to wide; what fits none of them is text.
TRAIT_TESTS: dict[str, Callable[[str], bool]] = {"number": _is_number, "flag": _is_flag, "date": _is_date}
