"""Backup while the work goes on, restore into an empty database: as it was, recomputed the same, nothing sent again."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import psycopg
import pytest
import time_machine
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from django_q.models import OrmQ
from psycopg.sql import SQL, Identifier

from crm.accounts.models import Account
from crm.audit.queries import verify
from crm.audit.rules import System
from crm.backups import actions, queries
from crm.erasures import actions as erasures
from crm.lib import doorbell, dumps
from crm.lib.dumps import DumpFailed
from crm.lib.mailer import FileTransport
from crm.outbox import actions as outbox
from crm.outbox.models import OutboundMail
from crm.sign_in.actions import new_password_link
from crm.sign_in.models import OneTimeLink
from crm.sources.actions import create_source, create_write_key
from retention import pipeline
from retention.scores.models import ScoreNow
from tests import factories
from tests.crm.outbox.letters import Clock
from tests.factories import NOW
from tests.flows.test_erasure import through_every_door, traces

BY = System("test")
BEAT = "INSERT INTO crm_beat (name, at) VALUES ('n', now()) ON CONFLICT (name) DO UPDATE SET at = now()"
SCORES = ("retention_health_score", "retention_score_now", "retention_score_reading", "crm_account_figures")


@contextmanager
def database(name: str) -> Iterator[None]:
    """Work in another database of the same server."""
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before


@contextmanager
def server() -> Iterator[Any]:
    params = connection.get_connection_params()
    reach = {key: params[key] for key in ("host", "port", "user", "password") if params.get(key)}
    with psycopg.connect(**reach, dbname="postgres", autocommit=True) as found:
        yield found


@pytest.fixture
def empty(transactional_db: None) -> Iterator[str]:
    """The name of a new database without a table."""
    name = f"restored_{uuid4().hex[:12]}"
    with server() as found:
        found.execute(SQL("CREATE DATABASE {} TEMPLATE template0").format(Identifier(name)))
    yield name
    with server() as found:
        found.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
def house(empty: str, tmp_path: Path, settings: Any) -> Account:
    settings.MAIL_FILES, settings.ERASURES_JOURNAL = tmp_path / "mail", tmp_path / "erasures.jsonl"
    owner = factories.user("rep", name="Mina Kwon", team=factories.team())
    account = factories.account("Canary Ltd", external_id="canary", owner=owner)
    key = create_write_key(create_source(name="App", at=NOW, by=BY), at=NOW, by=BY)[1]
    with time_machine.travel(NOW, tick=False):
        through_every_door(account, key, tmp_path)
        new_password_link(owner, at=NOW, by=BY)
        Client().force_login(owner)
        recompute()
    return account


def recompute() -> None:
    pipeline.ensure_defaults(at=NOW, by=BY)
    pipeline.run(through=NOW, at=NOW, by=BY)


def restore(file: Path, *more: str) -> str:
    said = StringIO()
    call_command("restore", str(file), *more, stdout=said)
    return said.getvalue()


def test_what_is_restored_is_as_it_was_erases_again_and_sends_nothing_twice(house, empty, tmp_path):
    file = tmp_path / "one.zip"
    doorbell.ring("drain")
    before = queries.digests(queries.tables())
    with writing():
        call_command("backup", str(file), stdout=StringIO())
    waiting = OutboundMail.objects.system("test").filter(state__in=["approved", "claimed"]).count()
    assert waiting == 2
    # What happens after the backup: a person is erased, which the journal beside the database remembers.
    person = OutboundMail.objects.system("test").order_by("pk").first()
    assert person is not None
    erasures.sweep(erasures.erase(person.contact, at=NOW, by=BY), at=NOW)
    erasures.keep_journal(settings.ERASURES_JOURNAL)
    assert "canary" not in settings.ERASURES_JOURNAL.read_text()

    noted = actions.look_through(file).manifest.tables
    assert {name for name, table in noted.items() if table != before[name]} <= {"crm_beat"}

    with database(empty), time_machine.travel(NOW, tick=False):
        said = restore(file)
        assert "Erased since, and erased again: 1 person." in said
        assert traces() == set()
        held = OutboundMail.objects.system("test").exclude(state__in=["sent"])
        assert set(held.values_list("state", "reason")) == {("unconfirmed", "restored")}
        done = outbox.send_due(clock=Clock(NOW), transport=FileTransport(tmp_path / "again"))
        assert (done.sent, list((tmp_path / "again").glob("*"))) == (0, [])
        assert (OrmQ.objects.count(), Session.objects.count()) == (0, 0)
        assert OneTimeLink.objects.unsettled().count() == 0
        assert verify().why == ""
        again = queries.digests(list(SCORES))
        recompute()
        assert queries.digests(list(SCORES)) == again
        assert ScoreNow.objects.system("test").count() == 1


@contextmanager
def writing() -> Iterator[None]:
    """Somebody goes on writing all the while."""
    stop = Event()

    def write() -> None:
        params = connection.get_connection_params()
        reach = {key: params[key] for key in ("host", "port", "user", "password", "dbname") if params.get(key)}
        with psycopg.connect(**reach, autocommit=True) as mine:
            while not stop.wait(0.01):
                mine.execute(BEAT)

    thread = Thread(target=write)
    thread.start()
    yield
    stop.set()
    thread.join()


def refused(file: Path) -> str:
    with pytest.raises(CommandError) as error:
        restore(file)
    return str(error.value)


def test_what_cannot_be_restored_says_why_and_leaves_the_database_as_it_was(empty, tmp_path):
    file = tmp_path / "one.zip"
    call_command("backup", str(file), stdout=StringIO())
    assert "holds" in refused(file)  # this database is not empty
    with pytest.raises(CommandError, match="is there already"):
        call_command("backup", str(file))
    cut, none = tmp_path / "cut.zip", tmp_path / "none.zip"
    cut.write_bytes(file.read_bytes()[:-1000])
    with database(empty):
        assert "cut off" in refused(cut)
        assert "No such file" in refused(none)
        assert "no backup of Holdfast" in refused(remade(file, tmp_path / "other.zip", manifest=None))
        assert "format" in refused(remade(file, tmp_path / "format.zip", manifest=('"format": 1', '"format": 2')))
        newer = ('"0001_initial"', '"9001_flying"')
        assert "made by a newer Holdfast" in refused(remade(file, tmp_path / "newer.zip", manifest=newer))
        assert "was changed" in refused(remade(file, tmp_path / "changed.zip", dump=b"-- nothing"))
        # What breaks off midway, by a kill or a full disk, is as if it had not begun.
        with pytest.raises((OSError, DumpFailed)):
            dumps.load(connection.get_connection_params(), half_of(file))
        assert queries.tables() == []


def remade(file: Path, path: Path, *, manifest: tuple[str, str] | None = ("", ""), dump: bytes | None = None) -> Path:
    with ZipFile(file) as old, ZipFile(path, "w") as new:
        if manifest is not None:
            new.writestr("manifest.json", old.read("manifest.json").decode().replace(*manifest, 1))
        new.writestr("erasures.jsonl", "")
        new.writestr("database.dump", dump or old.read("database.dump"))
    return path


def half_of(file: Path) -> Iterator[bytes]:
    with ZipFile(file) as archive:
        data = archive.read("database.dump")
    yield data[: len(data) // 2]
    raise OSError("the disk is gone")


def test_a_full_disk_leaves_nothing_of_a_backup(transactional_db, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(CommandError, match=r"cannot be written: File too large\. Nothing is left of it\."):
            call_command("backup", str(tmp_path / "one.zip"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
