"""Accept and drain against two plain endpoints on the same machine, data and server: `python -m benchmarks.ingest`.

Prints ratios and the budgets of scale.md. Each path is served by gunicorn with 2 workers and fed by a client in
a process of its own over loopback, 100 events a request; rounds are interleaved and the median counts. It works
in a database of its own and drops it in the end.
"""

import argparse
import os
import random
import signal
import socket
import statistics
import sys
import threading
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from time import perf_counter, sleep
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django.setup()

from django.db import connection, connections  # noqa: E402
from django.urls import resolve  # noqa: E402
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # noqa: E402  # has no stubs
from orjson import dumps  # noqa: E402

from benchmarks import ingest_baselines  # noqa: E402
from crm.audit.rules import System  # noqa: E402
from crm.sources.actions import create_source, create_write_key  # noqa: E402
from crm.usage import actions as usage  # noqa: E402
from crm.usage.models import UsageDay  # noqa: E402
from crm.usage.rules import Drained  # noqa: E402
from crm.wsgi import application as ours  # noqa: E402

DATABASE = "bench_ingest"
BY = System("benchmark")
BATCH, CONNECTIONS, ACCOUNTS, USERS, WARM = 100, 4, 2_000, 10_000, 8
BUDGETS = (
    ("accept, of orjson + COPY", "accept", "copied", 0.5),
    ("accept, of DRF + bulk_create", "accept", "serialized", 5.0),
    ("accept and drain together, of orjson + COPY", "together", "copied", 0.35),
)
Wsgi = Callable[..., Any]


class Served(BaseApplication):  # type: ignore[misc]  # gunicorn ships without type information
    """A WSGI callable under gunicorn; the workers are forked from us and so use our database."""

    def __init__(self, app: Wsgi, port: int) -> None:
        self.app, self.port = app, port
        super().__init__()

    def load_config(self) -> None:
        options = {"bind": f"127.0.0.1:{self.port}", "workers": 2, "worker_class": "gthread", "threads": CONNECTIONS}
        for name, value in {**options, "loglevel": "error", "control_socket_disable": True}.items():
            self.cfg.set(name, value)

    def load(self) -> Wsgi:
        return self.app


def _forked(work: Callable[[], Any]) -> int:
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return pid


@contextmanager
def serving(app: Wsgi) -> Iterator[int]:
    """Serve the app until the block ends; yields its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    pid = _forked(Served(app, port).run)
    try:
        for _attempt in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            sleep(0.05)
        yield port
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def bodies(requests: int, seed: int, now: datetime) -> list[bytes]:
    """Batches as the browser SDK makes them; half of the events name their account, half come through the user's."""
    pick = random.Random(seed)
    return [
        dumps({"batch": [_event(pick, now) for _n in range(BATCH)], "sentAt": now.isoformat()})
        for _r in range(requests)
    ]


def _event(pick: random.Random, now: datetime) -> dict[str, Any]:
    user = pick.randrange(USERS)
    context: dict[str, Any] = {
        "library": {"name": "analytics.js", "version": "2.11.1"},
        "page": {"path": "/reports", "url": "https://app.example.com/reports"},
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
    }
    return {
        "type": "track",
        "messageId": f"ajs-next-{uuid.UUID(int=pick.getrandbits(128))}",
        "userId": f"user-{user}",
        "event": f"Feature {pick.randrange(12)} used",
        "timestamp": (now - timedelta(seconds=pick.randrange(3 * 86_400))).isoformat(),
        "properties": {"minutes": 12.5, "plan": "pro", "count": pick.randrange(90)},
        "context": context | ({"groupId": f"account-{user % ACCOUNTS}"} if pick.random() < 0.5 else {}),
    }


