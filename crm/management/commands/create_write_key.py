"""manage.py create_write_key NAME: a write key for the source of that name, which is made when it is not there."""

from argparse import ArgumentParser
from datetime import UTC, datetime

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from crm.audit.rules import System
from crm.sources.actions import create_source, create_write_key
from crm.sources.models import Source


class Command(BaseCommand):
    help = "Create a write key for a source; the key stands alone on the last line and cannot be read again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help='the name of the source, such as "Web app"; it is made when there is none')

    def handle(self, *args: object, name: str, **options: object) -> None:
        at, by = datetime.now(UTC), System("create_write_key")
        try:
            with transaction.atomic():
                source = Source.objects.filter(name=name.strip()).first() or create_source(name=name, at=at, by=by)
                _row, key = create_write_key(source, at=at, by=by)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"A write key of the source {source.name}:")
        self.stdout.write(key)
