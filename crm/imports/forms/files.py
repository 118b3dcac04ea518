"""One file, opened and read through once before anything is written: what it holds, and whether all can be read."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from crm.imports import rules
from crm.imports.forms.columns import Layout, lay_out
from crm.imports.forms.events import content_reader, event_reader
from crm.imports.forms.rows import Cleaner
from crm.imports.queries import Known
from crm.lib.csv_files import Shape, Unreadable, recognise, records
from crm.lib.gate import Refused

MAX_EVENTS = 20_000_000  # eight bytes each are held to tell equal rows apart


@dataclass(frozen=True)
class Order:
    """What is asked for: a kind of row, a file, and what the file itself does not say."""

    kind: str
    path: Path
    columns: Mapping[str, str]
    preset: str = ""
    delimiter: str = ""
    date_order: str = ""
    users_per_account: bool = False


@dataclass(frozen=True)
class Table:
    """A file that can be read to its end. `trait_types`: the type that fits every value of each trait column."""

    shape: Shape
    layout: Layout
    rows: int
    repeats: rules.Repeats
    trait_types: Mapping[str, str]

    def read(self, known: Known, *, now: datetime) -> Iterator[rules.Row]:
        """Every row with its values or its reason, in the order of the file."""
        rows = records(self.shape)
        next(rows, None)
        return read_rows(rows, self.layout, known, now=now)


def read_rows(
    rows: Iterable[tuple[int, list[str]]], layout: Layout, known: Known, *, now: datetime
) -> Iterator[rules.Row]:
    """(line, cells) as rows with their values, or the reason for which they are refused."""
    clean: Callable[[list[str]], Any]
    clean = event_reader(layout, now=now) if layout.kind == rules.EVENTS else Cleaner(layout, known).clean
    for line, cells in rows:
        try:
            yield rules.Row(line, cells, clean(cells), "")
        except Refused as error:
            yield rules.Row(line, cells, None, error.reason)


def reason_of(error: Refused | Unreadable) -> str:
    """Why, in the language of whoever asks. The gate's sentences are in English until here."""
    words = _(error.template)
    return words.format(**error.values) if error.values else words


def open_table(order: Order) -> Table:
    """Recognise the file, find its columns and read it once; raises Unreadable, and writes nothing."""
    shape = recognise(order.path, order.delimiter)
    layout = lay_out(order.kind, shape.header, columns=order.columns, preset=order.preset)
    layout = layout.with_order(order.date_order, users_per_account=order.users_per_account)
    survey = Survey(layout)
    rows = records(shape)
    next(rows, None)
    for line, row in rows:
        survey.add(line, row)
    if survey.unclear:
        words = _(
            "Line {line}, column {column}: {text} can be read as two days. "
            "Say --date-order dmy (day first) or --date-order mdy (month first)."
        )
        raise Unreadable(words, **survey.unclear)
    return Table(shape, layout, survey.rows, survey.repeats(), survey.trait_types())


class Survey:
    """What the first reading finds out: rows, equal ones among them, the types of traits, unclear dates."""

    def __init__(self, layout: Layout) -> None:
        self.layout, self.width, self.rows = layout, len(layout.header), 0
        self.dates = [layout.places[name] for name in rules.KINDS[layout.kind].dates if name in layout.places]
        self.hashes = array("q")
        self.content = content_reader(layout) if layout.kind == rules.EVENTS else None
        self.fits = {name: set(rules.TRAIT_TESTS) for name in layout.traits}
        self.filled: set[str] = set()
        # The first date that reads as two days, and the first that can be read in one order only.
        self.unclear: dict[str, Any] = {}
        self.gives_away: dict[str, Any] = {}

    def add(self, line: int, row: list[str]) -> None:
        self.rows += 1
        if len(row) != self.width:
            return  # refused with its reason when it is read
        for place in self.dates:
            if not row[place][:4].isdigit():  # else the year comes first
                self._check_date(line, place, row[place])
        if self.content:
            if self.rows > MAX_EVENTS:
                raise Unreadable(_("The file has more than {limit} events. Split it."), limit=f"{MAX_EVENTS:,}")
            self.hashes.append(hash(self.content(row)))
        for name in self.fits:
            self._check_trait(name, row[self.layout.places[name]].strip())

    def _check_date(self, line: int, place: int, text: str) -> None:
        text = rules.unguarded(text.strip())
        where = {"line": line, "column": self.layout.header[place], "text": text[:40]}
        try:
            rules.read_instant(text, self.layout.date_order)
        except rules.Ambiguous:
            self.unclear = self.unclear or where
        except (ValueError, OverflowError):
            return  # the row will be refused with its reason
        if not self.gives_away and (order := rules.is_day_first(text)) is not None:
            self.gives_away = where | {"day_first": order}

    def _check_trait(self, name: str, text: str) -> None:
        if text and self.fits[name]:
            self.filled.add(name)
            self.fits[name] = {kind for kind in self.fits[name] if rules.TRAIT_TESTS[kind](text)}

    def repeats(self) -> rules.Repeats:
        return rules.Repeats.among(np.frombuffer(self.hashes, np.int64) if self.hashes else np.empty(0, np.int64))

    def trait_types(self) -> dict[str, str]:
        """The narrowest type of each trait with a value; text when nothing narrower fits."""
        return {
            name: next((kind for kind in rules.TRAIT_TESTS if kind in self.fits[name]), "text") for name in self.filled
        }
