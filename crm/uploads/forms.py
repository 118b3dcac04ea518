"""An upload made clean: which file it is, how it is read, and what its columns mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm.imports import rules as imports
from crm.imports.rules import storable
from crm.lib.csv_files import DELIMITERS, Shape, Unreadable, recognise, records
from crm.lib.gate import clean_text
from crm.lib.xlsx_files import is_workbook, write_csv
from crm.uploads import rules
from crm.uploads.models import Upload

SAMPLES, LOOKED_AT = 3, 200
BLANK_BEFORE = 1_000  # rows that may stand empty before the header of a sheet


class UploadForm(forms.Form):
    """A kind of rows and a file with some."""

    kind = forms.ChoiceField(label=_("What is in it"))
    file = forms.FileField(
        label=_("File"), help_text=_("CSV, compressed CSV (.csv.gz) or Excel (.xlsx), up to 200 MB.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(kind.key, gettext(kind.label)) for kind in imports.KINDS.values()]
        self.fields["kind"].choices = choices  # type: ignore[attr-defined]
        self.fields["file"].widget.attrs["accept"] = ".csv,.gz,.xlsx,.txt,.tsv"

    def clean_file(self) -> UploadedFile[Any]:
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > rules.MAX_BYTES:
            raise forms.ValidationError(_("The file is larger than 200 MB. Split it, or import it on the server."))
        return file


@dataclass(frozen=True)
class Received:
    """A file that can be read: where it lies for now, what it looks like, and some of what its columns hold."""

    filename: str
    size: int
    path: Path
    shape: Shape
    workbook: bool = False
    note: str = ""
    sample: list[list[str]] = field(default_factory=list)


@contextmanager
def received(file: UploadedFile[Any]) -> Iterator[Received]:
    """The uploaded file on disk, a workbook as CSV; raises Unreadable, in English (`reason_of` translates)."""
    name = clean_text((file.name or "").encode("utf-8", "replace").decode().replace("\0", ""), 2_000)[-255:]
    with TemporaryDirectory(prefix="holdfast-upload-") as folder:
        path = Path(folder) / "file"
        with path.open("wb") as out:
            for chunk in file.chunks():
                out.write(chunk)
        with path.open("rb") as raw:
            head = raw.read(8)
        if head.startswith(b"\xd0\xcf\x11\xe0"):
            raise Unreadable(_old_excel())
        sheets: list[str] = []
        if workbook := is_workbook(head):
            table = Path(folder) / "table"
            sheets, path = write_csv(path, table), table
        elif name.lower().endswith(".gz") and not head.startswith(b"\x1f\x8b"):
            raise Unreadable(_named_gz())
        shape = recognise(path, ",", "utf-8", blank_before=BLANK_BEFORE) if workbook else recognise(path)
        yield Received(name, file.size or 0, path, shape, workbook, _sheets(sheets), sample_of(shape, by_row=workbook))


def _old_excel() -> str:
    return gettext("This is an old Excel file (.xls), or one with a password. Save it as .xlsx without a password.")


def _named_gz() -> str:
    return gettext("The file is named .gz but is not gzip. Rename it, or compress it.")


def _sheets(names: list[str]) -> str:
    if len(names) < 2:
        return ""
    words = gettext("The workbook has {count} sheets; only the first one, “{name}”, is read.")
    return words.format(count=len(names), name=storable(names[0], 60))


def sample_of(shape: Shape, *, by_row: bool) -> list[list[str]]:
    """The first different values of each column, from the first rows."""
    found: list[list[str]] = [[] for _name in shape.header]
    rows = records(shape, by_row=by_row)
    next(rows, None)
    for _n, (_line, row) in zip(range(LOOKED_AT), rows, strict=False):
        for values, cell in zip(found, row, strict=False):
            text = storable(cell.strip(), 60)
            if text and text not in values and len(values) < SAMPLES:
                values.append(text)
    return found


class HowForm(forms.Form):
    """How the bytes of a CSV file are read; asked for anew when the guess was wrong."""

    encoding = forms.ChoiceField(label=_("Letters"))
    delimiter = forms.ChoiceField(label=_("Between cells"))

    LETTERS = {
        "utf-8": _("UTF-8"),
        "utf-8-sig": _("UTF-8 with a mark"),
        "utf-16": _("UTF-16"),
        "cp949": _("Korean (cp949)"),
        "cp1252": _("Western (Windows)"),
        "latin-1": _("Western (Latin 1)"),
    }
    SIGNS = {",": _("a comma"), ";": _("a semicolon"), "\t": _("a tab"), "|": _("a vertical bar")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["encoding"].choices = list(self.LETTERS.items())  # type: ignore[attr-defined]
        self.fields["delimiter"].choices = [(sign, self.SIGNS[sign]) for sign in DELIMITERS]  # type: ignore[attr-defined]


@dataclass
class Choice:
    """One column of the file: its name, some values, and which of ours it is said to be."""

    place: int
    name: str
    sample: list[str]
    chosen: str
    options: list[tuple[str, str]]


class ColumnsForm:
    """What a person says the columns mean; `errors` are sentences, `columns` ours → place once it is valid."""

    def __init__(
        self, upload: Upload, data: QueryDict | None, guessed: Mapping[int, str], date_order: str = ""
    ) -> None:
        self.upload, self.data = upload, data
        chosen = (
            {place: self._said(data, place) for place in range(len(upload.header))} if data is not None else guessed
        )
        self.choices = [self._choice(place, chosen.get(place, "")) for place in range(len(upload.header))]
        self.date_order = data.get("date_order", "") if data is not None else upload.date_order or date_order
        per_account = bool(data.get("users_per_account")) if data is not None else upload.users_per_account
        self.users_per_account = per_account
        self.errors: list[str] = []

    @property
    def columns(self) -> dict[str, int]:
        return {choice.chosen: choice.place for choice in self.choices if choice.chosen}

    def is_valid(self) -> bool:
        taken = [choice.chosen for choice in self.choices if choice.chosen]
        for ours in sorted({ours for ours in taken if taken.count(ours) > 1}):
            self.errors.append(gettext("Two columns are said to be {ours}. Choose one of them.").format(ours=ours))
        for group in rules.missing(self.upload.kind, taken):
            words = gettext("No column is said to be {needed}. Without it the rows cannot be told apart.")
            self.errors.append(words.format(needed=gettext(" or ").join(group)))
        if self.upload.unclear and self.date_order not in ("dmy", "mdy"):
            self.errors.append(gettext("Say how the dates are written: day first or month first."))
        return not self.errors

    def _said(self, data: QueryDict, place: int) -> str:
        """One of ours, or nothing: what else is posted is as if nothing were."""
        ours = data.get(f"column-{place}", "")
        return ours if ours in dict(self._options(place)) else ""

    def _choice(self, place: int, chosen: str) -> Choice:
        sample = self.upload.sample[place] if place < len(self.upload.sample) else []
        options = self._options(place)
        name = storable(self.upload.header[place], 80) or gettext("column {n}").format(n=place + 1)
        return Choice(place, name, sample, chosen if chosen in dict(options) else "", options)

    def _options(self, place: int) -> list[tuple[str, str]]:
        options = [("", gettext("not used")), *((name, name) for name in imports.KINDS[self.upload.kind].columns)]
        if self.upload.kind == imports.ACCOUNTS and imports.plain_name(self.upload.header[place]):
            options.append((rules.trait_of(self.upload.header[place]), gettext("keep as a trait of the account")))
        return options
