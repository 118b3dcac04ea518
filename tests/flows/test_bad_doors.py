"""Bad input at the doors of processes: settings, ports, folders, files, arguments. A sentence, an exit, nothing left.

Most are a real `manage.py`, as a person would type it; where a process is not the point, its command alone.
"""

import os
import pwd
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from crm.accounts.models import Account
from crm.audit.models import AuditRow
from crm.imports.models import ImportRun
from crm.sources.models import Source, WriteKey
from tests.child_processes import own_database
from tests.crm.lib.embedded_people import open_python

ROOT = Path(settings.BASE_DIR)
SHOWS_ITS_USAGE = "usage: manage.py"
AWAY = (
    "The database of DATABASE_URL at 127.0.0.1 port 1 cannot be used: "
    "nothing listens there; is the server running, and is the port right."
)
NOT_POSTGRES = "DATABASE_URL must begin with postgres:// — Holdfast runs on PostgreSQL only."
UNREADABLE = (
    "DATABASE_URL cannot be read; write it like postgres://user:password@host:5432/database, "
    "with special characters of the password percent-encoded."
)
MAIL = "EMAIL_URL must look like smtp://user:password@host:port, smtp+tls://… or smtps://…."


def manage(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=kept | {"LC_ALL": "C.UTF-8"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def said(run: subprocess.CompletedProcess[str]) -> str:
    """The one sentence on stderr of a command that failed; what the server tells its owner is not about the door."""
    assert "Traceback" not in run.stderr, run.stderr
    assert run.returncode not in (0, -11), run.stdout
    lines = [line for line in run.stderr.splitlines() if not line.startswith("The database server runs as the user")]
    assert len(lines) == 1, run.stderr
    return lines[0].removeprefix("CommandError: ")


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DATABASE_URL", "mysql://root:secret@127.0.0.1/holdfast", NOT_POSTGRES),
        ("DATABASE_URL", "http://secret@127.0.0.1/holdfast", NOT_POSTGRES),
        ("DATABASE_URL", "nonsense with a secret", NOT_POSTGRES),
        ("DATABASE_URL", "postgres://u:secret@127.0.0.1:port/holdfast", UNREADABLE),
        ("PORT", "abc", "The environment variable PORT must be a port number such as 8000, but it is 'abc'."),
        ("PORT", "70000", "The environment variable PORT must be between 1 and 65535, but it is 70000."),
        ("EMAIL_URL", "nonsense", MAIL),
        ("EMAIL_URL", "smtp://us:secret@mail.example:smtp", MAIL),
        ("SITE_URL", "nonsense", "SITE_URL must be an address such as https://crm.example.com, but it is 'nonsense'."),
        ("SITE_URL", "http://[", "SITE_URL must be an address such as https://crm.example.com, but it is 'http://['."),
        ("DEBUG", "perhaps", "The environment variable DEBUG must be 1 or 0, but it is 'perhaps'."),
        ("LOG_LEVEL", "loud", "LOG_LEVEL must be DEBUG, INFO, WARNING, ERROR or CRITICAL, but it is 'LOUD'."),
    ],
)
def test_a_setting_that_cannot_be_read_stops_the_start_with_a_sentence(
    var: Path, name: str, value: str, sentence: str
) -> None:
    local = {} if name == "DEBUG" else {"DEBUG": "1"}
    run = manage("up", **{"HOLDFAST_VAR": str(var), name: value}, **local)
    assert said(run) == sentence
    assert "secret" not in run.stdout + run.stderr
    assert {path.name for path in var.glob("*")} <= {"secret_key"}


def test_outside_a_local_run_the_secret_key_is_required_and_none_is_made(var: Path) -> None:
    sentence = "SECRET_KEY is not set. Outside a local run it is required: set it to at least 50 random characters."
    assert said(manage("up", DEBUG="0", HOLDFAST_VAR=str(var))) == sentence
    assert not var.exists()


@pytest.mark.parametrize("command", [["up"], ["migrate"], ["score", "--day", "2026-11-01"], ["worker"]])
def test_every_command_says_that_the_database_does_not_answer(var: Path, command: list[str]) -> None:
    run = manage(*command, DATABASE_URL="postgres://us:secret@127.0.0.1:1/holdfast", DEBUG="1", HOLDFAST_VAR=str(var))
    assert said(run) == AWAY
    assert "secret" not in run.stderr


