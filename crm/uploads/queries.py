"""What is staged: uploads, their rows by outcome, and the file itself on its way to whoever reads it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet
from orjson import loads

from crm.accounts.models import TraitDefinition
from crm.imports import rules as imports
from crm.imports.forms.columns import Layout
from crm.imports.models import ImportRun
from crm.imports.queries import Page, paged
from crm.lib.csv_files import Shape
from crm.lib.sql_files import load
from crm.plans.models import Feature, Plan
from crm.staff.models import User
from crm.uploads import rules
from crm.uploads.models import RememberedColumns, Upload, UploadPiece, UploadRow

UNFINISHED = 20


def unfinished() -> list[Upload]:
    """Files that wait for a person, or that are being worked on; newest first."""
    rows = Upload.objects.exclude(state__in=(rules.APPLIED, rules.UNDONE))
    return list(rows.select_related("made_by").order_by("-pk")[:UNFINISHED])


def at_work() -> Upload | None:
    """The oldest file for which the long work has something to do."""
    return Upload.objects.filter(state__in=rules.AT_WORK).select_related("made_by", "run").order_by("pk").first()


def upload_of(run: ImportRun) -> Upload | None:
    """The file that a run took over; none where it came by command, or is forgotten by now."""
    return Upload.objects.filter(run=run).first()


def remembered(kind: str, header: Sequence[str]) -> RememberedColumns | None:
    return RememberedColumns.objects.filter(kind=kind, header=rules.header_key(header)).first()


def rows_of(upload: Upload, outcome: str, *, after: int | None = None, before: int | None = None) -> Page[UploadRow]:
    """Rows with one outcome, in the order of the file."""
    rows = (
        UploadRow.objects.filter(upload=upload, outcome=outcome) if outcome else UploadRow.objects.filter(upload=upload)
    )
    return paged(rows, after, before, newest_first=False)


def refused_rows(upload: Upload) -> Iterator[UploadRow]:
    rows = UploadRow.objects.filter(upload=upload, outcome=rules.REFUSED).order_by("line")
    return rows.iterator(chunk_size=2_000)


def rows_after(upload: Upload, line: int, limit: int, *, refused_too: bool) -> list[UploadRow]:
    rows: QuerySet[UploadRow] = UploadRow.objects.filter(upload=upload, line__gt=line)
    if not refused_too:
        rows = rows.exclude(outcome=rules.REFUSED)
    return list(rows.order_by("line")[:limit])


def layout_of(upload: Upload) -> Layout:
    """The upload's columns as the importer reads them."""
    places = {str(ours): int(place) for ours, place in upload.columns.items()}
    unused = tuple(name for place, name in enumerate(upload.header) if place not in places.values())
    layout = Layout(upload.kind, places, tuple(upload.header), unused)
    return layout.with_order(upload.date_order, users_per_account=upload.users_per_account)


def has_pieces(upload: Upload) -> bool:
    """Whether the file is still there as it came; once its rows are read, they are all there is."""
    return UploadPiece.objects.filter(upload=upload).exists()


@contextmanager
def written_out(upload: Upload) -> Iterator[Path]:
    """The file in a folder of its own for as long as it is read; at no time is all of it in memory."""
    with TemporaryDirectory(prefix="holdfast-upload-") as folder:
        path = Path(folder) / "file"
        pieces = UploadPiece.objects.filter(upload=upload).order_by("place").values_list("data", flat=True)
        with path.open("wb") as out:
            for data in pieces.iterator(chunk_size=1):
                out.write(data)
        yield path


def shape_of(upload: Upload, path: Path) -> Shape:
    return Shape(path, upload.sha256, upload.encoding, upload.guessed, upload.delimiter, tuple(upload.header))


class Names(NamedTuple):
    """What the ids in rows stand for, as people read them."""

    users: Mapping[int, str]
    plans: Mapping[int, str]
    features: Mapping[int, str]
    traits: Mapping[int, str]


def names() -> Names:
    return Names(
        dict(User.objects.values_list("pk", "name")),
        dict(Plan.objects.values_list("pk", "name")),
        dict(Feature.objects.values_list("pk", "name")),
        dict(TraitDefinition.objects.values_list("pk", "label")),
    )


# What is ours to know about a row, and no news to whoever imports.
_OURS = {
    "id",
    "created_at",
    "name_at",
    "audit_key",
    "recorded_at",
    "traits_at",
    "at",
    "confirmed_at",
    "pool_id",
    "through",
}
_VALUES = ("number", "text", "flag", "day")


def changes_by_row(kind: imports.Kind, known: Names) -> dict[int, list[list[str]]]:
    """What this transaction's dry run changes, by id of the kind's main row: [column, before, after]."""
    main = kind.tables[0] if kind.tables else ""
    found: dict[int, list[list[str]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "dry_effects"), {"main": main, "parent": f"{main.removeprefix('crm_')}_id"})
        for row_id, table, *rows in cursor.fetchall():
            before, after, earlier = (loads(text) if text else {} for text in rows)
            changes = found.setdefault(row_id, [])
            if table == main:
                changes += _columns(before, after, known)
            elif table == "crm_trait":
                changes.append([_shown("trait", after["definition_id"], known), _value(earlier), _value(after)])
            elif table == "crm_plan_features":
                of = after or before
                feature = _shown("feature_id", of["feature_id"], known)
                changes.append(["features", *(("", feature) if after else (feature, ""))])
    return found


def _columns(before: dict[str, Any], after: dict[str, Any], known: Names) -> list[list[str]]:
    if not before:
        return []
    return [
        [name.removesuffix("_id"), _shown(name, before[name], known), _shown(name, value, known)]
        for name, value in after.items()
        if name not in _OURS and before.get(name) != value
    ]


def _shown(name: str, value: Any, known: Names) -> str:
    by_id = {"owner_id": known.users, "plan_id": known.plans, "feature_id": known.features, "trait": known.traits}
    if name in by_id and value is not None:
        return by_id[name].get(value, str(value))
    if isinstance(value, list):
        return "; ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)[:300]


def _value(row: dict[str, Any] | None) -> str:
    return (
        next((_shown(name, row[name], Names({}, {}, {}, {})) for name in _VALUES if row[name] is not None), "")
        if row
        else ""
    )