def send(port: int, batches: list[bytes], key: str) -> None:
    """Post every batch over a few connections at once; anything but 200 ends the benchmark."""
    headers = {"Authorization": "Basic " + b64encode(f"{key}:".encode()).decode(), "Content-Type": "text/plain"}
    wrong: list[int] = []

    def some(mine: list[bytes]) -> None:
        client = HTTPConnection("127.0.0.1", port, timeout=120)
        for body in mine:
            client.request("POST", "/v1/batch", body, headers)
            answer = client.getresponse()
            answer.read()
            if answer.status != 200:
                wrong.append(answer.status)
                return

    threads = [threading.Thread(target=some, args=(batches[n::CONNECTIONS],)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise SystemExit(f"The server answered {wrong[0]}.")


def _sent(port: int, batches: list[bytes], key: str) -> int:
    return _forked(lambda: send(port, batches, key))


def _wait(pid: int) -> None:
    if os.waitpid(pid, 0)[1] != 0:
        raise SystemExit("The client did not get through.")


def feed(app: Wsgi, batches: list[bytes], key: str, *, drained: bool = False) -> float:
    """Events per second from the first byte to the last answer, or until all of them are counted."""
    with serving(app) as port:
        send(port, batches[:WARM], key)  # both workers open their connections
        start = perf_counter()
        pid = _sent(port, batches[WARM:], key)
        while drained and os.waitpid(pid, os.WNOHANG)[0] == 0:
            if not drain().batches:
                sleep(0.02)
        if drained:
            drain()
        else:
            _wait(pid)
        took = perf_counter() - start
    return (len(batches) - WARM) * BATCH / took


def drain() -> Drained:
    return usage.drain(at=datetime.now(UTC), by=BY, budget_seconds=600)


def _drain_alone() -> float:
    start = perf_counter()
    counted = drain().counted
    return counted / (perf_counter() - start)


def _accounts_and_people(app: Wsgi, key: str, now: datetime) -> None:
    calls = [
        {
            "type": "group",
            "messageId": f"group-{user}",
            "userId": f"user-{user}",
            "groupId": f"account-{user % ACCOUNTS}",
            "timestamp": (now - timedelta(days=30)).isoformat(),
        }
        for user in range(USERS)
    ]
    with serving(app) as port:
        send(port, [dumps({"batch": calls[n : n + 1000]}) for n in range(0, USERS, 1000)], key)
    drain()


def measure(requests: int, rounds: int) -> int:
    now = datetime.now(UTC)
    resolve("/v1/batch")  # so that the workers inherit every module and none is loaded while the clock runs
    with connection.cursor() as cursor:
        cursor.execute(ingest_baselines.TABLE)
    _row, key = create_write_key(create_source(name="Benchmark", at=now, by=BY), at=now, by=BY)
    _accounts_and_people(ours, key, now)
    rates: dict[str, list[float]] = {name: [] for name in ("copied", "serialized", "accept", "drain", "together")}
    for n in range(rounds):
        rates["copied"].append(feed(ingest_baselines.copied, bodies(requests, 4 * n, now), key))
        rates["serialized"].append(feed(ingest_baselines.serialized, bodies(requests // 4, 4 * n + 1, now), key))
        rates["accept"].append(feed(ours, bodies(requests, 4 * n + 2, now), key))
        rates["drain"].append(_drain_alone())
        rates["together"].append(feed(ours, bodies(requests, 4 * n + 3, now), key, drained=True))
    counted = sum(UsageDay.objects.values_list("uses", flat=True))
    if counted != 2 * rounds * requests * BATCH:
        raise SystemExit(f"{2 * rounds * requests * BATCH} events were sent, but {counted} were counted.")
    return report({name: statistics.median(values) for name, values in rates.items()})


def report(rates: dict[str, float]) -> int:
    """Print events per second as ratios to orjson + COPY, and each budget; returns how many are missed."""
    say = sys.stdout.write
    titles = {
        "copied": "HTTP: orjson + COPY",
        "serialized": "HTTP: DRF serializer + bulk_create",
        "accept": "HTTP: accept, one inbox row a request",
        "drain": "drain alone, one process",
        "together": "accept and drain together",
    }
    for name, title in titles.items():
        say(f"{title:<45} {rates[name]:>9,.0f} events/s   {rates[name] / rates['copied']:.2f}\n")
    missed = 0
    for title, name, baseline, budget in BUDGETS:
        ratio = rates[name] / rates[baseline]
        missed += ratio < budget
        say(f"{title:<45} {ratio:>6.2f}, budget at least {budget}: {'kept' if ratio >= budget else 'missed'}\n")
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    connection.settings_dict["TEST"]["NAME"] = DATABASE
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        measure(chosen.requests, chosen.rounds)
    finally:
        connection.creation.destroy_test_db("holdfast", verbosity=0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
