"""Kill a random idle process of the queue's cluster, again and again; print when it is back at work each time.

    python -m benchmarks.worker_kills --kills 20

The supervisor runs with the settings of production on a database of its own. "Back" is a beat that passed through
the queue and was written after the kill. Exit 1 when one took longer than 180 s.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

from benchmarks.own_folder import own_folder

ROOT = Path(__file__).resolve().parents[1]
LIMIT_SECONDS = 180


def cluster(var: str) -> list[int]:
    """The processes of the queue's cluster that work in this folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            ours = f"HOLDFAST_VAR={var}".encode() in (path / "environ").read_bytes()
            if ours and b"worker\0--cluster" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
        except OSError:
            continue
    return found


def wait_for_beat(after: datetime) -> float:
    """Seconds until a beat younger than `after`, or infinity when none comes in time."""
    from crm.fills.models import Beat

    start = monotonic()
    while monotonic() - start < LIMIT_SECONDS + 30:
        if Beat.objects.filter(name="jobs", at__gt=after).exists():
            return monotonic() - start
        sleep(0.2)
    return float("inf")


def campaign(var: str, kills: int, seed: int) -> list[float]:
    dice = random.Random(seed)
    taken = []
    wait_for_beat(datetime.min.replace(tzinfo=UTC))
    for n in range(1, kills + 1):
        sleep(dice.uniform(1, 5))
        os.kill(dice.choice(cluster(var)), signal.SIGKILL)
        taken.append(wait_for_beat(datetime.now(UTC)))
        print(f"kill {n}: back after {taken[-1]:.1f} s", flush=True)
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with own_folder("kills") as var:
        os.environ |= {"HOLDFAST_VAR": var, "DJANGO_SETTINGS_MODULE": "crm.settings"}
        manage = [sys.executable, str(ROOT / "manage.py")]
        subprocess.run([*manage, "migrate", "--verbosity", "0"], cwd=ROOT, check=True)
        import django

        django.setup()
        worker = subprocess.Popen([*manage, "worker"], cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            taken = campaign(var, chosen.kills, chosen.seed)
        finally:
            worker.terminate()
            worker.wait(timeout=60)
            from django.db import connections

            connections.close_all()
    print(f"{len(taken)} kills, back after {min(taken):.1f} to {max(taken):.1f} s")
    return int(max(taken) > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
