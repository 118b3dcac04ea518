"""`manage.py undo_import`: take back what an import did, here or wherever the long work is at it already."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from time import sleep
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import pluralize

from crm.audit.rules import System
from crm.imports import queries
from crm.imports.models import ImportRun
from crm.uploads import actions

BY = System("undo_import")


class Command(BaseCommand):
    help = "Take back what an import did, and with it the other files of its folder."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int, help="the number in the address of its page, /settings/imports/RUN/")

    def handle(self, **options: Any) -> None:
        run = ImportRun.objects.filter(pk=options["run"]).first()
        if run is None:
            raise CommandError(f"There is no import {options['run']}. Settings → Imports lists them.")
        try:
            actions.undo(run, at=datetime.now(UTC), by=BY)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        folder = queries.folder_of(run)
        while folder.filter(undoable=True, undone_at=None).exists():
            # Nothing to do here means that the long work of the server does it.
            if not actions.work(clock=lambda: datetime.now(UTC), by=BY):
                sleep(1)
        for undone in folder.exclude(undone_at=None):
            self.stdout.write(f"{undone.filename}: {_outcome(undone)}")
            for effect in queries.left_by_undo(undone)[:20]:
                self.stdout.write(f"  {effect.label}: {effect.left}")


def _outcome(run: ImportRun) -> str:
    if not run.left:
        return "undone, everything is as it was before"
    return f"undone; {run.left:,} row{pluralize(run.left, ' was left as it is,s were left as they are')}"
