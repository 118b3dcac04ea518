"""One PostgreSQL cluster on disk: its files, its locks, its programs, its processes.

Standard library only, because the watcher imports this and must start in a blink.

    <place>/postgres/           0700, owned by the server's user; also the socket's folder
    <place>/postgres/data/      PGDATA
    <place>/postgres/password   of the application role, 0600
    <place>/postgres.lock       held alone while somebody starts or stops the server
    <place>/postgres.clients    held shared by every process that uses it, for life
    <place>/postgres.watcher    held alone by the process that stops the server at the end
    <place>/postgres.log        what the server says
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGQUIT
from typing import IO

PATIENCE_SECONDS = 300  # crash recovery may replay all of max_wal_size
ORPHAN_SECONDS = 10


@dataclass(frozen=True)
class Cluster:
    """`uid` and `gid` are those of the server; None means our own (we are not root)."""

    home: Path
    programs: Path
    uid: int | None = None
    gid: int | None = None

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home.with_name("postgres.log")

    @property
    def owner(self) -> int:
        return os.geteuid() if self.uid is None else self.uid

    def give(self, path: Path) -> None:
        """Make a file that we have just made the server's own (only root has to)."""
        if self.uid is not None:
            os.chown(path, self.uid, -1 if self.gid is None else self.gid, follow_symlinks=False)

    def open_lock(self, name: str) -> int:
        """Open `postgres.<name>`; the descriptor is not inherited by other programs."""
        path = self.home.with_name(f"postgres.{name}")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if self.uid is not None and os.fstat(descriptor).st_uid != self.uid:
            os.fchown(descriptor, self.uid, -1)
        return descriptor

    def is_current(self, descriptor: int, name: str) -> bool:
        """False when the lock file was removed or replaced after it was opened."""
        try:
            now, then = os.stat(self.home.with_name(f"postgres.{name}")), os.fstat(descriptor)
        except OSError:
            return False
        return (now.st_dev, now.st_ino) == (then.st_dev, then.st_ino)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the right to start and stop the server."""
        descriptor = self.open_lock("lock")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            # Said aloud, since a fork made meanwhile by another thread holds a copy.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def run(
        self, program: str, *arguments: str, output: IO[bytes] | int, text: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a PostgreSQL program as the server's user, in a session of its own.

        PGDATA goes by environment: pg_ctl hands -D to a shell, and a path may hold a quote or a $.
        """
        return subprocess.run(
            [str(self.programs / program), *arguments],
            cwd="/",
            env={"PGDATA": str(self.data), "LC_ALL": "C", "PATH": os.defpath},
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
            umask=0o077,
            start_new_session=True,
            input=text.encode(),
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )

    def noted_pid(self) -> int | None:
        """The process id in postmaster.pid, be it alive, dead or by now somebody else's."""
        return first_number(self.data / "postmaster.pid")

    def server_pid(self) -> int | None:
        pid = self.noted_pid()
        return pid if pid is not None and pid in processes_in(self.data) else None

    def says_ready(self) -> bool:
        with suppress(OSError, IndexError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return lines[7].strip() == "ready"
        return False

    def stop(self) -> bool:
        """End the server and wait for it; True when none is left. Call it inside alone()."""
        for mode in ("fast", "immediate"):
            # Asked each time: pg_ctl trusts the number in the file, which may be reused.
            if self.server_pid() is None:
                return True
            with self.log.open("ab") as log:
                self.run("pg_ctl", "stop", "-s", "-m", mode, "-t", str(PATIENCE_SECONDS), output=log)
        return self.server_pid() is None

    def stop_if_unused(self) -> bool:
        """Stop the server unless some process holds a share of it. Call it inside alone()."""
        clients = self.open_lock("clients")
        try:
            # Kept while stopping, so that a newcomer waits and then starts it afresh.
            return try_lock(clients, fcntl.LOCK_EX) and self.stop()
        finally:
            os.close(clients)

    def clear_leftovers(self, *locks: Path) -> None:
        """After a crash: let orphaned backends end, and forget a reused process id.

        A lock file whose process is dead is left alone: PostgreSQL replaces it itself, after
        looking at the shared memory noted in it. It only balks at a number that lives again.
        """
        begun = time.monotonic()
        while orphans := processes_in(self.data):
            waited = time.monotonic() - begun
            if waited > 2 * ORPHAN_SECONDS:
                raise TimeoutError(f"processes {orphans} of an earlier server do not end")
            for pid in orphans if waited > ORPHAN_SECONDS else ():
                with suppress(ProcessLookupError):
                    os.kill(pid, SIGQUIT)
            time.sleep(0.1)
        for lock in (self.data / "postmaster.pid", *locks):
            noted = first_number(lock)
            if noted is not None and lives(abs(noted)):
                lock.unlink(missing_ok=True)


def first_number(path: Path) -> int | None:
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def processes_in(data: Path) -> list[int]:
    """Ids of all postgres processes that work in this data folder.

    Every one of them has it as its current folder, which no reused id can counterfeit.
    """
    if not Path("/proc/self/cwd").exists():
        return _processes_by_lsof(data)
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _works_in(entry, data)]


def _works_in(process: Path, data: Path) -> bool:
    with suppress(OSError):
        return (process / "comm").read_text() == "postgres\n" and (process / "cwd").samefile(data)
    return False


def _processes_by_lsof(data: Path) -> list[int]:
    """For macOS, which has no /proc: lsof prints p<pid>, fcwd and n<folder>, a line each."""
    said = subprocess.run(["lsof", "-a", "-c", "postgres", "-d", "cwd", "-Fpn"], capture_output=True, text=True).stdout
    found, pid = [], 0
    for line in said.splitlines():
        if line.startswith("p"):
            pid = int(line[1:])
        elif line == f"n{data.resolve()}":
            found.append(pid)
    return found
