"""The link that makes the first admin, for installations whose parts are started apart and not by `up`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm.management.commands.up import first_admin


class Command(BaseCommand):
    help = "Print a one-time link for making the first system admin; only while there is none."

    def handle(self, *args: Any, **options: Any) -> None:
        if not (line := first_admin()):
            raise CommandError("There is a system admin already, who can invite others on Settings → People.")
        self.stdout.write(line)
