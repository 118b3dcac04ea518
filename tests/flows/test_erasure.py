"""One person through every door, then erased: no column of any table, no file and no log knows them any more."""

import gzip
import json
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import time_machine
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import call_command
from django.db import connection
from django.test import Client

from crm import jobs
from crm.accounts.actions import set_next_step
from crm.accounts.models import Account
from crm.audit.models import AuditRow
from crm.audit.queries import verify
from crm.audit.rules import System
from crm.consents.actions import grant_consent
from crm.contacts.actions import change_contact, create_contact, mark_left
from crm.contacts.models import Contact
from crm.erasures import actions, queries
from crm.erasures.models import Erasure
from crm.goals.actions import drop_goal, set_goal
from crm.imports.models import ImportRun
from crm.lib.mailer import FileTransport
from crm.lib.personal import Subject
from crm.outbox import actions as outbox
from crm.outbox.models import MailRefused, OutboundMail
from crm.people.models import Person
from crm.promises.actions import break_promise, make_promise
from crm.segments import actions as segments
from crm.sources.actions import create_source, create_write_key
from crm.sources.models import InboxBatch, Reject
from crm.subscriptions.actions import record_payment
from crm.usage.models import PersonDay
from feedback.answers.actions import give_answer
from retention.follow_ups.models import FollowUp, FollowUpState
from retention.measures.actions import spare
from retention.overrides.actions import set_override
from retention.pulses.actions import record_pulse
from retention.tasks.actions import create_task
from tests import factories
from tests.crm.outbox.letters import Clock, approve
from tests.factories import NOW
from tests.feedback import people

BY = System("test")
NAME, ADDRESS, PHONE = "Quillon Vogelsang", "quillon.vogelsang@canary.example", "+49 30 765 43 21"
USER_ID, DEVICE, CRM_ID = "usr-canary-77", "device-canary-78", "crm-canary-5"
KOREAN = "김나리아"
# Parts too: half a name would still be a name.
TRACES = ("vogelsang", "quillon", "7654321", "765 43 21", "canary-", KOREAN)


def send(key: str, calls: list[dict[str, Any]], *, zipped: bool = False, escaped: bool = False) -> None:
    headers = {"authorization": "Basic " + b64encode(f"{key}:".encode()).decode()}
    body = json.dumps({"batch": calls, "sentAt": NOW.isoformat()}, ensure_ascii=escaped).encode()
    body = body.replace(b"@", b"\\u0040") if escaped else body
    encoding = {"Content-Encoding": "gzip"} if zipped else {}
    body = gzip.compress(body) if zipped else body
    answer = Client(headers=headers).post("/v1/batch", body, content_type="application/json", headers=encoding)
    assert answer.status_code == 200


def call(kind: str, n: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "messageId": f"m{n}", "userId": USER_ID, "timestamp": NOW.isoformat()} | more


def calls() -> list[dict[str, Any]]:
    traits = {"name": NAME, "email": ADDRESS, "phone": PHONE, "firstName": "Quillon", "lastName": "Vogelsang"}
    return [
        call("group", 1, groupId="canary", traits={"contact": f"{NAME} <{ADDRESS}>"}),
        call("identify", 2, traits=traits, context={"ip": "192.0.2.7", "traits": {"email": ADDRESS}}),
        call("track", 3, event="Trip Planned", anonymousId=DEVICE, properties={"by": NAME, "km": 12}),
        call("track", 4, event="Trip Shared", userId="someone-else", properties={"with": [ADDRESS, {"tel": PHONE}]}),
        call("track", 5, event="", properties={"who": NAME}),  # refused, with an excerpt
        call("track", 6, event="", userId="someone-else", properties={"a": "x" * 395, "who": ADDRESS}),  # cut in it
    ]


@pytest.fixture
def files(tmp_path: Path, settings: Any) -> Path:
    settings.MAIL_FILES = tmp_path / "mail"
    return tmp_path


@pytest.fixture
def account(db: None, files: Path) -> Account:
    owner = factories.user("rep", name="Mina Kwon", team=factories.team())
    return factories.account("Canary Ltd", external_id="canary", owner=owner)


@pytest.fixture
def key(account: Account) -> str:
    source = create_source(name="App", at=NOW, by=BY)
    return create_write_key(source, at=NOW, by=BY)[1]


@pytest.fixture
def everywhere(account: Account, key: str, files: Path) -> Iterator[Contact]:
    with time_machine.travel(NOW, tick=False):
        yield through_every_door(account, key, files)


