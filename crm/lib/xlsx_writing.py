"""Excel workbooks that we hand out, written row by row in constant memory; no cell is a formula."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from xlsxwriter import Workbook

from crm.lib.csv_writing import neutral

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
BLOCK = 1 << 16
LONGEST = 32_767  # characters that a cell holds
MOST_ROWS = 1_048_575  # below the head; what is more stands on another sheet
OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": True,
    "remove_timezone": True,
}


def workbook(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """The file block by block; it lies on disk until it is read."""
    with TemporaryDirectory(prefix="holdfast-export-") as folder:
        path = Path(folder) / "export.xlsx"
        _write(path, title, head, rows)
        with path.open("rb") as raw:
            while block := raw.read(BLOCK):
                yield block


def _write(path: Path, title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """As many sheets as the rows need, one at least."""
    with Workbook(str(path), OPTIONS) as book:
        formats = Formats(
            book.add_format({"bold": True}),
            book.add_format({"num_format": "yyyy-mm-dd"}),
            book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        )
        left = iter(rows)
        row, number = next(left, None), 1
        while number == 1 or row is not None:
            sheet = _sheet(book, title[:28] + (f" {number}" if number > 1 else ""), head, formats)
            for n in range(1, MOST_ROWS + 1):
                if row is None:
                    break
                _put(sheet, n, row, formats)
                row = next(left, None)
            number += 1


class Formats(NamedTuple):
    bold: Any
    day: Any
    moment: Any


def _sheet(book: Workbook, title: str, head: Sequence[str], formats: Formats) -> Any:
    sheet = book.add_worksheet(title)
    sheet.freeze_panes(1, 0)
    for place, name in enumerate(head):
        sheet.set_column(place, place, min(40, max(10, len(name) + 2)))
        sheet.write_string(0, place, name, formats.bold)
    return sheet


def _put(sheet: Any, n: int, row: Sequence[object], formats: Formats) -> None:
    for place, cell in enumerate(row):
        if isinstance(cell, bool) or cell is None or cell == "":
            sheet.write_string(n, place, "" if cell in (None, "") else neutral(cell))
        elif isinstance(cell, int | float | Decimal) and abs(float(cell)) < 2**53:
            sheet.write_number(n, place, float(cell))
        elif isinstance(cell, datetime):
            sheet.write_datetime(n, place, cell, formats.moment)
        elif isinstance(cell, date):
            sheet.write_datetime(n, place, datetime(cell.year, cell.month, cell.day), formats.day)  # noqa: DTZ001
        else:
            sheet.write_string(n, place, neutral(cell)[:LONGEST])
