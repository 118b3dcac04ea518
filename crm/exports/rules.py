"""What a list is that can be taken as a file, and how its rows become cells."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

Cell = str | Callable[[Any], object]  # the path of an attribute, or a function of the row


class Asked(NamedTuple):
    """Who asks for a list, the query of the page that shows it, and when."""

    user: Any
    state: Any  # a QueryDict
    now: datetime


class Table(NamedTuple):
    """The names of the columns, and the rows one by one as they are read."""

    head: Sequence[str]
    rows: Iterable[Sequence[object]]


class Unusable(Exception):
    """The list cannot be read as it is asked for, such as by a filter that names what is gone."""


@dataclass(frozen=True)
class Export:
    """A list that can be taken as a file by whoever may do all of `verbs`.

    `table` gives what the asking person sees, in the order of the page. `whole`: it is offered among all exports too.
    """

    key: str
    label: Any
    about: Any
    table: Callable[[Asked], Table]
    verbs: tuple[str, ...] = ("export",)
    whole: bool = True

    def allows(self, user: Any) -> bool:
        return all(user.may(verb) for verb in self.verbs)


EXPORTS: dict[str, Export] = {}


def register(export: Export) -> None:
    """Make a list known, in the order in which they are offered; apps do so from their apps.py."""
    assert export.key not in EXPORTS, f"two lists are called {export.key}"
    EXPORTS[export.key] = export


def tabled(rows: Iterable[Any], columns: Mapping[str, Cell]) -> Table:
    read = [attrgetter(cell) if isinstance(cell, str) else cell for cell in columns.values()]
    return Table(list(columns), ([plain(get(row)) for get in read] for row in rows))


def plain(value: object) -> object:
    """A value as the importer reads it again: yes and no, lists with semicolons; dates and numbers as they are."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return "; ".join(str(each) for each in value)
    return "" if value is None else value


def number_in(state: Any, name: str) -> int | None:
    """An id that an address names; None where it names none."""
    text = state.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
