"""What a backup says of itself, and whether it can be restored here."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

FORMAT = 1
DUMP, MANIFEST, ERASURES = "database.dump", "manifest.json", "erasures.jsonl"


class NotABackup(ValueError):
    """What was given cannot be restored; says what, and what to do."""


class Table(NamedTuple):
    """Rows of a table and a digest over them that knows no order, in hex."""

    rows: int
    digest: str


class Manifest(NamedTuple):
    """`key`: a print of the SECRET_KEY, which itself is not in the backup. `dump`: SHA-256 of the dump in it."""

    made_at: str
    postgres: int
    migrations: list[tuple[str, str]]
    tables: dict[str, Table]
    key: str
    dump: str


def key_print(secret_key: str) -> str:
    """Enough to tell whether two installations have the same key, and of no use for guessing it."""
    return hashlib.sha256(f"holdfast backup:{secret_key}".encode()).hexdigest()[:16]


def written(manifest: Manifest) -> str:
    plain = manifest._asdict() | {"tables": {name: list(table) for name, table in manifest.tables.items()}}
    return json.dumps({"format": FORMAT, **plain}, indent=1)


def read(text: str | bytes) -> Manifest:
    try:
        plain: dict[str, Any] = json.loads(text)
        if plain.pop("format") != FORMAT:
            raise NotABackup("This backup has a format that this version does not know. Restore it with a newer one.")
        tables = {name: Table(*table) for name, table in plain.pop("tables").items()}
        migrations = [(str(app), str(name)) for app, name in plain.pop("migrations")]
        return Manifest(tables=tables, migrations=migrations, **plain)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, NotABackup):
            raise
        raise NotABackup("What the backup says of itself cannot be read. Take another one.") from error


def strangers(manifest: Manifest, known: Iterable[tuple[str, str]]) -> list[str]:
    """Migrations that the backup has and this code has not: it was made by a newer version."""
    return [f"{app} {name}" for app, name in sorted(set(manifest.migrations) - set(known))]


def differences(kept: Mapping[str, Table], found: Mapping[str, Table]) -> list[str]:
    """Tables that are not as they were when the backup was made, each with what differs."""
    return [f"{name}: {_difference(table, found.get(name))}" for name, table in sorted(kept.items())
            if found.get(name) != table]  # fmt: skip


def _difference(kept: Table, found: Table | None) -> str:
    if found is None:
        return "is missing"
    return f"{found.rows} rows instead of {kept.rows}" if found.rows != kept.rows else "has other rows"
