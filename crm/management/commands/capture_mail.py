"""A mail on its way from the mail server: `… | manage.py capture_mail log-7-…@in.example.com`."""

import sys
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError

from crm.captures.actions import capture
from crm.captures.forms import MOST_BYTES, incoming
from crm.lib.db_trouble import is_trouble

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: the mail server keeps the mail and comes back


class Command(BaseCommand):
    help = (
        "Takes in one mail from standard input that came to a rep's capture address. Whatever is wrong with it, "
        "nothing is printed and the exit code is 0, so that the mail server sends no bounce; 75 while the database is "
        "away."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("recipient", help="the address of the envelope, since BCC stands in no header")

    def handle(self, *args: Any, **options: Any) -> None:
        raw, at = sys.stdin.buffer.read(MOST_BYTES + 1), datetime.now(UTC)
        try:
            if found := incoming(raw, recipient=options["recipient"], now=at):
                capture(found[1], at=at, by=found[0])
        except (DatabaseError, InterfaceError) as error:
            if not is_trouble(error):
                raise
            sys.exit(TRY_AGAIN)
