"""Files that want to do harm, or were simply ruined: name → (file name, bytes, what happens to them).

What happens is a part of the sentence under which the file is refused whole, or of the reason of its only bad row.
"""

import gzip
import io
import zipfile
from collections.abc import Iterator
from functools import cache

WHOLE, ROW, TAKEN = "the file", "the row", "taken"
Case = tuple[str, str, bytes, str, str]

_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="r1" Type="{_OFFICE}/{{kind}}" Target="{{target}}"/></Relationships>'
)
_BOOK = (
    '<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    f'xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>'
)
_SHEET = '<?xml version="1.0"?>{before}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>'


def cell(at: str, text: str) -> str:
    return f'<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>'


HEADER = f'<row r="1">{cell("A1", "id")}{cell("B1", "name")}</row>'
BILLION = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{("&" + chr(97 + n) + ";") * 10}">' for n in range(10)
)


def workbook(rows: str, before: str = "", more: dict[str, bytes] | None = None, sheet: bytes | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", _TYPES)
        book.writestr("_rels/.rels", _RELS.format(kind="officeDocument", target="xl/workbook.xml"))
        book.writestr("xl/workbook.xml", _BOOK)
        book.writestr("xl/_rels/workbook.xml.rels", _RELS.format(kind="worksheet", target="worksheets/sheet1.xml"))
        book.writestr("xl/worksheets/sheet1.xml", sheet or _SHEET.format(before=before, rows=rows))
        for name, data in (more or {}).items():
            book.writestr(name, data)
    return out.getvalue()


def packed(names: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        for name, data in names.items():
            book.writestr(name, data)
    return out.getvalue()


def whole_csv() -> Iterator[Case]:
    """CSV files that cannot be read at all."""
    nul = "NUL bytes"
    yield "empty", "a.csv", b"", WHOLE, "empty"
    yield "only blank lines", "a.csv", b"\n\n\n", WHOLE, "no header"
    yield "only delimiters", "a.csv", b",,,,\n1,2,3,4,5\n", WHOLE, "no header"
    yield "a picture", "a.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, WHOLE, ""
    yield "a program", "a.csv", b"MZ\x90\0\x03\0\0\0" + b"\0" * 500 + b"\n", WHOLE, nul
    yield "NUL in the header", "a.csv", b"id,na\0me\na,A\n", WHOLE, nul
    yield "a million columns", "a.csv", b"id," + b"c," * 400_000 + b"\na\n", WHOLE, "columns"
    yield (
        "more bytes in a line than a line has",
        "a.csv",
        b"id,name\na," + b"x" * 2_200_000 + b"\n",
        WHOLE,
        "longer than",
    )
    yield "a 10 MB cell", "a.csv", b'id,name\na,"' + b"x\n" * 5_000_000 + b'"\n', WHOLE, "131,072"
    yield "a quote never closed", "a.csv", b'id,name\na,"Alpha\nb,Beta\n', WHOLE, "never closed"
    yield "a quote in the header never closed", "a.csv", b'id,"name\na,Alpha\n', WHOLE, "never closed"
    yield "a quote inside a quoted text", "a.csv", b'id,name\na,"Al"pha"\n', WHOLE, "Double it"
    yield "gz in name only", "a.csv.gz", b"id,name\na,A\n", WHOLE, "not gzip"
    yield "gz cut off", "a.csv.gz", gzip.compress(b"id,name\n" + b"a,Alpha\n" * 9_000)[:-40], WHOLE, "damaged"
    yield "gz damaged", "a.csv.gz", gzip.compress(b"id,name\na,A\n")[:12] + b"\xff" * 30, WHOLE, "damaged"
    yield "gz of nothing", "a.csv.gz", gzip.compress(b""), WHOLE, "no header"
    yield "gz bomb", "a.csv.gz", gzip.compress(b"id,name\n" + b"\n" * (70 << 20)), WHOLE, "inflates"
    yield "gz in gz", "a.csv.gz", gzip.compress(gzip.compress(b"id,name\na,A\n")), WHOLE, ""
    yield "UTF-16 with half a character", "a.csv", b"\xff\xfei\0d\0\n\0\0\xd8\n\0", WHOLE, "utf-16"
    yield "UTF-16 cut off", "a.csv", "id,name\na,Alpha\n".encode("utf-16")[:-1], WHOLE, "utf-16"
    yield "UTF-32", "a.csv", "id,name\na,Alpha\n".encode("utf-32"), WHOLE, ""


def whole_workbooks() -> Iterator[Case]:
    """Workbooks that are not read."""
    book = workbook(HEADER + f'<row r="2">{cell("A2", "a")}</row>')
    outside = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    yield "a zip of something", "a.xlsx", packed({"hello.txt": b"hello"}), WHOLE, "not an Excel workbook"
    yield "an empty zip", "a.xlsx", packed({}) + b"", WHOLE, ""
    yield "a zip cut off", "a.xlsx", book[: len(book) // 2], WHOLE, "damaged"
    yield "a zip with its end overwritten", "a.xlsx", book[:-60] + b"\0" * 60, WHOLE, "damaged"
    yield "PK and nothing", "a.xlsx", b"PK\x03\x04", WHOLE, "damaged"
    yield "old Excel", "a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, WHOLE, "old Excel"
    yield "old Excel named xlsx", "a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, WHOLE, "old Excel"
    yield (
        "external entity",
        "a.xlsx",
        workbook(HEADER + f'<row r="2">{cell("A2", "&e;")}</row>', outside),
        WHOLE,
        "entities",
    )
    yield (
        "external entity over the network",
        "a.xlsx",
        workbook(HEADER, outside.replace("file:///etc/passwd", "http://127.0.0.1:9/x")),
        WHOLE,
        "entities",
    )
    yield (
        "billion laughs",
        "a.xlsx",
        workbook(HEADER + f'<row r="2">{cell("A2", "&k;")}</row>', BILLION + "]>"),
        WHOLE,
        "entities",
    )
    yield (
        "parameter entity",
        "a.xlsx",
        workbook(HEADER, '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]>'),
        WHOLE,
        "entities",
    )
    yield (
        "entities behind a megabyte",
        "a.xlsx",
        workbook(HEADER, "<!--" + "x" * ((1 << 20) - 300) + "-->" + outside),
        WHOLE,
        "entities",
    )
    yield "entities in lower case", "a.xlsx", workbook(HEADER, outside.lower()), WHOLE, "entities"
    yield (
        "entities in shared strings",
        "a.xlsx",
        workbook(HEADER, more={"xl/sharedStrings.xml": outside.encode() + b"<sst/>"}),
        WHOLE,
        "entities",
    )
    yield (
        "entities in the relations",
        "a.xlsx",
        workbook(HEADER, more={"xl/x.rels": outside.encode()}),
        WHOLE,
        "entities",
    )
    yield (
        "XML in UTF-16",
        "a.xlsx",
        workbook("", sheet=_SHEET.format(before=outside, rows=HEADER).encode("utf-16")),
        WHOLE,
        "damaged",
    )
    yield "a zip bomb", "a.xlsx", workbook(HEADER, more={"xl/media/a.bin": b"\0" * (60 << 20)}), WHOLE, "unpacks"
    yield "a bomb in the sheet", "a.xlsx", workbook(HEADER + " " * (60 << 20)), WHOLE, "unpacks"
    yield "ten thousand parts", "a.xlsx", workbook(HEADER, more={f"x/{n}": b"" for n in range(3_000)}), WHOLE, "unpacks"
    yield (
        "a cell at the far corner",
        "a.xlsx",
        workbook(HEADER + f'<row r="1048576">{cell("XFD1048576", "x")}</row>'),
        WHOLE,
        "columns",
    )
    yield (
        "a cell far down",
        "a.xlsx",
        workbook(HEADER + f'<row r="99999999">{cell("B99999999", "x")}</row>'),
        WHOLE,
        "cells",
    )
    yield (
        "a row far down, its cells without a place",
        "a.xlsx",
        workbook(HEADER + '<row r="4000000000"><c><v>1</v></c></row>'),
        WHOLE,
        "cells",
    )
    yield "a column beyond all", "a.xlsx", workbook(f'<row r="1">{cell("ZZZZZZ1", "x")}</row>'), WHOLE, "columns"
    yield (
        "a column in odd quotes",
        "a.xlsx",
        workbook("<row r='1'><c r = 'XFD1' t='inlineStr'><is><t>x</t></is></c></row>"),
        WHOLE,
        "columns",
    )
    yield "no cell at all", "a.xlsx", workbook(""), WHOLE, "no sheet"
    yield "XML that ends in the middle", "a.xlsx", workbook("", sheet=b"<worksheet><sheetData><row r="), WHOLE, ""
    yield "a sheet that is not there", "a.xlsx", packed({"xl/workbook.xml": _BOOK.encode()}), WHOLE, "damaged"


def rows() -> Iterator[Case]:
    """Rows that are refused, each with its reason, beside a good one that is taken."""
    head, good = b"id,name,since,domains,language,trait:n\n", b"good,Good,,,,\n"

    def bad(name: str, row: bytes, words: str) -> Case:
        return name, "a.csv", head + good + row + b"\n", ROW, words

    yield bad("NUL in a cell", b"a,Al\0pha,,,,", "NUL")
    yield bad("a broken byte in UTF-8", "ünïcödé-ïs-hérè,Ünï ".encode() + b"\xff,,,,", "surrogate")
    yield bad("a lone surrogate, spelled out", "ééééé,é".encode() + b"\xed\xa0\x80,,,,", "surrogate")
    yield bad("an overlong form", "éééééé,é".encode() + b"\xc0\xaf,,,,", "surrogate")
    yield bad("two encodings in one file", "éééééé,".encode() + b"caf\xe9,,,,", "surrogate")
    yield bad("too few cells", b"a,Alpha", "cells")
    yield bad("too many cells", b"a,Alpha,,,,,,,", "cells")
    yield bad("no id", b",Alpha,,,,", "external_id is empty")
    yield bad("an id of blanks", b"   ,Alpha,,,,", "external_id is empty")
    yield bad("an id of marks that nobody sees", "\u202e\u200f,Alpha,,,,".encode(), "external_id is empty")
    yield bad("an id beyond the limit", b"i" * 300 + b",Alpha,,,,", "255")
    yield bad("a name beyond the limit", b"a," + b"n" * 300 + b",,,,", "255")
    yield bad("year 9999", b"a,Alpha,9999-12-31,,,", "outside the years")
    yield bad("year 1", b"a,Alpha,0001-01-01,,,", "outside the years")
    yield bad("year 0", b"a,Alpha,0000-01-01,,,", "not a date")
    yield bad("the 30th of February", b"a,Alpha,2025-02-30,,,", "not a date")
    yield bad("a month 13", b"a,Alpha,2025-13-01,,,", "not a date")
    yield bad("a day written out", b"a,Alpha,yesterday,,,", "not a date")
    yield bad("a day without end", b"a,Alpha," + b"1" * 5_000 + b",,,", "not a date")
    yield bad("Arabic digits", "a,Alpha,٢٠٢٥-٠١-٠١,,,".encode(), "not a date")
    yield bad("a domain with a script", b"a,Alpha,,javascript:alert(1),,", "not a domain")
    yield bad("a domain as a path", b"a,Alpha,,../../etc/passwd,,", "not a domain")
    yield bad("a language nobody speaks", b"a,Alpha,,,klingon,", "not a language code")
    yield bad("SQL for a language", b"a,Alpha,,,';DROP TABLE crm_account;--,", "language")
    yield bad("a domain of one word", b"a,Alpha,,localhost,,", "not a domain")


def taken() -> Iterator[Case]:
    """Odd, but data: taken as it stands, and harmless wherever it goes."""
    for name, value in {
        "a formula": "=1+1",
        "a formula that runs": "=cmd|' /C calc'!A0",
        "a formula behind a plus": "+SUM(A1)",
        "a formula behind a minus": "-2+3",
        "a formula behind an at": "@SUM(A1)",
        "HYPERLINK": '=HYPERLINK(""http://evil.example"",""x"")',
        "a script": "<script>alert(1)</script>",
        "a template": "{{ 7*7 }}{% include 'x' %}",
        "a format": "%(name)s %s {0} {name}",
        "SQL": "'; DROP TABLE crm_account; --",
        "NaN": "NaN",
        "Infinity": "Infinity",
        "an emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467",
        "a combining mark": "e\u0301",
        "a byte order mark inside": "A\ufeffB",
        "right to left": "\u05e9\u05dc\u05d5\u05dd",
        "a path": "../../../etc/passwd",
        "a very long word": "x" * 255,
    }.items():
        yield name, "a.csv", f'id,name\ngood,"{value}"\n'.encode(), TAKEN, ""
    yield "blank lines between", "a.csv", b"id,name\n\n\ngood,G\n\n", TAKEN, ""
    yield "line ends of all kinds", "a.csv", b"id,name\r\ngood,G\r\n", TAKEN, ""
    yield "old Mac line ends", "a.csv", b"id,name\rgood,G\r", TAKEN, ""
    yield "no line end at the end", "a.csv", b"id,name\ngood,G", TAKEN, ""
    yield "the same column twice", "a.csv", b"id,name,name\ngood,G,H\n", TAKEN, ""
    yield "columns without a name", "a.csv", b"id,name,,\ngood,G,x,y\n", TAKEN, ""
    yield (
        "a thousand columns",
        "a.csv",
        b"id,name," + b",".join(b"c%d" % n for n in range(998)) + b"\ngood,G" + b"," * 998 + b"\n",
        TAKEN,
        "",
    )
    yield "a name with a path", "../../../../tmp/evil\0.csv", b"id,name\ngood,G\n", TAKEN, ""


@cache
def cases() -> list[Case]:
    """Made when they are asked for: some are large, and every process of the tests imports this file."""
    return [*whole_csv(), *whole_workbooks(), *rows(), *taken()]
