"""manage.py audit_verify: whether the record is as it was written, and otherwise where it is not."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import pluralize

from crm.audit.queries import verify


class Command(BaseCommand):
    help = "Walk the hash chain over the audit record; exits with 1 and names the row where it breaks."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head", default="", metavar="DIGEST", help="a head noted earlier, which must be part of it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found = verify(known=options["head"])
        if found.why:
            where = f" at row {found.broken_at}" if found.broken_at is not None else ""
            raise CommandError(f"The chain breaks{where}: {found.why}. Rows as written before it: {found.sealed}.")
        rows = f"{found.sealed} row{pluralize(found.sealed)} sealed, {found.waiting} waiting"
        self.stdout.write(f"The chain is whole: {rows}. Head {found.head}")
