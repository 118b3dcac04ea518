"""CSV files that strangers made: opened, recognised and read row by row in bounded memory.

`recognise` reads the whole file once as bytes, so whatever would stop a reader in the middle (a broken gzip,
an endless line, a wrong encoding) is known before the first row is used.
"""

import codecs
import csv
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO


def _(text: str) -> str:
    """Mark a sentence for translation; whoever shows it translates it. Rules use this module without Django."""
    return text


BLOCK = 1 << 20
MAX_LINE = 1 << 20  # bytes
MAX_FIELD = 131_072  # characters
MAX_COLUMNS = 1_000
MAX_INFLATED = 16 << 30
MAX_RATIO = 250  # real tables shrink to a tenth or a fiftieth; a bomb to a thousandth
RATIO_FROM = 64 << 20  # below this size any ratio is harmless
DELIMITERS = ",;\t|"
NOT_ITS_ENCODING = _("The file says that it is {encoding}, but its bytes are not. Save it as UTF-8.")

_BAD_BYTE = re.compile("[\udc80-\udcff]")  # how surrogateescape marks a byte that is not UTF-8
_FOREIGN = re.compile("[^\x00-\x7f\udc80-\udcff]")
_HANGUL = re.compile("[\uac00-\ud7a3]")


class Unreadable(ValueError):
    """The whole file cannot be used; `reason` is the sentence, in English, that says why and how to mend it.

    In another language: `gettext(error.template).format(**error.values)`.
    """

    def __init__(self, template: str, **values: object) -> None:
        self.template, self.values = template, values
        self.reason = template.format(**values)
        super().__init__(self.reason)


@dataclass(frozen=True)
class Shape:
    """What was found out about a file. `guessed`: the encoding was not marked or proven by the bytes."""

    path: Path
    sha256: str
    encoding: str
    guessed: bool
    delimiter: str
    header: tuple[str, ...]


def recognise(path: Path, delimiter: str = "", encoding: str = "", *, blank_before: int = 0) -> Shape:
    """Read the file once and say how to read it; raises Unreadable for what cannot be read at all.

    `delimiter` and `encoding`: said by a person, so not guessed. `blank_before`: lines that may stand empty before
    the header, as in a workbook.
    """
    _must_be_a_file(path)
    try:
        found, guessed = _encoding(path)
        encoding, guessed = (encoding, False) if encoding else (found, guessed)
        digest = _sha256(path)
        with _text(path, encoding) as lines:
            first = lines.readline(MAX_LINE)
            for _blank in range(blank_before):
                if first.strip("\ufeff\r\n"):
                    break
                first = lines.readline(MAX_LINE)
    except UnicodeError as error:
        raise Unreadable(NOT_ITS_ENCODING, encoding=encoding) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Unreadable(_("The file is named or marked as gzip but is damaged or cut off. Copy it again.")) from error
    except OSError as error:
        raise Unreadable(_("The file cannot be read: {why}."), why=error.strerror or error) from error
    if not first.strip("\ufeff\r\n\t ,;|"):
        raise Unreadable(_("The file has no header: its first line must name the columns."))
    if "\0" in first:
        raise Unreadable(_("This is not a text file: its first line holds NUL bytes. Save the table as CSV."))
    shape = Shape(path, digest, encoding, guessed, delimiter or _delimiter(first), ())
    header = next((row for _line, row in records(shape)), [])
    if len(header) > MAX_COLUMNS:
        words = _("The header names {count} columns; at most {limit} can be read. Is the delimiter right?")
        raise Unreadable(words, count=len(header), limit=MAX_COLUMNS)
    return Shape(path, digest, encoding, guessed, shape.delimiter, tuple(name.strip() for name in header))