def through_every_door(account: Account, key: str, files: Path) -> Contact:
    send(key, calls())
    send(key, [call("identify", 7, traits={"name": KOREAN, "email": ADDRESS})], zipped=True)
    send(key, [call("track", 8, event="Trip Planned", properties={"by": KOREAN, "to": ADDRESS})], escaped=True)
    jobs.drain()
    contact = Contact.objects.system("test").get(email=ADDRESS)
    owner = account.owner
    assert owner is not None
    change_contact(contact, name=NAME, phone=PHONE, external_id=CRM_ID, job_title="Head of birds", at=NOW, by=BY)
    mark_left(contact, on=None, at=NOW, by=BY)
    source = f"call with {NAME}"
    grant_consent(contact, purpose="survey", on=NOW.date(), source=source, wording="Yes.", at=NOW, by=owner)
    contact.refresh_from_db()
    by_file(files)
    set_next_step(account, text=f"Call {NAME}", on=NOW.date(), at=NOW, by=owner)
    goal: dict[str, Any] = {"target": Decimal(9), "due_on": NOW.date() + timedelta(days=30), "at": NOW, "by": owner}
    drop_goal(
        set_goal(account, words=f"{NAME} wants it", feature=factories.feature(), **goal), why=f"{NAME} left", at=NOW,
        by=owner,
    )  # fmt: skip
    spare(account, feature=factories.feature(is_key=True), reason=f"{NAME} said so", at=NOW, by=owner)
    record_pulse(account, value=1, reason=f"{NAME} is gone", at=NOW, by=owner)
    set_override(account, band=1, reason=f"{NAME} told us", until=NOW.date(), at=NOW, by=owner)
    line = factories.subscription(account).subscription
    told: dict[str, Any] = {"kind": "disputed", "on": NOW.date(), "currency": "EUR", "why": f"{NAME} says so"}
    record_payment(line, **told, at=NOW, by=owner)
    promise = make_promise(account, text=f"Call {NAME}", due_on=NOW.date(), contact=contact, at=NOW, by=owner)
    break_promise(promise, why=f"{NAME} was away", at=NOW, by=owner)
    create_task(account, title=f"Ask {NAME}", detail=f"at {PHONE}", due_on=NOW.date(), at=NOW, by=owner)
    segments.keep_view(name=f"Like {NAME}", query=f"q={ADDRESS}", at=NOW, by=owner)
    by_mail(contact)
    invitation = people.invitation(people.survey(), contact)
    give_answer(invitation, score=2, comment=f"Write to {ADDRESS}. {NAME}", at=NOW, by=BY)
    draft = {"subject": f"To {NAME}", "body": f"Dear {NAME}", "why": f"{NAME} answered 2.", "facts": {"who": NAME}}
    FollowUp.objects.create(
        account=account, contact=contact, owner=owner, occurrence_on=NOW, facts_day=NOW, created_at=NOW, **draft
    )
    # And what waits: a request not yet drained, and one that was parked.
    send(key, [call("track", 9, event="Trip Planned", properties={"by": NAME})])
    send(key, [call("track", 10, event="Trip Planned", properties={"by": NAME})])
    newest = InboxBatch.objects.order_by("-id")[0]
    InboxBatch.objects.filter(id=newest.id).update(parked_at=NOW, failed=f"broken: {ADDRESS}")
    return contact


def by_file(files: Path) -> None:
    path = files / f"contacts of {NAME}.csv"
    rows = f"canary,{CRM_ID},{NAME},{ADDRESS},{PHONE}\nnowhere,x,{NAME},{ADDRESS},{PHONE}\n"
    path.write_text(f"account,external_id,name,email,phone\n{rows}")
    with suppress(SystemExit):  # the refused row makes it 1
        call_command("import_file", "contacts", str(path), skip_checks=True, stdout=StringIO())
    path.unlink()


def by_mail(contact: Contact) -> None:
    text = {"subject": f"For {NAME}", "body_text": f"Hello {NAME},\n\nyour number is {PHONE}."}
    approve(contact, **text)
    outbox.send_due(clock=Clock(NOW), transport=FileTransport(Path(settings.MAIL_FILES)))
    approve(contact, **text)
    assert outbox.claim(at=NOW) is not None
    approve(contact, **text, due_at=NOW + timedelta(days=1))


def traces() -> set[str]:
    """table.column in which something of the person is found; compressed bytes are looked into as well."""
    found = set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns AS c "
            "JOIN information_schema.tables USING (table_schema, table_name) "
            "WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        )
        for table, column, kind in cursor.fetchall():
            read = f'"{column}"' if kind == "bytea" else f'"{column}"::text'
            cursor.execute(f'SELECT {read} FROM "{table}" WHERE "{column}" IS NOT NULL')
            if any(trace in text for (value,) in cursor.fetchall() for text in texts(value) for trace in TRACES):
                found.add(f"{table}.{column}")
        cursor.execute(
            "SELECT tablename || '.' || attname, coalesce(most_common_vals::text, '') || "
            "coalesce(histogram_bounds::text, '') FROM pg_stats WHERE schemaname = 'public'"
        )
        found |= {f"samples of {name}" for name, text in cursor.fetchall() if any(t in text.lower() for t in TRACES)}
    return found


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield spelled(value)
        return
    data = bytes(value)
    yield spelled(data.decode("utf-8", "replace"))
    for inflate in (gzip.decompress, zlib.decompress):
        with suppress(OSError, zlib.error, EOFError):
            yield spelled(inflate(data).decode("utf-8", "replace"))


