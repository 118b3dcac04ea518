"""The embedded server, used by real processes of root and of an ordinary user."""

import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from crm.lib.embedded_cluster import Cluster
from tests.crm.lib.embedded_people import (
    Person,
    kill_all,
    postmaster,
    processes_of,
    root,
    seconds_until_gone,
)


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
    assert client.sql("show wal_level") == [["minimal"]]
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
    """Empty for a process that has just ended, as each attempt to start leaves some."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


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


def test_data_of_another_version_are_left_alone(me: Person) -> None:
    version = me.home / "data" / "PG_VERSION"
    version.write_text("16\n")
    assert me.begin().answer["error"] == (
        f"These data were made by PostgreSQL 16, and this Holdfast brings 18 (in {me.home / 'data'}). Go back to "
        "the Holdfast that made them, run its backup, then start this one with an empty folder and restore."
    )


def test_a_server_is_known_by_its_folder_and_not_by_its_number(me: Person) -> None:
    client = me.use()
    cluster = Cluster(me.home, Path(client.answer["programs"]))
    assert cluster.server_pid() == postmaster(me.home)
    elsewhere = me.ground / "elsewhere" / "postgres"
    (elsewhere / "data").mkdir(parents=True)
    shutil.copy(me.home / "data" / "postmaster.pid", elsewhere / "data")
    assert Cluster(elsewhere, cluster.programs).server_pid() is None
