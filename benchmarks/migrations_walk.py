"""Every migration of ours down and up again on a populated database, one step at a time: `make walk`.

Run it on a copy: it takes tables away. The copy is a database of its own, restored from a backup of the one at hand.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import Any

import django
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

ROOT = Path(__file__).resolve().parents[1]
COPY = "holdfast_walk"
OURS = ("crm", "feedback", "retention")


def manage(*arguments: str, copy: bool = True) -> str:
    environment = {**os.environ, **({"HOLDFAST_DATABASE": COPY} if copy else {}), "STATEMENT_TIMEOUT_MS": "0"}
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr[-2000:]}{done.stdout[-500:]}")
    return done.stdout


def walk() -> None:
    """In this process, on the copy."""
    django.setup()
    steps = _steps(MigrationExecutor(connection))
    print(f"{len(steps)} migrations, {_rows()} rows")
    slowest = ("", 0.0)
    for key in reversed(steps):
        began = monotonic()
        executor = MigrationExecutor(connection)
        node = executor.loader.graph.node_map[key]
        before = [parent.key for parent in node.parents if parent.key[0] == key[0]]
        executor.migrate(before or [(key[0], None)])
        slowest = max(slowest, (f"{key[0]} {key[1]} down", monotonic() - began), key=lambda step: step[1])
    print(f"down to nothing: {_applied()} of ours are applied")
    began = monotonic()
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    print(f"up again in {monotonic() - began:.0f} s: {_applied()} are applied; slowest {slowest}")


def _steps(executor: Any) -> list[tuple[str, str]]:
    """Ours, each after what it needs."""
    graph = executor.loader.graph
    ordered = dict.fromkeys(key for leaf in graph.leaf_nodes() for key in graph.forwards_plan(leaf))
    return [key for key in ordered if key[0] in OURS]


def _applied() -> int:
    return sum(1 for app, _name in MigrationRecorder(connection).applied_migrations() if app in OURS)


def _rows() -> int:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute("SELECT sum(greatest(reltuples, 0))::bigint FROM pg_class WHERE relkind = 'r'")
        return int(cursor.fetchone()[0])


def main() -> None:
    if os.environ.get("HOLDFAST_DATABASE") == COPY:
        walk()
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
    django.setup()
    _drop_copy()
    with tempfile.TemporaryDirectory() as folder:
        manage("backup", f"{folder}/walk.zip", copy=False)
        print(manage("restore", f"{folder}/walk.zip").splitlines()[0])
    environment = {**os.environ, "HOLDFAST_DATABASE": COPY}
    environment["STATEMENT_TIMEOUT_MS"] = "0"
    subprocess.run([sys.executable, "-m", "benchmarks.migrations_walk"], env=environment, cwd=ROOT, check=True)
    _drop_copy()


def _drop_copy() -> None:
    """Also one that an earlier walk left behind halfway."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {COPY} WITH (FORCE)")


if __name__ == "__main__":
    main()
