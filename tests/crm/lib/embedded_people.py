"""Real processes, of root and of an ordinary user, that use an embedded server and can be killed."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

PROJECT = Path(__file__).resolve().parents[3]
PACKAGES = Path(psycopg.__file__).parents[1]

SCRIPT = """
import json, os, sys
from pathlib import Path
from crm.lib.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
var, state = map(Path, sys.argv[1:3])
try:
    server = EmbeddedPostgres(var, state=state).start()
except EmbeddedPostgresError as error:
    print(json.dumps({"error": str(error)}), flush=True)
    sys.exit(1)
kept = {name: str(getattr(server, name)) for name in ("host", "url", "notice", "programs")}
print(json.dumps({**kept, "started": server.started, "error": ""}), flush=True)
for line in sys.stdin:  # further orders, until our input ends
    exec(line)
"""


def root() -> bool:
    return os.geteuid() == 0


only_root = pytest.mark.skipif(not root(), reason="needs root")


def can(uid: int, *command: str, **environment: str) -> bool:
    try:
        ran = subprocess.run(
            command, user=uid, group=uid, extra_groups=[], cwd="/", env=environment, capture_output=True
        )
    except PermissionError:
        return False
    return ran.returncode == 0


def here() -> dict[str, str]:
    """The environment in which this Python finds its libraries and our packages."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {**kept, "PYTHONPATH": f"{PROJECT}:{PACKAGES}"}


def open_python(folder: Path, uid: int) -> tuple[str, dict[str, str]]:
    """A Python with our packages that this user can run: this one, or a copy where its home is closed."""
    packages = here()
    if can(uid, sys.executable, "-c", "import psycopg, crm", **packages):
        return sys.executable, packages
    prefix, version = Path(sys.base_prefix), f"python{sys.version_info.major}.{sys.version_info.minor}"
    skip = shutil.ignore_patterns(
        "site-packages", "test", "config-*", "idlelib", "ensurepip", "lib2to3", "pydoc_data", "tkinter"
    )
    shutil.copytree(prefix / "lib" / version, folder / "lib" / version, ignore=skip)
    for library in prefix.glob("lib/libpython*.so*"):
        shutil.copy2(library, folder / "lib")
    (folder / "bin").mkdir()
    shutil.copy2(prefix / "bin" / version, folder / "bin" / version)
    return str(folder / "bin" / version), {**packages, "LD_LIBRARY_PATH": str(folder / "lib")}


@dataclass
class Person:
    """Somebody who runs Holdfast; uid None is whoever runs the tests."""

    uid: int | None
    python: str
    environment: dict[str, str]
    ground: Path
    processes: list[Client] = field(default_factory=list)

    @property
    def var(self) -> Path:
        return self.ground / "my project" / "var"

    @property
    def state(self) -> Path:
        return self.ground / "state"

    @property
    def home(self) -> Path:
        return self.var / "postgres"

    def adopt(self, home: Path) -> None:
        """Begin with a copy of a stopped cluster."""
        subprocess.run(["mkdir", "-p", str(self.var)], check=True)
        subprocess.run(["cp", "-a", str(home), str(self.home)], check=True)
        if self.uid is not None:
            for folder in (self.var, self.var.parent):
                os.chown(folder, self.uid, -1)

    def depart(self) -> None:
        """End all processes, the server's too, and take everything away."""
        self.end_all()
        for version in self.ground.rglob("PG_VERSION"):
            if version.parent.name == "data":
                kill_all(version.parents[1])
        shutil.rmtree(self.ground)

    def end_all(self) -> None:
        while self.processes:
            self.processes.pop().kill()

    def begin(self, var: Path | None = None, **environment: str) -> Client:
        """Begin to use the server, without waiting for it."""
        client = Client(self, var or self.var, environment)
        self.processes.append(client)
        return client

    def use(self, var: Path | None = None, **environment: str) -> Client:
        client = self.begin(var, **environment)
        assert client.answer["error"] == "", client.answer["error"]
        return client


class Client:
    def __init__(self, person: Person, var: Path, environment: dict[str, str]) -> None:
        self.var = var
        self._answer: dict[str, Any] = {}
        self.process = subprocess.Popen(
            [person.python, "-c", SCRIPT, str(var), str(person.state)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={"PATH": os.defpath, **person.environment, **environment},
            user=person.uid,
            group=None if person.uid is None else pwd.getpwuid(person.uid).pw_gid,
            extra_groups=None if person.uid is None else [],
        )

    @property
    def answer(self) -> dict[str, Any]:
        assert self.process.stdout
        if not self._answer:
            self._answer = json.loads(self.process.stdout.readline())
        return self._answer

    def order(self, statement: str) -> str:
        """Have the process run one line of Python that prints one line."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(statement + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def sql(self, statement: str) -> list[Any]:
        rows: list[Any] = json.loads(
            self.order(
                "import psycopg; c = psycopg.connect(server.url, autocommit=True); "
                f"r = c.execute({statement!r}); "
                "print(json.dumps(r.fetchall() if r.description else []), flush=True); c.close()"
            )
        )
        return rows

    def leave(self) -> None:
        """Stop the server at once if this is its last process."""
        assert self.order("EmbeddedPostgres(var, state=state).leave(); print('left', flush=True)") == "left"

    def end(self) -> None:
        self.process.communicate(timeout=30)

    def kill(self) -> None:
        self.kill_only()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()

    def kill_only(self) -> None:
        """Leave its children alone, which may hold the other ends of our pipes."""
        self.process.kill()
        self.process.wait(30)


def postmaster(home: Path) -> int:
    return int((home / "data" / "postmaster.pid").read_text().splitlines()[0])


def processes_of(home: Path) -> list[int]:
    """Ids of every process that belongs to this cluster: servers by their folder, watchers by name."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            works_here = (entry / "cwd").resolve() == home / "data"
            watches = b"embedded_watcher\0" + os.fsencode(home) + b"\0" in (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if works_here or watches:
            found.append(int(entry.name))
    return found


def seconds_until_gone(home: Path, limit: float = 15) -> float:
    begun = time.monotonic()
    while processes_of(home) and time.monotonic() - begun < limit:
        time.sleep(0.2)
    return time.monotonic() - begun


def kill_all(home: Path) -> None:
    for pid in processes_of(home):
        os.kill(pid, signal.SIGKILL)
