"""The embedded PostgreSQL: made at first use, started when needed, shared by all our processes.

`ensure_running(var)` may be called by many processes at once and costs a few milliseconds when
the server runs. Each caller holds a share of the server until it ends, in whatever way; the
watcher (embedded_watcher.py) stops the server after the last. It listens on a socket in a folder
that only its owner may enter, asks for a random password (scram-sha-256), and admits one role
only, which is no superuser: the superuser has no way in while the server runs.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg.conninfo import make_conninfo

from crm.lib.embedded_cluster import PATIENCE_SECONDS, Cluster, try_lock
from crm.lib.embedded_place import (
    STATE,
    EmbeddedPostgresError,
    check_private,
    locate,
    socket_folder,
)

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "Server", "ensure_running"]

MAJOR = "18"
ROLE = "holdfast"
LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
ATTEMPTS = 5
DEAF_SECONDS = 10  # says it is ready, yet does not answer: its socket was removed
# In /dev/shm, which containers often limit to 64 MB, parallel queries would run out of room.
SHARED_MEMORY_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Server:
    """How to reach the running server.

    `notice` is for the owner: as whom it runs and where its data are, "" when nothing is unusual.
    `started` is true when this very call has started it.
    """

    host: str
    port: int
    user: str
    dbname: str
    password: str = field(repr=False)
    programs: Path
    notice: str
    started: bool = False

    @property
    def url(self) -> str:
        """For DATABASE_URL; it holds the password."""
        host = quote(self.host, safe="")
        return f"postgres://{self.user}:{self.password}@{host}:{self.port}/{self.dbname}"

    def answers(self) -> bool:
        """What pg_isready does, without starting a process."""
        where = make_conninfo(host=self.host, port=self.port, user=self.user, dbname=self.dbname, connect_timeout=5)
        return psycopg.pq.PGconn.ping(where.encode()) == psycopg.pq.Ping.OK


# Lock files held by this process, until it ends: that is what tells the watcher that we live.
# Forked children hold them too; programs started with exec do not.
_SHARES: dict[Path, int] = {}


class EmbeddedPostgres:
    """The server of one project folder.

    With `tcp_port` it also listens on 127.0.0.1, and `initdb_args` may choose another locale:
    that is how the tests get a server that looks like somebody else's.
    """

    def __init__(
        self,
        var: Path,
        *,
        tcp_port: int | None = None,
        initdb_args: Sequence[str] = LOCALE,
        state: Path = STATE,
    ) -> None:
        self.var, self.state = Path(var).resolve(), state
        self.tcp_port, self.initdb_args = tcp_port, initdb_args

    def start(self) -> Server:
        """Return the running server, making and starting it if need be. Raises EmbeddedPostgresError."""
        try:
            cluster, notice = locate(self.var, self.state)
            _share(cluster)
            server = self._ready_server(cluster, notice)
            if not server or not _watched(cluster):
                with cluster.alone():
                    server = self._start(cluster, notice)
            return replace(server, host="127.0.0.1") if self.tcp_port else server
        except OSError as error:
            raise _explained(error.strerror or str(error), error.filename or self.var) from error

    def stop(self) -> None:
        """Stop the server now, whoever uses it."""
        cluster, _ = locate(self.var, self.state)
        with cluster.alone():
            cluster.stop()

    def leave(self) -> None:
        """Give back this process's share; the last one out stops the server at once.

        For a supervisor that is about to end, above all as the first process of a container,
        which takes the watcher with it.
        """
        cluster, _ = locate(self.var, self.state)
        if (share := _SHARES.pop(cluster.home, None)) is not None:
            os.close(share)
        with cluster.alone():
            cluster.stop_if_unused()

    def _ready_server(self, cluster: Cluster, notice: str) -> Server | None:
        """The server if it answers; None when it must be made or started first."""
        try:
            check_private(cluster.home, cluster.owner)
            password = (cluster.home / "password").read_text()
        except FileNotFoundError:
            return None
        server = self._server(cluster, password, notice)
        return server if server.answers() else None

    def _server(self, cluster: Cluster, password: str, notice: str) -> Server:
        # By its socket also where it listens on TCP: on a port somebody else might answer.
        host, port = str(socket_folder(cluster)), self.tcp_port or 5432
        return Server(host, port, ROLE, ROLE, password, cluster.programs, notice)

    def _start(self, cluster: Cluster, notice: str) -> Server:
        for unfinished in cluster.home.parent.glob("postgres.new-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        if not cluster.home.exists():
            self._create(cluster)
        _check_version(cluster)
        # First, so that whatever happens to us the server will have somebody to stop it.
        _start_watcher(cluster)
        server = self._server(cluster, (cluster.home / "password").read_text(), notice)
        if server.answers():
            return server
        self._boot(cluster, server)
        return replace(server, started=True)

    def _create(self, cluster: Cluster) -> None:
        """Make a complete cluster beside its final place, then move it there in one step."""
        home = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=cluster.home.parent))
        cluster.give(home)
        fresh = replace(cluster, home=home)
        password = secrets.token_urlsafe(32)
        try:
            arguments = ["-U", "postgres", "-E", "UTF8", "--auth=reject", "--no-instructions"]
            _must(fresh, "initdb", [*arguments, *self.initdb_args])
            # Through the back door of single-user mode: no superuser ever connects.
            _must(
                fresh,
                "postgres",
                ["--single", "-c", "exit_on_error=true", "-D", str(fresh.data), "postgres"],
                f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{password}';\n"
                f"CREATE DATABASE {ROLE} OWNER {ROLE} TEMPLATE template0;\n",
                secret=password,
            )
            _write(fresh, home / "password", password)
            with (fresh.data / "postgresql.conf").open("a") as configuration:
                configuration.write("\ninclude 'holdfast.conf'\n")
            home.rename(cluster.home)
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def _boot(self, cluster: Cluster, server: Server) -> None:
        sockets = socket_folder(cluster)
        for _ in range(ATTEMPTS):
            if _await_running(cluster, server):
                return
            cluster.clear_leftovers(sockets / f".s.PGSQL.{server.port}.lock")
            _write(cluster, cluster.data / "holdfast.conf", self._configuration(sockets))
            _write(cluster, cluster.data / "pg_hba.conf", self._admission())
            with cluster.log.open("ab") as log:
                before = log.seek(0, os.SEEK_END)
                cluster.run("pg_ctl", "start", "-s", "-w", "-t", str(PATIENCE_SECONDS), output=log)
            if server.answers():
                return
            with cluster.log.open("rb") as log:
                log.seek(before)
                said = log.read().decode(errors="replace")
            # Backends of a killed server may hold its memory for a moment; recovery may be long.
            passing = "shared memory block" in said or "lock file" in said
            if not passing and cluster.server_pid() is None:
                raise _explained(_faults(said), cluster.data, cluster.log)
            time.sleep(1)
        raise _explained("it does not answer", cluster.data, cluster.log)

    def _configuration(self, sockets: Path) -> str:
        settings = {
            "listen_addresses": "127.0.0.1" if self.tcp_port else "",
            "port": self.tcp_port or 5432,
            "unix_socket_directories": '"' + str(sockets).replace('"', '""') + '"',
            "unix_socket_permissions": "0700",
            "password_encryption": "scram-sha-256",
            "max_connections": 100,
            "shared_buffers": "256MB",
            "max_wal_size": "2GB",
            "wal_compression": "on",
            # Nobody follows this server, so a table that is filled by whoever creates it need not go through the log.
            "wal_level": "minimal",
            "max_wal_senders": 0,
            # "Accepted" is said after the commit, so a commit must be on the disk.
            "synchronous_commit": "on",
            "jit": "off",
            "max_parallel_workers_per_gather": 2,
            "timezone": "UTC",
            "log_timezone": "UTC",
            "logging_collector": "off",
            "log_checkpoints": "off",
            # Statements and their errors carry personal values; Django hears of them anyway.
            "log_min_messages": "log",
            "log_min_error_statement": "panic",
        }
        if _shared_memory() < SHARED_MEMORY_BYTES:
            settings["dynamic_shared_memory_type"] = "mmap"
        lines = [f"{name} = {_quoted(str(value))}\n" for name, value in settings.items()]
        return "# Written at every start.\n" + "".join(lines)

    def _admission(self) -> str:
        lines = ["# Written at every start.", f"local all {ROLE} scram-sha-256"]
        if self.tcp_port:
            lines.append(f"host all {ROLE} 127.0.0.1/32 scram-sha-256")
        return "\n".join([*lines, ""])


def ensure_running(var: Path) -> Server:
    """Return the project's running server; start it if it does not run."""
    return EmbeddedPostgres(var).start()