def spelled(text: str) -> str:
    """In lower case, with the escapes of JSON undone."""
    with suppress(UnicodeError):
        text += text.encode("ascii", "backslashreplace").decode("unicode_escape") if "\\u" in text else ""
    return text.lower()


def test_an_erased_person_is_found_nowhere(everywhere, files, account):
    assert len(traces()) > 20  # else the doors above let nothing in
    assert len(list(files.glob("mail/*.eml"))) == 1
    uses = PersonDay.objects.count()
    erasure = actions.erase(everywhere, at=NOW, by=BY)
    assert actions.sweep(erasure, at=NOW)
    assert traces() == set()
    assert [path.name for path in files.rglob("*") if path.is_file()] == []
    assert verify().why == ""
    assert PersonDay.objects.count() == uses  # nobody's uses go on counting


def test_mail_in_flight_is_cancelled_and_a_claimed_one_is_not_handed_over(everywhere):
    claimed = OutboundMail.objects.system("test").get(state="claimed")
    actions.erase(everywhere, at=NOW, by=BY)
    states = OutboundMail.objects.system("test").filter(contact=everywhere).order_by("pk")
    assert list(states.values_list("state", "reason")) == [
        ("sent", ""), ("cancelled", "erased"), ("cancelled", "erased"), ("sent", ""),
    ]  # fmt: skip
    assert claimed.claim is not None
    assert outbox.hand_over(claimed, claimed.claim, outbox.Round(), at=NOW) is None
    assert FollowUp.objects.system("test").get().state == FollowUpState.CANCELLED
    with pytest.raises(MailRefused):
        approve(everywhere)


def test_whoever_was_erased_comes_in_as_nobody(everywhere, key, files, account):
    erasure = actions.erase(everywhere, at=NOW, by=BY)
    actions.sweep(erasure, at=NOW)
    contacts, persons = Contact.objects.system("test").count(), Person.objects.count()
    send(key, calls())
    send(key, [call("identify", 20, userId="another-id", traits={"email": ADDRESS.upper(), "name": NAME})])
    send(key, [call("track", 21, event="Trip Planned", userId=ADDRESS)])
    jobs.drain()
    by_file(files)
    with pytest.raises(ValidationError):
        create_contact(account, name="Somebody", email=ADDRESS.upper(), at=NOW, by=BY)
    # The erased one is known by its hash; the other two are new ids, of which one is an address and so a hash.
    assert (Contact.objects.system("test").count(), Person.objects.count()) == (contacts, persons + 2)
    InboxBatch.objects.all().delete()  # what the program sends again is there for 90 days, as it was sent
    Reject.objects.all().delete()
    ImportRun.objects.all().delete()  # and so the name of the file
    assert traces() == set()


def test_erasing_again_changes_nothing_and_the_raw_rest_can_be_cut_off_and_resumed(everywhere):
    first = actions.erase(everywhere, at=NOW, by=BY)
    lines = AuditRow.objects.count()
    assert actions.erase(everywhere, at=NOW + timedelta(days=1), by=BY).pk == first.pk
    assert AuditRow.objects.count() == lines
    assert actions.sweep_inbox(Subject.from_kept(first.left), at=NOW)  # killed here
    jobs.finish_erasures()
    assert Erasure.objects.get().swept_at is not None
    assert actions.unswept() == []
    assert traces() == set()


def test_only_a_system_admin_erases(everywhere):
    for role in ("ops_admin", "manager", "rep", "read_only"):
        with pytest.raises(PermissionDenied):
            actions.erase(everywhere, at=NOW, by=factories.user(role))
    assert Contact.objects.system("test").get(pk=everywhere.pk).name == NAME


def test_one_person_at_two_accounts_is_erased_at_both(account):
    first = factories.contact(account, name=NAME, email=ADDRESS)
    second = factories.contact(factories.account(), name=NAME, email=ADDRESS.upper())
    other = factories.contact(account, name="Lena Vogt")
    erasure = actions.erase(first, at=NOW, by=BY)
    assert erasure.contacts == [first.pk, second.pk]
    left = Contact.objects.system("test").filter(erased_at=None)
    assert [contact.pk for contact in left] == [other.pk]


def test_the_file_holds_all_that_is_held(everywhere):
    with ZipFile(BytesIO(queries.archive(everywhere, at=NOW, raw=True))) as archive:
        document = json.loads(archive.read("data.json"))
    held = document["held"]
    assert held["contact"][0]["email"] == ADDRESS
    assert "audit_key" not in held["contact"][0]
    assert {row["external_id"] for row in held["people"]} == {USER_ID, DEVICE}
    assert [mail["subject"] for mail in held["outboundmail"]][:3] == [f"For {NAME}"] * 3
    assert held["answer"][0]["score"] == 2
    assert len(held["raw requests"]) == 5
    assert {"task", "consent", "followup", "savedview", "account", "record"} <= held.keys()
