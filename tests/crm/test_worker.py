"""The supervisor of the queue: its schedules, its settings, and its way with a cluster that stands still."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import pytest
from django.conf import settings
from django.core.management.base import CommandError
from django_q.models import OrmQ, Schedule

from crm.fills.models import Beat
from crm.management.commands.worker import check_queue_settings, make_schedules_equal
from crm.schedules import TICKS
from tests.child_processes import own_database

ROOT = Path(settings.BASE_DIR)


@pytest.mark.django_db
def test_the_queues_schedules_become_equal_to_ours_and_strangers_are_removed():
    Schedule.objects.create(name="planted", func="os.system", args="'true'", schedule_type="I", minutes=1)
    Schedule.objects.create(name="drain", func="somewhere.else", kwargs="{'x': 1}", schedule_type="O")
    Schedule.objects.create(name="drain", func="a.twin", schedule_type="O")
    assert make_schedules_equal() == ["planted"]
    assert make_schedules_equal() == []
    rows = Schedule.objects.order_by("name").values_list("name", "func", "minutes", "kwargs", "schedule_type")
    assert list(rows) == sorted((tick.name, tick.door, tick.minutes, None, "I") for tick in TICKS)


def test_every_door_of_the_schedules_can_be_opened():
    from django.utils.module_loading import import_string

    assert [callable(import_string(tick.door)) for tick in TICKS] == [True] * len(TICKS)


def test_settings_under_which_running_tasks_would_start_twice_are_refused(settings):
    check_queue_settings()
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "retry": 120}
    with pytest.raises(CommandError, match=r"must be at least 2 · timeout · 3 = 360 s"):
        check_queue_settings()


def processes(command: str) -> dict[int, int]:
    """Our processes with this command line, by pid, with their parent's pid."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if command in (path / "cmdline").read_text().replace("\0", " ") and _same_database(path):
                found[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    return found


def _same_database(path: Path) -> bool:
    return f"HOLDFAST_TEST_MARK={os.getpid()}".encode() in (path / "environ").read_bytes()


@pytest.fixture
def worker(transactional_db: None) -> Iterator[subprocess.Popen[bytes]]:
    """A real worker on the test's own database, with a short patience."""
    env = {**own_database(), "HOLDFAST_TEST_MARK": str(os.getpid())}
    command = [sys.executable, str(ROOT / "manage.py"), "worker", "--beat", "2", "--patience", "10"]
    process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
    yield process
    process.terminate()
    process.wait(timeout=30)


def wait_for_beat(after: datetime, seconds: float) -> float:
    """Seconds until a beat younger than `after`; fails after `seconds`."""
    start = monotonic()
    while monotonic() - start < seconds:
        if Beat.objects.filter(name="jobs", at__gt=after).exists():
            return monotonic() - start
        sleep(0.2)
    pytest.fail(f"no beat within {seconds} s")


def test_a_cluster_whose_idle_worker_is_killed_works_again_and_ends_whole(worker):
    wait_for_beat(datetime.min.replace(tzinfo=UTC), 60)
    for _ in range(2):
        OrmQ.objects.all().delete()
        family = processes("worker --cluster")
        leaves = [pid for pid in family if pid not in family.values()]
        os.kill(leaves[0], signal.SIGKILL)
        wait_for_beat(datetime.now(UTC), 90)
    worker.terminate()
    worker.wait(timeout=30)
    assert processes("worker --cluster") == {}
    assert processes("long_work") == {}
