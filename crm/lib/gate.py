"""The input gate: what JSON, CSV and forms may bring in (rules.md §8). Pure; the caller knows the time.

What passes here can be stored, listed, exported and scored. Each refusal is a sentence that says what is
wrong and how to mend it.
"""

import math
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any


def _(text: str) -> str:
    """Mark a sentence for translation; whoever shows it translates it. Rules use this module without Django."""
    return text


DEPTH = 20
KEY_LIMIT = 255
NUMBER_LIMIT = 2**53  # beyond it a float no longer tells whole numbers apart
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(hours=24)

NUL = _("A text holds the character NUL (\\u0000), which cannot be stored. Remove it.")
SURROGATE = _("A text holds half of a surrogate pair, which is no character. Send valid UTF-8.")
NOT_FINITE = _("A number is NaN or infinite. Send a finite number or leave the value out.")
TOO_BIG = _("A number is beyond ±9,007,199,254,740,992. Send it as text.")
TOO_DEEP = _("The values are nested more than {limit} levels deep. Flatten them.")
LONG_KEY = _("The name of a property is longer than {limit} characters. Shorten it.")
ODD_KEY = _("The name of a property is not a text.")
NOT_TEXT = _("A text was expected here.")
TOO_LONG = _("The text is longer than {limit} characters. Shorten it.")
NO_INSTANT = _("The time cannot be read. Send it as in 2026-11-21T09:30:00Z.")
TOO_EARLY = _("The time is before the year 2000.")
TOO_LATE = _("The time is more than 24 hours in the future.")

# Direction marks, embeddings, overrides and isolates: they make a name read as something else.
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# Control characters other than tab and line ends, which no spreadsheet can hold.
_STRIPPED = re.compile(f"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f{_BIDI}]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_EPOCH_IN_MILLISECONDS = 100_000_000_000  # as seconds this is the year 5138, as milliseconds 1973


class Reason(str):
    """A sentence in English that can be said in other languages too; of its values some may be Reasons themselves."""

    template: str
    values: dict[str, object]

    def __new__(cls, template: str, **values: object) -> "Reason":
        self = super().__new__(cls, template.format(**values) if values else template)
        self.template, self.values = template, values
        return self


def in_words(kept: dict[str, Any], say: Callable[[str], str]) -> str:
    """A reason kept as {template, values}, in the language of `say`; empty where none was."""
    if "template" not in kept:
        return ""
    values = {name: in_words(one, say) if isinstance(one, dict) else one for name, one in kept["values"].items()}
    return say(kept["template"]).format(**values) if values else say(kept["template"])


class Refused(ValueError):
    """Input that does not pass; `reason` is the sentence for whoever sent it, in English.

    A page in another language shows `gettext(error.template).format(**error.values)`.
    """

    def __init__(self, template: str, **values: object) -> None:
        self.template = template
        self.values = values
        self.reason = Reason(template, **values)
        super().__init__(self.reason)


def clean_text(value: object, limit: int) -> str:
    """Return the text in NFC without bidi and control characters and outer blanks, at most `limit` long."""
    if not isinstance(value, str):
        raise Refused(NOT_TEXT)
    if value.isascii() and value.isprintable():  # nearly all: nothing to normalise or strip
        text = value.strip()
    else:
        _check_characters(value)
        text = _STRIPPED.sub("", unicodedata.normalize("NFC", value)).strip()
    if len(text) > limit:
        raise Refused(TOO_LONG, limit=limit)
    return text


def _check_characters(text: str) -> None:
    if "\0" in text:
        raise Refused(NUL)
    if _SURROGATES.search(text):
        raise Refused(SURROGATE)


def check_value(obj: Any, *, depth: int = DEPTH, key_limit: int = KEY_LIMIT) -> None:
    """Raise Refused for the first thing in a parsed JSON value that could not be stored and used.

    An object or list counts as one level, so `{"a": {"b": 1}}` is two deep. Level by level instead of
    by recursion: depth is what the sender chose.
    """
    level = [obj]
    for _below in range(depth + 1):
        inner: list[Any] = []
        for value in level:
            kind = type(value)
            if kind is dict:
                for key in value:
                    _check_key(key, key_limit)
                inner.extend(value.values())
            elif kind is list:
                inner.extend(value)
            else:
                _check_scalar(value)
        if not inner:
            break
        level = inner
    else:
        raise Refused(TOO_DEEP, limit=depth)


def _check_key(key: object, limit: int) -> None:
    if not isinstance(key, str):
        raise Refused(ODD_KEY)
    if len(key) > limit:
        raise Refused(LONG_KEY, limit=limit)
    if not key.isascii() or "\0" in key:
        _check_characters(key)


def _check_scalar(value: object) -> None:
    if isinstance(value, str):
        if not value.isascii() or "\0" in value:
            _check_characters(value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise Refused(NOT_FINITE)
        if abs(value) > NUMBER_LIMIT:
            raise Refused(TOO_BIG)
    elif isinstance(value, int) and abs(value) > NUMBER_LIMIT:
        raise Refused(TOO_BIG)


def instant(value: object, *, now: datetime) -> datetime:
    """Return the time as UTC; raises Refused outside 2000 … now + 24 h. Text without a zone is taken as UTC."""
    at = read_instant(value)
    if at < EARLIEST:
        raise Refused(TOO_EARLY)
    if at > now + AHEAD:
        raise Refused(TOO_LATE)
    return at


def clamped(value: object, *, now: datetime) -> datetime:
    """Return the time as UTC, moved into 2000 … now + 24 h; raises Refused only for what is no time at all."""
    return min(max(read_instant(value), EARLIEST), now + AHEAD)


def read_instant(value: object) -> datetime:
    """Read ISO 8601 text, a datetime, or seconds or milliseconds since 1970 as UTC."""
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value.strip())
        elif isinstance(value, datetime):
            at = value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if abs(value) >= _EPOCH_IN_MILLISECONDS else value, UTC)
        else:
            raise Refused(NO_INSTANT)
    except (ValueError, OverflowError, OSError) as error:
        raise error if isinstance(error, Refused) else Refused(NO_INSTANT) from error
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC)
    try:
        return at.astimezone(UTC)
    except OverflowError:  # 9999-12-31T23:59:59-12:00 and its twin in the year 1
        return at.replace(tzinfo=UTC)
