"""CSV files that we hand out: nothing in a cell can be a formula, whatever program opens it."""

import csv
from collections.abc import Iterable, Iterator, Sequence

# What makes a spreadsheet read a cell as a formula; a quote before it makes it text again (rules.md §8).
FORMULA = ("=", "+", "-", "@", "\t", "\r")
BOM = "\ufeff"


def neutral(value: object) -> str:
    """The cell's text. Numbers stay numbers, a minus too; a text that could be run is quoted."""
    if value is None:
        return ""
    text = str(value)
    if not isinstance(value, str) or not text.startswith(FORMULA) or _is_number(text):
        return text
    return f"'{text}"


def _is_number(text: str) -> bool:
    return text[:1] in "-+" and text[1:].replace(".", "", 1).isdigit() and text.isascii()


class _Line:
    """What csv.writer writes to: it gives the line back instead of keeping it."""

    def write(self, text: str) -> str:
        return text


def lines(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """The file line by line, marked as UTF-8, so that Excel reads Korean too."""
    writer = csv.writer(_Line())
    yield (BOM + writer.writerow(head)).encode()
    for row in rows:
        yield writer.writerow([neutral(cell) for cell in row]).encode()
