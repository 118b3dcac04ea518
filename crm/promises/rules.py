"""How a promise stands on a day: what follows from the rows that were appended to it. No Django, no clock, no rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

MADE, MOVED, REOPENED = "made", "moved", "reopened"
KEPT, BROKEN, WITHDRAWN = "kept", "broken", "withdrawn"
OPEN, OVERDUE = "open", "overdue"
# After each kind of row: what the promise is from that day on.
AFTER: Final = {MADE: OPEN, MOVED: OPEN, REOPENED: OPEN, KEPT: KEPT, BROKEN: BROKEN, WITHDRAWN: WITHDRAWN}


@dataclass(frozen=True)
class Change:
    """One row of a promise's history. Days are those of the account's zone; `due_on` is what is due from then on."""

    on: date
    kind: str
    due_on: date


@dataclass(frozen=True)
class Standing:
    """How a promise stands on a day: open, overdue, kept, broken or withdrawn, since when, and what was due.

    `late` days: how far behind the due day, while it is overdue or when it was kept; 0 in time.
    """

    state: str
    since: date
    due_on: date
    late: int = 0


def standing(changes: Iterable[Change], day: date) -> Standing | None:
    """How the promise stood at the end of `day`; None: it was not made yet. `changes` in the order of their rows.

    Of several rows on one day the last one holds. A promise is overdue from the day after it was due.
    """
    held = None
    for change in changes:
        if change.on <= day and (held is None or change.on >= held.on):
            held = change
    if held is None:
        return None
    state = AFTER[held.kind]
    reached = {OPEN: day, KEPT: held.on}.get(state, held.due_on)
    late = max((reached - held.due_on).days, 0)
    return Standing(OVERDUE if state == OPEN and late else state, held.on, held.due_on, late)
