"""manage.py restore: a backup into an empty database, proven row by row, with nothing sent a second time."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.template.defaultfilters import pluralize
from psycopg.sql import SQL, Identifier

from crm.audit.rules import System
from crm.backups import actions, queries, rules
from crm.backups.actions import Backup
from crm.erasures.actions import keep_journal, replay
from crm.lib.dumps import DumpFailed
from crm.lib.embedded_postgres import ROLE

BY = System("manage.py restore")


class Command(BaseCommand):
    help = "Fill an empty database from a backup. People who were erased since are erased again."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="a backup of manage.py backup")
        parser.add_argument(
            "--erasures", action="append", default=[], metavar="FILE",
            help="a later backup or a journal of erasures; the journal in HOLDFAST_VAR is looked at by itself",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            backup = actions.look_through(Path(options["file"]))
            erased = [*backup.erasures, *journals([Path(name) for name in options["erasures"]])]
            must_fit(backup)
            make_embedded()
            must_be_empty()
            actions.fill(backup)
        except rules.NotABackup as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename or options['file']} cannot be read: {error.strerror}.") from error
        except DumpFailed as error:
            raise CommandError(f"Nothing was restored, and the database is as empty as before. {error}") from error
        self.finish(backup, erased)

    def finish(self, backup: Backup, erased: list[str]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
        if wrong := rules.differences(backup.manifest.tables, queries.digests(queries.tables())):
            raise CommandError("Restored, but not as it was; use another empty database. " + "; ".join(wrong))
        self.stdout.write(f"{len(backup.manifest.tables)} tables are as they were at {backup.manifest.made_at}.")
        call_command("migrate", verbosity=0, interactive=False)
        actions.settle_restored(backup.manifest.made_at, at=datetime.now(UTC), by=BY)
        again = replay(erased, at=datetime.now(UTC), by=BY)
        keep_journal(settings.ERASURES_JOURNAL)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        self.stdout.write(f"Erased since, and erased again: {again} {pluralize(again, 'person,people')}.")
        self.stdout.write("Everybody is logged out, open links are void, and mail that waited is held at /mail/.")
        self.stdout.write("Look at people and keys: who was deactivated after the backup is active again.")
        if backup.manifest.key != rules.key_print(settings.SECRET_KEY):
            self.stdout.write(
                "The SECRET_KEY is another one than when the backup was made. Second steps and links in earlier mails "
                "are void, unless you put the earlier key into SECRET_KEY_FALLBACKS."
            )


def journals(paths: list[Path]) -> list[str]:
    beside = Path(settings.ERASURES_JOURNAL)
    lines: list[str] = []
    for path in [*paths, *([beside] if beside.exists() else [])]:
        is_journal = path.suffix == ".jsonl"
        lines += path.read_text().splitlines() if is_journal else actions.look_through(path).erasures
    return lines


def must_fit(backup: Backup) -> None:
    """Raises NotABackup for one that a newer version has made."""
    known = MigrationLoader(None).disk_migrations
    if newer := rules.strangers(backup.manifest, known):
        words = f"was made by a newer Holdfast, which has {', '.join(newer[:3])}. Install that one first."
        raise rules.NotABackup(f"{backup.path.name} {words}")


def make_embedded() -> None:
    """On the embedded server the database that HOLDFAST_DATABASE names is made when it is not there."""
    if settings.DATABASE_URL:
        return
    params = connection.get_connection_params()
    reach = {key: params[key] for key in ("host", "port", "user", "password")}
    with psycopg.connect(**reach, dbname=ROLE, autocommit=True) as server:
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [params["dbname"]]).fetchone():
            server.execute(SQL("CREATE DATABASE {} TEMPLATE template0").format(Identifier(params["dbname"])))


def must_be_empty() -> None:
    if there := queries.tables():
        name = connection.settings_dict["NAME"]
        raise CommandError(
            f"The database {name} holds {len(there)} tables, and a restore fills only an empty one. Make a new one and "
            "name it in DATABASE_URL. With the embedded server a name is enough, now and at every start afterwards: "
            "HOLDFAST_DATABASE=restored manage.py restore …"
        )
