"""Rows on their way in, what was refused of them, and which of them are equal."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crm.lib.gate import Reason


def _(text: str) -> str:
    """Mark a sentence for translation; whoever shows it translates it. Rules use this module without Django."""
    return text


MOST_UNDOABLE_EVENTS = 500_000  # beyond these an import of usage does not keep each event, which an undo needs


class Row(NamedTuple):
    """One row as it was read: `values` null when it is refused for `reason`. `line`: where it begins."""

    line: int
    cells: list[str]
    values: Any
    reason: str


class Event(NamedTuple):
    """A row of usage. `content` is what makes a row without a message id equal to another."""

    account: str
    user: str
    name: str
    at: datetime
    amount: int
    message: str
    content: str


class Refusal(NamedTuple):
    line: int
    cells: list[str]
    reason: str


class Taken(NamedTuple):
    """What became of one chunk. For usage, created are events counted now and unchanged those counted before."""

    created: int
    updated: int
    unchanged: int
    refused: list[Refusal]


def no_account(row: Row, external_id: str) -> Refusal:
    words = _("There is no account with the external id {account}. Import the accounts first.")
    return Refusal(row.line, row.cells, Reason(words, account=external_id))


def said(reason: str) -> dict[str, Any]:
    """The reason as it is kept to be said in other languages; of one that is a text and no more nothing."""
    if not isinstance(reason, Reason):
        return {}
    values = {
        name: said(one) if isinstance(one, Reason) else storable(str(one), 300) for name, one in reason.values.items()
    }
    return {"template": storable(reason.template, 1_000), "values": values}


def excerpt(header: tuple[str, ...], cells: list[str]) -> dict[str, str]:
    """A refused row as it can be stored: at most 50 cells of 200 characters, each storable."""
    names = [*header[:50], *(f"#{place + 1}" for place in range(len(header), 50))]
    return {storable(name, 80): storable(cell, 200) for name, cell in zip(names, cells[:50], strict=False)}


def storable(text: str, limit: int) -> str:
    """The text without NUL and lone surrogates, cut to `limit`: what the database and a terminal can hold."""
    return text[:limit].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


Hashes = npt.NDArray[np.int64]


@dataclass
class Repeats:
    """Numbers equal rows of a file 1, 2, 3 … so that each has an id of its own, in eight bytes a row.

    Python's keyed hash of the row tells candidates for equality; it lives for one process, like this object.
    """

    repeated: Hashes = field(default_factory=lambda: np.empty(0, np.int64))
    counts: dict[int, int] = field(default_factory=dict)

    @classmethod
    def among(cls, hashes: Hashes) -> "Repeats":
        """Sorts `hashes` in place."""
        hashes.sort()
        return cls(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]))

    def number(self, hashes: list[int]) -> list[int]:
        """The n-th repeat of each row of the next chunk, in the order of the file."""
        numbers = [1] * len(hashes)
        for place in np.flatnonzero(np.isin(np.array(hashes, np.int64), self.repeated)).tolist():
            key = hashes[place]
            self.counts[key] = numbers[place] = self.counts.get(key, 0) + 1
        return numbers