def records(shape: Shape, *, by_row: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, fields) of every row that is not blank, the header first; line is where the row begins.

    `by_row`: rows are counted instead, as in the workbook that the file was made of.
    """
    csv.field_size_limit(MAX_FIELD)
    with _text(shape.path, shape.encoding) as lines:
        reader = csv.reader(lines, delimiter=shape.delimiter, strict=True)
        line = 1
        try:
            for row in reader:
                if row:
                    yield line, row
                line = line + 1 if by_row else reader.line_num + 1
        except UnicodeError as error:
            raise Unreadable(NOT_ITS_ENCODING, encoding=shape.encoding) from error
        except csv.Error as error:
            raise Unreadable(_csv_words(error), line=line) from error


def _csv_words(error: csv.Error) -> str:
    said = str(error)
    if "unexpected end" in said:
        return _("Line {line}: a quotation mark is opened and never closed. Close it, or double it inside a text.")
    if "field larger" in said:
        return _("Line {line}: a cell is longer than 131,072 characters. Is a quotation mark not closed?")
    return _("Line {line}: a quotation mark stands inside a quoted text. Double it.")


def _must_be_a_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise Unreadable(_("{path} is a folder. Name a file."), path=path)
        if not path.exists():
            raise Unreadable(_("There is no file {path}."), path=path)
        if not path.is_file():
            raise Unreadable(_("{path} is not an ordinary file."), path=path)
        if path.stat().st_size == 0:
            raise Unreadable(_("The file is empty."))
        with path.open("rb") as raw:
            head = raw.read(4)
    except (OSError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(_("The file cannot be read: {why}."), why=getattr(error, "strerror", "") or error) from error
    if head.startswith(b"PK\x03\x04"):
        raise Unreadable(_("This is a ZIP or Excel file. Save the table as CSV."))
    if path.suffix.lower() == ".gz" and not head.startswith(b"\x1f\x8b"):
        raise Unreadable(_("The file is named .gz but is not gzip. Rename it, or compress it."))


def _bytes(path: Path) -> IO[bytes]:
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
    return io.BufferedReader(gzip.open(path, "rb"), BLOCK) if zipped else path.open("rb", buffering=BLOCK)


def _text(path: Path, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(_bytes(path), encoding, errors="surrogateescape", newline="")


def _sha256(path: Path) -> str:
    with path.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()


def _delimiter(header: str) -> str:
    """The candidate that occurs most often outside quotation marks in the header; a comma when none does."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(DELIMITERS, key=bare.count)


class _Tally:
    """Counts, block by block, what decides between encodings."""

    def __init__(self) -> None:
        self.utf8 = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self.korean: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("cp949")()
        self.bad = self.foreign = self.hangul = self.korean_foreign = 0
        self.windows = True

    def add(self, block: bytes, *, final: bool = False) -> None:
        if block.isascii() and not final and not self.utf8.getstate()[0]:
            return
        text = self.utf8.decode(block, final)
        self.bad += len(_BAD_BYTE.findall(text))
        self.foreign += len(_FOREIGN.findall(text))
        self.windows = self.windows and not any(byte in block for byte in b"\x81\x8d\x8f\x90\x9d")
        self._add_korean(block, final)

    def _add_korean(self, block: bytes, final: bool) -> None:
        if self.korean is None:
            return
        try:
            text = self.korean.decode(block, final)
        except UnicodeDecodeError:
            self.korean = None
            return
        self.hangul += len(_HANGUL.findall(text))
        self.korean_foreign += len(_FOREIGN.findall(text))

    def verdict(self) -> tuple[str, bool]:
        """(encoding, guessed). Mostly UTF-8 with a few bad bytes stays UTF-8: only those rows are refused."""
        if not self.bad:
            return "utf-8", False
        if self.foreign > self.bad:
            return "utf-8", True
        if self.korean is not None and self.hangul * 10 >= self.korean_foreign * 9:
            return "cp949", True
        return ("cp1252" if self.windows else "latin-1"), True


def _encoding(path: Path) -> tuple[str, bool]:
    tally = _Tally()
    packed, size, since_line_end = path.stat().st_size, 0, 0
    with _bytes(path) as raw:
        while block := raw.read(BLOCK):
            if not size and (marked := _marked(block)):
                tally, encoding = None, marked  # type: ignore[assignment]  # no guess is needed any more
            size += len(block)
            end = max(block.rfind(b"\n"), block.rfind(b"\r"))
            since_line_end = since_line_end + len(block) if end < 0 else len(block) - end
            if since_line_end > MAX_LINE:  # a line inside one block is no longer than the block
                words = _("A line is longer than {limit} bytes. Is this a CSV file with one row on each line?")
                raise Unreadable(words, limit=f"{MAX_LINE:,}")
            if size > MAX_INFLATED or (size > RATIO_FROM and size > packed * MAX_RATIO):
                raise Unreadable(_("The file inflates to far more than a table would. It is not read further."))
            if tally:
                tally.add(block)
    if not tally:
        return encoding, False
    tally.add(b"", final=True)
    return tally.verdict()


def _marked(block: bytes) -> str:
    """The encoding that a byte order mark states, or nothing."""
    if block.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    return "utf-16" if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else ""
