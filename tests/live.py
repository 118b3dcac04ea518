"""A real gunicorn over the test database, for what only a real server shows: framing, chunks, size, processes."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import connection


def database_url(name: str = "") -> str:
    """The database of this test run, or another one of its server, as another process names it."""
    at = connection.get_connection_params()
    who = f"{quote(str(at.get('user', '')), safe='')}:{quote(str(at.get('password') or ''), safe='')}"
    where = urlencode({"host": at.get("host") or "localhost", "port": at.get("port") or 5432})
    return f"postgres://{who}@/{name or at['dbname']}?{where}"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def gunicorn(workers: int = 1, threads: int = 4, **more: str) -> Iterator[str]:
    """Serve the site from processes of its own; gives its address and stops it afterwards."""
    port = free_port()
    root = Path(settings.BASE_DIR)
    environment = os.environ | {
        "DATABASE_URL": database_url(),
        "SECRET_KEY": "only for this test run, and long enough for the check of it",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "SITE_URL": f"http://127.0.0.1:{port}",
        **more,
    }
    command = [
        *(sys.executable, "-m", "gunicorn", "--no-control-socket", "--worker-class", "gthread"),
        *(
            "--workers",
            str(workers),
            "--threads",
            str(threads),
            "--bind",
            f"127.0.0.1:{port}",
            "--log-level",
            "warning",
        ),
        "crm.wsgi:application",
    ]
    process = subprocess.Popen(command, cwd=root, env=environment)
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "gunicorn stopped before it answered"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("gunicorn did not answer within a minute")
