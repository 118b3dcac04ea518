"""manage.py export: all that is held about one person, as a file for that person."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm.audit.rules import System
from crm.erasures import actions, queries
from crm.management.commands.erase import found

BY = System("manage.py export")


class Command(BaseCommand):
    help = "Write a zip with all that is held about a person, raw requests included, as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="the id of a contact (the number in its address), or an email address")
        parser.add_argument("file", help="where to write the zip; it must not exist yet")

    def handle(self, *args: Any, **options: Any) -> None:
        at, contact = datetime.now(UTC), found(options["person"])
        actions.note_handed_out(contact, at=at, by=BY)
        data = queries.archive(contact, at=at, raw=True)
        try:
            handle = os.open(options["file"], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"{Path(options['file']).name}: {len(data)} bytes, readable by you alone.")
