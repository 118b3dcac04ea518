"""Work that is longer than a tick, one piece after the other, outside the queue and its time limits."""

import logging
import signal
from datetime import UTC, datetime
from threading import Event
from time import sleep
from typing import Any

import psycopg
from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.utils.module_loading import import_string

from crm.fills import actions as fills
from crm.lib.doorbell import LONG_WORK as LONG_WORK_CALL
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
            wait_for_a_call(stop)


def wait_for_a_call(stop: Event) -> None:
    """Wait for the next look: until somebody calls (crm.lib.doorbell), or the pause is over."""
    for _second in range(PAUSE):
        if stop.is_set() or called():
            return


def called() -> bool:
    """Listen for a second. A database that is away is nothing to talk about here: the next look says so."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {LONG_WORK_CALL}")
        return any(True for _call in connection.connection.notifies(timeout=1, stop_after=1))
    except (DatabaseError, InterfaceError, psycopg.Error):
        connection.close()
        sleep(1)
        return False


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
