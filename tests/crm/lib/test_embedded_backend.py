"""Django over the embedded server: lazily started, brought back after a crash, told like any trouble."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crm.lib.embedded_people import PROJECT, here, kill_all

KILL_AND_ASK_AGAIN = """
import os, signal, django
django.setup()
from pathlib import Path
from django.conf import settings
from django.db import OperationalError, connection
def ask():
    with connection.cursor() as cursor:
        cursor.execute("select current_database(), current_user")
        return cursor.fetchone()
print(ask())
os.kill(int((settings.VAR / "postgres" / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
connection.close()
print(ask())
"""


@pytest.fixture
def var() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="holdfast-django-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    kill_all(folder / "postgres")
    shutil.rmtree(folder)


def run(var: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**here(), "PATH": os.defpath, "HOLDFAST_VAR": str(var), "DJANGO_SETTINGS_MODULE": "crm.settings"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120
    )


def test_a_command_without_a_connection_starts_no_server(var: Path) -> None:
    assert run(var, "manage.py", "help").returncode == 0
    assert not (var / "postgres").exists()


def test_a_new_connection_brings_back_a_killed_server(var: Path) -> None:
    ran = run(var, "-c", KILL_AND_ASK_AGAIN)
    assert ran.stdout.splitlines() == ["('holdfast', 'holdfast')"] * 2, ran.stderr


def test_dbshell_uses_the_psql_that_comes_along(var: Path) -> None:
    ran = run(var, "manage.py", "dbshell", "--", "--no-psqlrc", "-Atc", "select current_user")
    assert ran.stdout == "holdfast\n", ran.stderr


def test_a_server_that_cannot_start_is_an_operational_error(var: Path) -> None:
    (var / "postgres").mkdir(mode=0o700)
    if os.geteuid() == 0:
        said = "The database folder belongs to root, as whom PostgreSQL does not run"
    else:
        said = "The embedded database cannot start: No such file or directory"
    ran = run(var, "-c", KILL_AND_ASK_AGAIN)
    assert ran.stderr.splitlines()[-1].startswith(f"django.db.utils.OperationalError: {said} (in {var / 'postgres'}")
