"""Work that is longer than a tick, one piece after the other, outside the queue and its time limits."""

import logging
import signal
from datetime import UTC, datetime
from threading import Event
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import close_old_connections
from django.utils.module_loading import import_string

from crm.fills import actions as fills
from crm.schedules import LONG_WORK

log = logging.getLogger("holdfast.long_work")
PAUSE = 15


class Command(BaseCommand):
    help = "Run long work (nightly rebuilds and scores) as it becomes due; started by worker."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--once", action="store_true", help="look once at everything, then stop")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        signal.signal(signal.SIGINT, lambda *_: stop.set())
        while not stop.is_set():
            look()
            if options["once"]:
                break
            stop.wait(PAUSE)


def look() -> None:
    """Call every door once. A failing one is logged and tried again at the next look; the others go on."""
    for door in LONG_WORK:
        if not apps.is_installed(door.split(".")[0]):
            continue
        try:
            close_old_connections()
            fills.beat("long_work", at=datetime.now(UTC))
            import_string(door)()
        except Exception:
            log.exception("%s failed and is tried again", door)
