"""What follows for an uploaded file from names and states alone."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from crm.imports import rules as imports

# columns: a person says what they mean · checked: the dry run stands · the long work does what ends in -ing
COLUMNS, READING, CHECKED, APPLYING, APPLIED = "columns", "reading", "checked", "applying", "applied"
UNDOING, UNDONE, FAILED = "undoing", "undone", "failed"
AT_WORK = (READING, APPLYING, UNDOING)

NEW, UPDATED, UNCHANGED, REFUSED = "new", "updated", "unchanged", "refused"
OUTCOMES = (NEW, UPDATED, UNCHANGED, REFUSED)

MAX_BYTES = 200 << 20
MAX_ROWS, MAX_EVENTS = 1_000_000, imports.MOST_UNDOABLE_EVENTS
PIECE = 1 << 20
KEPT = timedelta(days=30)  # how long the rows of a file are kept
ENCODINGS = ("utf-8", "cp949", "cp1252", "latin-1", "utf-16")


def header_key(header: Sequence[str]) -> str:
    """By which the columns of a file are remembered: the same names in the same order, whatever their case."""
    return hashlib.sha256("\x1f".join(imports.plain_name(name) for name in header).encode()).hexdigest()


def guess(kind: str, header: Sequence[str], remembered: Mapping[str, str]) -> dict[int, str]:
    """Place in the header → our column: what was chosen the last time for such a header, else by name.

    Of two columns that go by the same name the first is taken; nothing is taken twice.
    """
    found: dict[int, str] = {}
    readings: tuple[Callable[[str], str], ...] = (
        lambda name: remembered.get(name, ""),
        lambda name: _ours(kind, name),
        lambda name: _goes_by(kind, name),
    )
    for means in readings:
        for place, name in enumerate(header):
            ours = means(imports.plain_name(name)) if place not in found else ""
            if ours and ours not in found.values():
                found[place] = ours
    return found


def _ours(kind: str, name: str) -> str:
    if kind == imports.ACCOUNTS and name.startswith("trait_"):
        return imports.TRAIT_PREFIX + name.removeprefix("trait_")
    return name if name in imports.KINDS[kind].columns else ""


def _goes_by(kind: str, name: str) -> str:
    return next((ours for ours, others in imports.KINDS[kind].columns.items() if name in others), "")


def trait_of(header: str) -> str:
    """The column under which a stranger's column becomes a trait: `Contract type` → `trait:contract_type`."""
    return imports.TRAIT_PREFIX + re.sub(r"^trait_", "", imports.plain_name(header))[:100]


def missing(kind: str, chosen: Sequence[str]) -> list[tuple[str, ...]]:
    """The groups of columns of which none was chosen, though one is needed."""
    return [group for group in imports.KINDS[kind].required if not set(group) & set(chosen)]


def share(done: int, of: int) -> int:
    """Progress in whole percent; 100 only when all is done."""
    return 100 if of and done >= of else min(99, done * 100 // of) if of else 0
