"""What happens to make a backup, and what is settled after one was restored, before anything else runs."""

import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django_q.models import OrmQ

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.backups import queries, rules
from crm.backups.rules import DUMP, ERASURES, MANIFEST, Manifest, NotABackup
from crm.erasures import actions as erasures
from crm.lib import dumps
from crm.outbox.actions import hold_waiting
from crm.sign_in.actions import withdraw_all_links
from crm.staff.actions import require
from crm.staff.queries import salt
from crm.webhooks.actions import hold_deliveries

CHUNK = 1 << 20
# What else must not go out again, or run on, after a restore: apps add theirs from apps.py. Called with at= and by=.
settling: list[Callable[..., object]] = [hold_waiting, hold_deliveries, withdraw_all_links]


def write_backup(path: Path, *, at: datetime, by: Actor) -> Manifest:
    """Write all that the database holds at one instant into one file, while the work goes on.

    The file appears whole or not at all. The SECRET_KEY is not in it. Raises OSError and DumpFailed.
    """
    require("back_up", by=by)
    salt()  # erased people are known again by it, so it must be in every backup
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            manifest = _write(file, at=at)
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)  # never over a backup that is there
    finally:
        aside.unlink(missing_ok=True)
    with transaction.atomic():
        said = {"tables": len(manifest.tables), "sha256": manifest.dump}
        audit.record("backup.made", ("backup", path.name[:60]), at=at, by=by, after=said)
    return manifest


def _write(file: IO[bytes], *, at: datetime) -> Manifest:
    """Tables are locked against being dropped before the instant is fixed: the windows are swapped every night."""
    names = queries.tables()
    connection.close()
    with transaction.atomic(), connection.cursor() as cursor, ZipFile(file, "w", ZIP_STORED) as archive:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")
        locked = ", ".join(connection.ops.quote_name(name) for name in names)
        cursor.execute(f"LOCK TABLE {locked} IN ACCESS SHARE MODE")
        cursor.execute("SELECT pg_export_snapshot(), current_setting('server_version_num')::int / 10000")
        snapshot, postgres = cursor.fetchone()
        whole = hashlib.sha256()
        with archive.open(ZipInfo(DUMP, at.timetuple()[:6]), "w", force_zip64=True) as member:
            for chunk in dumps.dump(connection.get_connection_params(), snapshot=snapshot):
                whole.update(chunk)
                member.write(chunk)
        migrations = sorted(MigrationRecorder(connection).applied_migrations())
        key = rules.key_print(settings.SECRET_KEY)
        found = queries.digests(names)
        manifest = Manifest(at.isoformat(), postgres, migrations, found, key, whole.hexdigest())
        archive.writestr(ERASURES, "".join(f"{line}\n" for line in erasures.journal_lines()))
        archive.writestr(MANIFEST, rules.written(manifest))
    return manifest


class Backup(NamedTuple):
    """A file that was looked through: it is whole."""

    path: Path
    manifest: Manifest
    erasures: list[str]


def look_through(path: Path) -> Backup:
    """Read the whole file once; raises NotABackup with a sentence when it is damaged or something else, and OSError."""
    try:
        with ZipFile(path) as archive:
            manifest = rules.read(archive.read(MANIFEST))
            kept = archive.read(ERASURES).decode().splitlines()
            whole = hashlib.sha256()
            for chunk in _chunks(archive):
                whole.update(chunk)
    except KeyError as error:
        raise NotABackup(f"{path.name} is a zip, but no backup of Holdfast.") from error
    except (BadZipFile, EOFError, UnicodeDecodeError) as error:
        raise NotABackup(f"{path.name} is cut off, damaged or no backup at all. Take another one.") from error
    if whole.hexdigest() != manifest.dump:
        raise NotABackup(f"{path.name} was changed since it was made. Take another one.")
    return Backup(path, manifest, kept)


def _chunks(archive: ZipFile) -> Iterator[bytes]:
    with archive.open(DUMP) as member:
        while chunk := member.read(CHUNK):
            yield chunk


def fill(backup: Backup) -> None:
    """Load the backup into the empty database, in one transaction; raises DumpFailed, and then nothing was done."""
    params = connection.get_connection_params()
    connection.close()
    with ZipFile(backup.path) as archive:
        dumps.load(params, _chunks(archive))


@transaction.atomic
def settle_restored(made_at: str, *, at: datetime, by: Actor) -> None:
    """Let nothing run on as if no time had passed: the queue is emptied, sessions and links end, mail is held.

    What waited may have gone out after the backup was made, so a person decides about each.
    """
    OrmQ.objects.all().delete()
    Session.objects.all().delete()
    UserSession.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM crm_cache")
    for settle in settling:
        settle(at=at, by=by)
    audit.record("backup.restored", ("backup", "all"), at=at, by=by, after={"made_at": made_at})
