"""Excel workbooks that strangers made, turned into CSV: in a process of its own, under limits of memory and time.

A workbook is a ZIP of XML, and its reader lays a sheet out as the rectangle that its cells span. So the whole of it
is looked through first, piece by piece: how far it unpacks, whether its XML declares anything, how far its cells
reach. Only then is it read.
"""

import csv
import json
import re
import resource
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from crm.lib.csv_files import MAX_COLUMNS, Unreadable


def _(text: str) -> str:
    """Mark a sentence for translation; whoever shows it translates it. Rules use this module without Django."""
    return text


BLOCK = 1 << 20
MAX_PARTS = 2_000
MAX_UNPACKED = 400 << 20
MAX_RATIO = 150  # sheets shrink to a tenth or a thirtieth; a bomb to a thousandth
RATIO_FROM = 16 << 20
MAX_CELLS = 6_000_000  # of the rectangle: 100,000 rows of 60 columns
MEMORY, SECONDS = 2 << 30, 90

_CELL = re.compile(rb"\sr\s*=\s*[\"']\s*([A-Za-z]{1,7})([0-9]{1,9})\s*[\"']")
_ROW = re.compile(rb"<(?:\w+:)?row\s[^>]{0,400}?\br\s*=\s*[\"']\s*([0-9]{1,18})")
_DECLARED = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_TAIL = 600  # what two blocks share, so that nothing hides at their border

BROKEN = _("The Excel file is damaged or cut off. Open it in a spreadsheet and save it again.")
TOO_BIG = _("The Excel file unpacks to far more than a table would. It is not read further; save the table as CSV.")


def is_workbook(head: bytes) -> bool:
    return head.startswith(b"PK\x03\x04")


def write_csv(source: Path, target: Path) -> list[str]:
    """Write the first sheet that holds anything to `target`, as UTF-8 with commas; returns the names of all such.

    Row n of the sheet is record n of the file. Raises Unreadable.
    """
    run = subprocess.run(
        [sys.executable, "-m", "crm.lib.xlsx_files", str(source), str(target)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        timeout=SECONDS + 30,
        check=False,
    )
    try:
        said: dict[str, Any] = json.loads(run.stdout)
    except ValueError:
        raise Unreadable(BROKEN) from None
    if "template" in said:
        raise Unreadable(said["template"], **said["values"])
    return list(said["sheets"])


def look_through(path: Path) -> None:
    """Raise Unreadable for what must not be read: bombs, declared entities, cells beyond what a table needs."""
    try:
        with zipfile.ZipFile(path) as book:
            _check_parts(book)
            unpacked, packed = 0, path.stat().st_size
            for part in book.infolist():
                for block, before in _blocks(book, part):
                    unpacked += len(block)
                    if unpacked > MAX_UNPACKED or (unpacked > RATIO_FROM and unpacked > packed * MAX_RATIO):
                        raise Unreadable(TOO_BIG)
                    if part.filename.lower().endswith((".xml", ".rels", ".vml")):
                        _check_xml(block, before)
                if part.filename.startswith("xl/worksheets/"):
                    _check_reach(book, part)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(BROKEN) from error


def _check_parts(book: zipfile.ZipFile) -> None:
    parts = book.infolist()
    if len(parts) > MAX_PARTS:
        raise Unreadable(TOO_BIG)
    if any(part.flag_bits & 1 for part in parts):
        raise Unreadable(_("The Excel file is protected by a password. Save it without one."))
    names = {part.filename for part in parts}
    if "xl/workbook.xml" not in names:
        raise Unreadable(_("This is a ZIP file, but not an Excel workbook (.xlsx). Upload the table itself."))
    if len(names) < len(parts):
        raise Unreadable(BROKEN)  # two parts of one name: readers disagree about which of them counts


def _blocks(book: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[tuple[bytes, bytes]]:
    """Each block of the part, with the end of the one before it."""
    before = b""
    with book.open(part) as raw:
        while block := raw.read(BLOCK):
            yield block, before
            before = (before + block)[-_TAIL:]


def _check_xml(block: bytes, before: bytes) -> None:
    if not before and block.startswith((b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")):
        raise Unreadable(BROKEN)  # nobody writes these in UTF-16, except to hide something from a search
    if _DECLARED.search(before + block):
        raise Unreadable(_("The Excel file declares entities of its own, which no table needs. It is not read."))


def _check_reach(book: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    width = height = 0
    for block, before in _blocks(book, part):
        text = before + block
        for letters, number in _CELL.findall(text):
            width, height = max(width, _column(letters)), max(height, int(number))
        height = max(height, *map(int, _ROW.findall(text)), 0)
        if width > MAX_COLUMNS:
            words = _("The sheet has {count} columns; at most {limit} can be read. Delete what stands far right.")
            raise Unreadable(words, count=width, limit=MAX_COLUMNS)
        if height * max(width, 1) > MAX_CELLS:
            words = _("The sheet spans {count} cells; at most {limit} can be read. Save the table as CSV instead.")
            raise Unreadable(words, count=f"{height * max(width, 1):,}", limit=f"{MAX_CELLS:,}")


def _column(letters: bytes) -> int:
    place = 0
    for letter in letters.upper():
        place = place * 26 + letter - 64
    return place


def _convert(source: Path, target: Path) -> list[str]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(str(source))
        filled = []
        for name in book.sheet_names:
            sheet = book.get_sheet_by_name(name)
            if sheet.height and sheet.width:
                filled.append(name)
                if len(filled) == 1:
                    _write(sheet, target)
    except (CalamineError, OSError) as error:
        raise Unreadable(BROKEN) from error
    if not filled:
        raise Unreadable(_("The Excel file has no sheet with anything in it."))
    return filled


def _write(sheet: Any, target: Path) -> None:
    with target.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
        writer = csv.writer(out)
        for row in sheet.iter_rows():  # from the first row of the sheet on, however far down the table begins
            cells = [_text(cell) for cell in row]
            # A blank row stays one, so that rows keep their numbers.
            writer.writerow(cells) if any(cells) else out.write("\r\n")


def _text(cell: object) -> str:
    """The cell as a CSV would have it: days year first, whole numbers without a point."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell.total_seconds()) if isinstance(cell, timedelta) else str(cell)


def _main(source: str, target: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    try:
        look_through(Path(source))
        said: dict[str, Any] = {"sheets": _convert(Path(source), Path(target))}
    except Unreadable as error:
        said = {"template": error.template, "values": error.values}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    _main(*sys.argv[1:])
