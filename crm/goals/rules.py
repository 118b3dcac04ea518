"""How far a goal has come: what follows from its terms and one reading. No Django, no clock, no rows."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

SET, CHANGED, DROPPED, RESUMED = "set", "changed", "dropped", "resumed"
REACHED, ON_TRACK, BEHIND, MISSED, UNKNOWN = "reached", "on_track", "behind", "missed", "unknown"
WINDOW: Final = 28  # days of use that a feature's figure adds up


@dataclass(frozen=True)
class Terms:
    """What a goal asks for: from `baseline` to `target`, in either direction, between two days."""

    set_on: date
    due_on: date
    baseline: Decimal
    target: Decimal


def progress(terms: Terms, value: Decimal | None) -> Decimal | None:
    """Share of the way from the baseline to the target: 0 where it began, 1 when reached; None: nothing is measured.

    Below 0 it is farther away than at the beginning, above 1 it has gone beyond.
    """
    if value is None:
        return None
    return (value - terms.baseline) / (terms.target - terms.baseline)


def elapsed(terms: Terms, day: date) -> Decimal:
    """Share of the time that has passed, 0 to 1."""
    whole = (terms.due_on - terms.set_on).days
    return min(max(Decimal((day - terms.set_on).days) / whole, Decimal(0)), Decimal(1)) if whole > 0 else Decimal(1)


def standing(terms: Terms, value: Decimal | None, day: date) -> str:
    """In a word: reached, on track (as far as the time that has passed), behind, missed (past its day), or unknown."""
    share = progress(terms, value)
    if share is None:
        return UNKNOWN
    if share >= 1:
        return REACHED
    if day > terms.due_on:
        return MISSED
    return ON_TRACK if share >= elapsed(terms, day) else BEHIND
