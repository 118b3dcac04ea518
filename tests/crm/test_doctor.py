"""What the doctor finds, where, how to mend it; and that it asks nobody else unless told to."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import dns.message
import dns.resolver
import dns.rrset
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from dns.rcode import NXDOMAIN

from crm.audit.rules import System
from crm.fills.actions import beat
from crm.fills.models import Fill
from crm.lib.partitions import ensure_days
from crm.management.commands.doctor import looked_over
from crm.management.doctor import dns_records, mail_server
from crm.outbox.models import MailState, OutboundMail
from crm.sources.actions import accept, create_source, create_write_key
from crm.sources.models import InboxBatch
from tests.crm.outbox.letters import approve, contact
from tests.crm.outbox.sink import Sink, running
from tests.live import database_url, free_port

BY = System("test")


@pytest.fixture
def now(db: None) -> datetime:
    """A working installation."""
    now = datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = on")  # tests are faster without
    beat("jobs", at=now)
    ensure_days("crm_inbox_batch", [now.date(), now.date() + timedelta(days=1)])
    return now


def asked(*more: str) -> tuple[int, list[dict[str, str]]]:
    out = StringIO()
    try:
        call_command("doctor", "--json", *more, stdout=out)
    except SystemExit as stop:
        return int(stop.code or 0), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def test_a_working_installation_is_well(now):
    code, findings = asked("--record")
    assert (code, {finding["level"] for finding in findings}) == (0, {"good"})
    assert [finding["where"] for finding in findings if finding["where"] == "record"] == ["record"]


def test_what_waits_for_a_person_is_a_warning_that_says_how_to_mend_it(now):
    lena = contact("lena@customer.example")
    approve(lena, due_at=now - timedelta(minutes=40), at=now)
    lost = approve(lena, due_at=now, at=now)
    OutboundMail.objects.system("test").filter(pk=lost.pk).update(state=MailState.UNCONFIRMED)
    key = create_write_key(create_source(name="App", at=now, by=BY), at=now, by=BY)[1]
    accept(key=key, call="track", body=b"{}", events=1, at=now)
    InboxBatch.objects.update(parked_at=now)
    Fill.objects.create(stage="windows", failed="ValueError")
    code, findings = asked()
    warned = {finding["where"]: finding for finding in findings if finding["level"] != "good"}
    assert code == 1
    assert sorted(warned) == ["events", "mail", "pipeline"]
    assert all(finding["mend"] for finding in warned.values())
    assert warned["events"]["what"] == "Requests that five attempts could not count: 1."
    assert "lena" not in json.dumps(findings)


def test_jobs_that_stand_still_are_a_problem_and_words_begin_with_it(now):
    beat("jobs", at=now - timedelta(hours=1))
    out = StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command("doctor", stdout=out)
    assert stop.value.code == 2
    assert out.getvalue().startswith("mend  jobs: Background jobs have stood still for 3600 seconds.\n      Start or")


def test_settings_of_production_are_looked_at(now, settings):
    settings.LOCAL, settings.SECURE, settings.SECRET_KEY, settings.DEBUG = False, False, "short", True
    found = {(finding.level, finding.where) for finding in looked_over(now) if finding.level != "good"}
    assert found == {("problem", "keys"), ("warning", "keys"), ("warning", "mail")}


def test_a_mail_server_is_greeted_and_gets_no_mail(settings):
    with running(Sink()) as sink:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{sink.port}"
        assert [finding.level for finding in mail_server()] == ["good"]
        assert sink.taken == []
    settings.EMAIL_URL = f"smtp://127.0.0.1:{free_port()}"
    (finding,) = mail_server()
    assert (finding.level, finding.what) == ("problem", "It does not answer: Connection refused.")


@contextmanager
def records(**texts: str) -> Iterator[dns.resolver.Resolver]:
    """A name server on loopback that knows these TXT records, by name with _ for every dot."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                data, sender = server.recvfrom(4096)
                if data == b"stop":
                    return
                question = dns.message.from_wire(data)
                name = question.question[0].name
                reply = dns.message.make_response(question)
                if text := texts.get(name.to_text(omit_final_dot=True).replace(".", "_")):
                    reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", f'"{text}"'))
                else:
                    reply.set_rcode(NXDOMAIN)
                server.sendto(reply.to_wire(), sender)

        thread = Thread(target=serve)
        thread.start()
        found = dns.resolver.Resolver(configure=False)
        found.nameservers, found.port = ["127.0.0.1"], server.getsockname()[1]
        yield found
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
            stop.sendto(b"stop", server.getsockname())
        thread.join()


GOOD_RECORDS: dict[str, Any] = {
    "ours_example": "v=spf1 mx -all", "_dmarc_ours_example": "v=DMARC1; p=none", "s1__domainkey_ours_example": "p=MIIB",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "levels"),
    [
        ({}, ["good", "good", "good"]),
        ({"ours_example": "v=spf1 +all"}, ["problem", "good", "good"]),
        ({"ours_example": ""}, ["problem", "good", "good"]),
        ({"_dmarc_ours_example": ""}, ["good", "warning", "good"]),
        ({"s1__domainkey_ours_example": ""}, ["good", "good", "problem"]),
    ],
)
def test_the_records_of_the_sending_domain_are_judged(changed, levels):
    with records(**GOOD_RECORDS | changed) as resolver:
        assert [finding.level for finding in dns_records("ours.example", selector="s1", resolver=resolver)] == levels


@pytest.mark.django_db
def test_a_command_on_a_database_that_is_not_set_up_says_what_to_run() -> None:
    command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "backup", "nowhere.zip"]
    environment = os.environ | {"DATABASE_URL": database_url("postgres"), "DEBUG": "1", "SECRET_KEY": "x" * 50}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        'The database is not set up for this version (relation "crm_salt" does not exist):'
        " run manage.py migrate, or manage.py up."
    )