def _share(cluster: Cluster) -> None:
    """Hold `postgres.clients` shared until this process ends."""
    held = _SHARES.get(cluster.home)
    while held is None or not cluster.is_current(held, "clients"):
        held = cluster.open_lock("clients")
        fcntl.flock(held, fcntl.LOCK_SH)
    _SHARES[cluster.home] = held


def _watched(cluster: Cluster) -> bool:
    descriptor = cluster.open_lock("watcher")
    try:
        # Shared, so that two who look at the same time do not take each other for the watcher.
        return not try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _start_watcher(cluster: Cluster) -> None:
    """Start the watcher unless one lives. The lock is taken here and handed down to it."""
    lock = cluster.open_lock("watcher")
    try:
        # Those who merely look hold it for an instant; a watcher keeps it.
        deadline = time.monotonic() + 0.5
        while not try_lock(lock, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)
        owner = ["", ""] if cluster.uid is None else [str(cluster.uid), str(cluster.gid)]
        places = [str(cluster.home), str(cluster.programs)]
        command = [sys.executable, "-S", "-m", "crm.lib.embedded_watcher", *places, *owner]
        cluster.log.touch(mode=0o600)
        cluster.give(cluster.log)
        with cluster.log.open("ab") as log:
            ran = subprocess.run(
                [*command, str(lock)],
                cwd="/",
                env=_python_environment(),
                pass_fds=[lock],
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
            )
        if ran.returncode:
            raise _explained("its watcher does not start", cluster.home.parent, cluster.log)
    finally:
        os.close(lock)


