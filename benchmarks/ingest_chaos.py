"""Kill web workers and restart the database under load, then count: nothing acknowledged is lost or counted twice.

    python -m benchmarks.ingest_chaos --seconds 60

The real site under gunicorn with two workers, on a database of its own; clients that send again until they get
a 200, as SDKs do. Every 1.5 s a worker gets SIGKILL, and twice the database is restarted without a farewell.
"""

import argparse
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import uuid
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic, sleep

from benchmarks.own_folder import own_folder

ROOT = Path(__file__).resolve().parents[1]
CLIENTS, EVENTS, ACCOUNTS = 4, 20, 20
KILL_EVERY = 1.5


@dataclass
class Tally:
    """What the clients know: which events were acknowledged, and how often they had to send again."""

    acknowledged: set[str] = field(default_factory=set)
    requests: int = 0
    again: int = 0
    killed: int = 0
    restarts: int = 0
    odd: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


def manage(*arguments: str) -> str:
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def served(port: int) -> Iterator[int]:
    """The site under gunicorn; gives the master's process id."""
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--worker-class", "gthread", "--workers", "2"]
    command += ["--threads", "4", "--bind", f"127.0.0.1:{port}", "--log-level", "critical", "crm.wsgi:application"]
    with (Path(os.environ["HOLDFAST_VAR"]) / "web.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=60)


def send(port: int, key: str, body: bytes) -> int:
    """One try; 0 when the connection broke before an answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(
            "POST", "/v1/batch", body, {"Authorization": "Basic " + b64encode(f"{key}:".encode()).decode()}
        )
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()


def batch(calls: list[dict[str, object]]) -> bytes:
    from orjson import dumps

    now = datetime.now(UTC).isoformat()
    return dumps({"batch": [call | {"timestamp": now} for call in calls], "sentAt": now})


def until_taken(port: int, key: str, body: bytes, tally: Tally) -> None:
    while (status := send(port, key, body)) != 200:
        with tally.lock:
            tally.again += 1
            if status not in (0, 429, 503):
                tally.odd.add(status)
        sleep(0.2)


def client(port: int, key: str, tally: Tally, end: float) -> None:
    """Send batches until the end; a batch that was begun is sent until it is acknowledged."""
    while monotonic() < end:
        ids = [uuid.uuid4().hex for _ in range(EVENTS)]
        calls: list[dict[str, object]] = [
            {
                "type": "track",
                "event": "Trip booked",
                "userId": f"user-{random.randrange(500)}",
                "context": {"groupId": f"account-{n % ACCOUNTS}"},
                "messageId": name,
            }
            for n, name in enumerate(ids)
        ]
        until_taken(port, key, batch(calls), tally)
        with tally.lock:
            tally.acknowledged.update(ids)
            tally.requests += 1


def killer(master: int, tally: Tally, end: float) -> None:
    """SIGKILL to one worker at random, again and again; the master starts another."""
    while monotonic() < end:
        sleep(KILL_EVERY)
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        if children:
            os.kill(int(random.choice(children)), signal.SIGKILL)
            tally.killed += 1


def restarter(tally: Tally, seconds: float) -> None:
    from crm.lib.embedded_place import locate

    cluster, _notice = locate(Path(os.environ["HOLDFAST_VAR"]))
    for _ in range(2):
        sleep(seconds / 3)
        done = cluster.run("pg_ctl", "restart", "-s", "-m", "immediate", "-t", "120", output=subprocess.DEVNULL)
        # Our own supervisor, woken by a worker, may be the one that has started it again.
        tally.restarts += done.returncode == 0 or cluster.server_pid() is not None


def stress(port: int, master: int, key: str, seconds: float) -> Tally:
    tally = Tally()
    groups: list[dict[str, object]] = [
        {"type": "group", "userId": "user-0", "groupId": f"account-{n}", "messageId": f"group-{n}"}
        for n in range(ACCOUNTS)
    ]
    until_taken(port, key, batch(groups), tally)
    tally.again = 0
    end = monotonic() + seconds
    workers = [threading.Thread(target=client, args=(port, key, tally, end)) for _ in range(CLIENTS)]
    workers.append(threading.Thread(target=killer, args=(master, tally, end)))
    workers.append(threading.Thread(target=restarter, args=(tally, seconds)))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return tally


def counted() -> tuple[set[str], int, int]:
    """Drain everything; the ids that stand in the inbox, how many uses were counted, how many copies came twice."""
    import django

    django.setup()
    from django.db.models import Sum
    from orjson import loads

    from crm.audit.rules import System
    from crm.sources.models import InboxBatch
    from crm.usage.actions import drain
    from crm.usage.models import UsageDay

    while InboxBatch.objects.filter(drained_at=None, parked_at=None).exists():
        drain(at=datetime.now(UTC), by=System("benchmark"))
    seen: set[str] = set()
    copies = 0
    for body in InboxBatch.objects.values_list("body", flat=True).iterator(chunk_size=200):
        ids = [event["messageId"] for event in loads(bytes(body))["batch"] if event["type"] == "track"]
        copies += len(seen.intersection(ids))
        seen.update(ids)
    return seen, int(UsageDay.objects.aggregate(total=Sum("uses"))["total"] or 0), copies


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=60)
    seconds = options.parse_args().seconds
    with own_folder("chaos") as var:
        os.environ["HOLDFAST_VAR"] = var
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
        os.environ.pop("DATABASE_URL", None)
        manage("migrate", "--verbosity", "0")
        key = manage("create_write_key", "Chaos").split()[-1]
        port = free_port()
        with served(port) as master:
            tally = stress(port, master, key, seconds)
        stored, uses, copies = counted()
    lost, twice = len(tally.acknowledged - stored), uses - len(stored)
    print(
        f"{seconds:.0f} s: {tally.killed} workers killed, {tally.restarts} database restarts; "
        f"{len(tally.acknowledged):,} events acknowledged in {tally.requests:,} requests, {tally.again} sent again; "
        f"{len(stored):,} stored, {copies} of them received twice; lost {lost}, counted twice {twice}"
        + (f"; odd answers {sorted(tally.odd)}" if tally.odd else "")
    )
    return int(bool(lost or twice or tally.odd or len(stored) != len(tally.acknowledged)))


if __name__ == "__main__":
    sys.exit(main())