def test_a_port_in_use_is_named_and_no_database_is_made(var: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = manage("up", PORT=str(port), HOLDFAST_VAR=str(var))
    assert said(run) == (
        f"Port {port} cannot be used (Address already in use). Stop what uses it, or choose another: PORT=8001 make run"
    )
    assert [path.name for path in var.iterdir()] == ["secret_key"]


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    place = tmp_path / "var"
    place.write_text("kept")
    assert said(manage("up", HOLDFAST_VAR=str(place))).startswith(f"The folder {place} cannot be written (")
    assert place.read_text() == "kept"


@pytest.mark.parametrize("begun", [False, True])
def test_a_read_only_folder_is_named(tmp_path_factory: pytest.TempPathFactory, begun: bool) -> None:
    """Also when the key is there already and only the database would have to be made."""
    nobody = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    place = Path("/tmp") / f"holdfast-read-only-{os.getpid()}-{begun}"
    place.mkdir()
    try:
        if begun:
            (place / "secret_key").write_text("x" * 50)
            (place / "secret_key").chmod(0o644)
        place.chmod(0o555)
        opened = tmp_path_factory.mktemp("python")
        run = as_user(nobody, opened, place)
        assert "Traceback" not in run.stderr, run.stderr
        assert run.returncode == 1
        assert f"{place}" in run.stderr
        assert len(run.stderr.splitlines()) == 1
        assert {path.name for path in place.iterdir()} == ({"secret_key"} if begun else set())
    finally:
        place.chmod(0o755)
        shutil.rmtree(place)


def as_user(uid: int, folder: Path, var: Path) -> subprocess.CompletedProcess[str]:
    """`manage.py up` as an ordinary user, with a Python that this user can run."""
    more: dict[str, Any] = {"user": uid, "group": uid, "extra_groups": []} if os.geteuid() == 0 else {}
    for parent in (folder, *folder.parents[:3]):
        if os.geteuid() == 0 and parent.stat().st_uid == 0 and parent != Path("/tmp"):
            parent.chmod(0o755)
    python, environment = open_python(folder, uid) if more else (sys.executable, {})
    return subprocess.run(
        [python, str(ROOT / "manage.py"), "up"],
        cwd="/",
        env={**environment, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOLDFAST_VAR": str(var)},
        capture_output=True,
        text=True,
        timeout=120,
        **more,
    )


# --- commands on a database that answers --------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "binary.csv").write_bytes(b"\x00\x01PK\x03\x04" * 500)
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "other.csv").write_text("colour\nred\n")
    (tmp_path / "folder").mkdir()
    return tmp_path


COMMANDS = [
    (["import_file", "accounts", "{files}/none.csv"], "There is no file {files}/none.csv. Nothing was imported."),
    (["import_file", "accounts", "{files}/folder"], "{files}/folder is a folder. Name a file. Nothing was imported."),
    (
        ["import_file", "accounts", "{files}/binary.csv"],
        "This is not a text file: its first line holds NUL bytes. Save the table as CSV. Nothing was imported.",
    ),
    (["import_file", "accounts", "{files}/empty.csv"], "The file is empty. Nothing was imported."),
    (
        ["import_file", "accounts", "{files}/other.csv"],
        "The file has no column external_id. Its columns are: colour. Name one with --column external_id=… "
        "Nothing was imported.",
    ),
    (["import_file", "crm5", "{files}/other.csv"], "{files}/other.csv is not a folder. Nothing was imported."),
    (["create_write_key", ""], "A source needs a name."),
    (["create_write_key", "x" * 101], "The text is longer than 100 characters. Shorten it."),
    (["score", "--day", "nonsense"], "--day must be a day such as 2026-11-21, not 'nonsense'."),
    (["score", "--day", "2999-01-01"], "2999-01-01 is still to come: scores exist through today."),
    (
        ["score", "--day", "2026-11-01", "--account", "nobody"],
        "There is no account with the external id 'nobody'.",
    ),
    (
        ["pipeline", "--through", "nonsense"],
        "--through must be an instant such as 2026-11-21T09:00:00Z, not 'nonsense'.",
    ),
    (
        ["pipeline", "--through", "9999-12-31T23:59:59-12:00"],
        "--through 9999-12-31T23:59:59-12:00 lies in the future; nothing is known of it yet.",
    ),
]


def refused(command: list[str]) -> str:
    with pytest.raises(CommandError) as error:
        call_command(*command)
    assert error.value.returncode == 1
    return str(error.value)


@pytest.mark.django_db
def test_commands_refuse_what_they_cannot_use_and_write_nothing(files: Path) -> None:
    asked = [([word.format(files=files) for word in command], said.format(files=files)) for command, said in COMMANDS]
    assert {" ".join(typed): refused(typed) for typed, _sentence in asked} == {
        " ".join(typed): sentence for typed, sentence in asked
    }
    tables: list[Any] = [
        Account.objects.system("test"),
        AuditRow.objects,
        ImportRun.objects,
        Source.objects,
        WriteKey.objects,
    ]
    assert [table.count() for table in tables] == [0] * len(tables)


@pytest.mark.django_db(transaction=True)
def test_such_a_sentence_is_all_that_the_person_who_types_it_reads(files: Path) -> None:
    run = manage("import_file", "accounts", f"{files}/none.csv", **own_database())
    assert (said(run), run.returncode) == (f"There is no file {files}/none.csv. Nothing was imported.", 1)


@pytest.mark.parametrize("command", [["score"], ["import_file", "nonsense", "x"], ["worker", "--beat", "x"]])
def test_a_wrong_argument_shows_the_usage_and_a_sentence(var: Path, command: list[str]) -> None:
    run = manage(*command, HOLDFAST_VAR=str(var))
    assert run.returncode == 2
    assert run.stderr.startswith(SHOWS_ITS_USAGE)
    assert run.stderr.splitlines()[-1].startswith(f"manage.py {command[0]}: error: ")