def _python_environment() -> dict[str, str]:
    """What Python needs to find our package and its own libraries, and no secrets."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "PYTHONHOME") if name in os.environ}
    return {**kept, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "LC_ALL": "C.UTF-8"}


def _await_running(cluster: Cluster, server: Server) -> bool:
    """Wait for a server that is starting or recovering; False when there is none."""
    begun = time.monotonic()
    while cluster.server_pid() is not None and time.monotonic() - begun < PATIENCE_SECONDS:
        if server.answers():
            return True
        if cluster.says_ready() and time.monotonic() - begun > DEAF_SECONDS:
            cluster.stop()
        time.sleep(0.1)
    return False


def _check_version(cluster: Cluster) -> None:
    check_private(cluster.home, cluster.owner)
    found = (cluster.data / "PG_VERSION").read_text().strip()
    if found != MAJOR:
        raise EmbeddedPostgresError(
            f"These data were made by PostgreSQL {found}, and this Holdfast brings {MAJOR}",
            cluster.data,
            "Go back to the Holdfast that made them, run its backup, then start this one with an "
            "empty folder and restore.",
        )


def _must(cluster: Cluster, program: str, arguments: Sequence[str], text: str = "", *, secret: str = "") -> None:
    ran = cluster.run(program, *arguments, output=subprocess.PIPE, text=text)
    if ran.returncode:
        said = ran.stdout.decode(errors="replace")
        raise _explained(_faults(said.replace(secret, "***") if secret else said), cluster.home)


def _write(cluster: Cluster, path: Path, text: str) -> None:
    """Replace a file in one step; only the server's user may read it."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    cluster.give(fresh)
    fresh.rename(path)


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _shared_memory() -> float:
    """Bytes of /dev/shm; infinite where there is none, as PostgreSQL's default then does well."""
    with suppress(OSError):
        room = os.statvfs("/dev/shm")  # noqa: S108 - only measured
        return room.f_blocks * room.f_frsize
    return float("inf")


def _faults(said: str) -> str:
    """The lines of a PostgreSQL program's output that name the fault."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    marks = ("FATAL:", "PANIC:", "ERROR:", "error:", "HINT:", "DETAIL:")
    return " ".join([line for line in lines if any(mark in line for mark in marks)] or lines[-3:])


def _explained(said: str, where: Path | str, log: Path | None = None) -> EmbeddedPostgresError:
    """Turn what the system said into a cause and a remedy."""
    known = {
        errno.ENOSPC: ("the disk is full", "Free some space and start again."),
        errno.EDQUOT: ("the disk quota is used up", "Free some space and start again."),
        errno.EROFS: ("the file system is read-only", "Mount it writable, or set DATABASE_URL."),
        errno.EACCES: (
            "this user may not write there",
            "Start as the owner of that folder, choose another with HOLDFAST_VAR, or set DATABASE_URL.",
        ),
        errno.EPERM: (
            "this user may not do so there",
            "Start as the owner of that folder, choose another with HOLDFAST_VAR, or set DATABASE_URL.",
        ),
    }
    cause, how = said, f"See {log} for more." if log else "Mend that and start again."
    for number, (meaning, remedy) in known.items():
        if os.strerror(number).lower() in said.lower():
            cause, how = meaning, remedy
    return EmbeddedPostgresError(f"The embedded database cannot start: {cause}", where, how)
