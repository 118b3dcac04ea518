"""The supervisor of background work: starts the queue's cluster and the long work, and restarts what stands still.

django-q2's own guard does not notice every death (docs/adr/0004), so this one asks for a sign of life: it puts
a `beat` into the queue every 15 s, and when none has run for 75 s, or the cluster exits with whatever code, the
whole process group is killed and started again.
"""

import logging
import os
import signal
import sys
from datetime import UTC, datetime
from time import sleep
from types import FrameType
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, connection
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from crm.fills.models import Beat
from crm.lib.processes import Child, forks_die_with_us
from crm.schedules import TICKS

log = logging.getLogger("holdfast.worker")
LONG_WORK_PATIENCE = 3600


class Command(BaseCommand):
    help = "Run the background jobs under a watchdog, until stopped."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--cluster", action="store_true", help="run the queue's cluster itself (started by worker)")
        parser.add_argument("--beat", type=int, default=15, help="ask for a sign of life every so many seconds")
        parser.add_argument("--patience", type=int, default=75, help="restart after so many seconds without one")

    def handle(self, *args: Any, **options: Any) -> None:
        check_queue_settings()
        if options["cluster"]:
            run_cluster()
        else:
            supervise(beat=options["beat"], patience=options["patience"])


def check_queue_settings() -> None:
    """Refuse queue settings under which django-q2 would run a task twice while it still runs."""
    queue = settings.Q_CLUSTER
    waves = -(-(queue["queue_limit"] + 1) // queue["workers"]) + 1
    if queue["retry"] < 2 * queue["timeout"] * waves:
        raise CommandError(
            f"Q_CLUSTER retry ({queue['retry']} s) must be at least 2 · timeout · {waves} = "
            f"{2 * queue['timeout'] * waves} s, or running tasks would be started a second time."
        )


def run_cluster() -> None:
    from django_q.cluster import Cluster

    forks_die_with_us()
    connection.close()
    Cluster().start()


def make_schedules_equal() -> list[str]:
    """Make the queue's schedule table equal to crm/schedules.py; return the names of rows removed."""
    wanted = {tick.name: tick for tick in TICKS if apps.is_installed(tick.door.split(".")[0])}
    strangers = Schedule.objects.exclude(name__in=wanted)
    removed = [str(name) for name in strangers.values_list("name", flat=True)]
    strangers.delete()
    for name, tick in wanted.items():
        twins = Schedule.objects.filter(name=name).order_by("id")
        twins.exclude(pk=twins.values("pk")[:1]).delete()
        row = {"func": tick.door, "schedule_type": Schedule.MINUTES, "minutes": tick.minutes, "repeats": -1}
        plain = {"hook": None, "args": None, "kwargs": None, "cluster": None, "intended_date_kwarg": None}
        Schedule.objects.update_or_create(name=name, defaults={**row, **plain})
    return removed


class Watch:
    """One supervised child: how to start it, and the beat that shows it alive."""

    def __init__(self, name: str, command: list[str], limit: float) -> None:
        self.name, self.limit = name, limit
        self.command = [sys.executable, os.path.join(settings.BASE_DIR, "manage.py"), *command]
        self.restarts = 0
        self.child = self._start()

    def _start(self) -> Child:
        # A cluster may hang while it stops (django-q2 waits for a sentinel that is gone), so an orphan is killed.
        return Child(self.command, env={"STATEMENT_TIMEOUT_MS": "55000"}, orphaned=signal.SIGKILL)

    def look(self, silence: float | None) -> None:
        """Restart the child when it has exited, or has been silent for too long. Null: nobody could tell."""
        code = self.child.exited()
        if code is not None:
            self._restart(f"exited with code {code}")
        elif silence is not None and min(silence, self.child.age) > self.limit:
            self._restart(f"has shown no sign of life for {silence:.0f} s")

    def _restart(self, why: str) -> None:
        log.warning("%s %s; starting it again", self.name, why)
        self.child.kill()
        # A child that dies at once is not restarted in a tight loop.
        sleep(1 if self.child.age > 5 else min(5, 1 + self.restarts))
        self.restarts += 1
        self.child = self._start()


def silence_of(name: str) -> float:
    """Seconds since the last beat of this name; infinite when there was none."""
    last = Beat.objects.filter(name=name).values_list("at", flat=True).first()
    return (datetime.now(UTC) - last).total_seconds() if last else float("inf")


def supervise(*, beat: int, patience: float) -> None:
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    for name in make_schedules_equal():
        log.warning("removed the schedule %r, which crm/schedules.py does not know", name)
    watches = [
        Watch("jobs", ["worker", "--cluster"], patience),
        Watch("long_work", ["long_work"], LONG_WORK_PATIENCE),
    ]
    seconds = 0
    try:
        while not stopping:
            if seconds % beat == 0:
                _ring()
            for watch in watches:
                watch.look(_silence_or_unknown(watch.name))
            sleep(1)
            seconds += 1
    finally:
        for watch in watches:
            watch.child.ask_to_stop()
        for watch in watches:
            watch.child.stop(patience=5)


def _ring() -> None:
    """Ask for a beat, unless earlier ones still wait: a queue that stands still must not also grow."""
    try:
        if OrmQ.objects.count() < 20:
            async_task("crm.jobs.beat")
    except (DatabaseError, InterfaceError) as error:
        log.warning("the database does not answer: %s", error)
        connection.close()


def _silence_or_unknown(name: str) -> float | None:
    try:
        return silence_of(name)
    except (DatabaseError, InterfaceError):
        connection.close()
        return None
