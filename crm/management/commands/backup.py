"""manage.py backup: all that the database holds at one instant in one file, while the work goes on."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import pluralize

from crm.audit.rules import System
from crm.backups import actions
from crm.erasures.actions import keep_journal
from crm.lib.dumps import DumpFailed


class Command(BaseCommand):
    help = "Write a backup. The SECRET_KEY is not in it: keep that elsewhere, or second steps and links end with it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="where to write it; it must not exist yet. %%Y-%%m-%%d and so on is the time")

    def handle(self, *args: Any, **options: Any) -> None:
        at = datetime.now(UTC)
        path = Path(at.strftime(options["file"])).absolute()
        if path.exists():
            raise CommandError(f"{path.name} is there already. Choose another name, for example with %Y-%m-%dT%H%M.")
        try:
            manifest = actions.write_backup(path, at=at, by=System("manage.py backup"))
            keep_journal(settings.ERASURES_JOURNAL)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}. Nothing is left of it.") from error
        except DumpFailed as error:
            raise CommandError(f"No backup was made. {error}") from error
        rows = sum(table.rows for table in manifest.tables.values())
        held = f"{len(manifest.tables)} tables, {rows:,} row{pluralize(rows)}, {path.stat().st_size:,} bytes"
        self.stdout.write(f"{path.name}: {held}, readable by you alone.")
        if not settings.LOCAL and sys.stdout.isatty():
            self.stdout.write("The SECRET_KEY is not in it. Keep it with the backups, but not in the same place.")
