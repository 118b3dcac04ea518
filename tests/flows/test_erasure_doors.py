"""The same person through the doors that take something from outside, while all that is logged is listened to."""

import io
import logging
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import time_machine
import xlsxwriter
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from crm import jobs
from crm.accounts.models import Account
from crm.contacts.models import Contact
from crm.erasures import actions
from crm.lib.logs import Lines, PlainPlaces, formatter
from crm.webhooks import actions as webhooks
from crm.webhooks import rules as telling
from crm.webhooks.models import Endpoint, WebhookEvent
from feedback.invitations.queries import token_of
from tests import factories
from tests.crm.api.coming_in import Program, key_for
from tests.crm.uploads.door import counts, go, tried, upload
from tests.crm.webhooks.receiving import receiver
from tests.factories import NOW
from tests.feedback import people
from tests.flows import test_erasure as erasure
from tests.flows.test_erasure import ADDRESS, BY, CRM_ID, NAME, PHONE, TRACES, account, key, spelled, traces

__all__ = ["account", "key"]
ROWS = [["account", "external_id", "name", "email", "phone"], ["canary", CRM_ID, NAME, ADDRESS, PHONE]]
REFUSED = ["nowhere", "x", NAME, ADDRESS, PHONE]
SERVER_LOG = Path(settings.VAR) / "postgres.log"


@pytest.fixture
def files(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything that is written to disk meanwhile: mail files, and what uploads leave for a moment."""
    settings.MAIL_FILES = tmp_path / "mail"
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


@pytest.fixture
def heard() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """All lines from DEBUG on, as JSON and as a terminal gets them."""
    root, both = logging.getLogger(), (io.StringIO(), io.StringIO())
    names = ("holdfast", "holdfast.web", "django", "django.request", "django.security", "django.server")
    loggers = [root, *map(logging.getLogger, names)]
    levels = [logger.level for logger in loggers]
    handlers = [logging.StreamHandler(stream) for stream in both]
    for handler, form in zip(handlers, (formatter(), Lines()), strict=True):
        handler.setFormatter(form)
        handler.addFilter(PlainPlaces())
        root.addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield both
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    for handler in handlers:
        root.removeHandler(handler)


def workbook() -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet(f"Of {NAME}"[:31])
        for n, row in enumerate([*ROWS, REFUSED]):
            sheet.write_row(n, 0, row)
    return out.getvalue()


def by_upload(ops: Client) -> None:
    """Good rows and refused ones, applied, tried, and left at the first step; as CSV and as a workbook."""
    text = "".join(f"{','.join(row)}\n" for row in [*ROWS, REFUSED])
    name = f"contacts of {NAME}"
    made = go(ops, tried(ops, "contacts", text, f"{name}.csv"), "apply")
    assert counts(made) == ("applied", 1, 0, 0, 1)
    assert NAME in ops.post(reverse("upload-refused", args=[made.pk])).getvalue().decode()
    assert counts(go(ops, tried(ops, "contacts", workbook(), f"{name}.xlsx"), "apply")) == ("applied", 0, 0, 1, 1)
    made = upload(ops, "contacts", text.replace("nowhere", "elsewhere"), f"{name}.txt")
    ops.post(reverse("upload-columns", args=[made.pk]), {f"column-{n}": ours for n, ours in enumerate(ROWS[0])})
    jobs.uploads()  # as the worker does it, which says what it did
    made.refresh_from_db()
    assert counts(made) == ("checked", 0, 0, 1, 1)
    upload(ops, "contacts", workbook(), f"{name}.xlsx")
    assert (
        ops.post(reverse("imports"), {"kind": "contacts", "file": SimpleUploadedFile(f"{NAME}.csv", b"")}).status_code
        == 200
    )


def by_api(owner: Any, account: Account) -> None:
    """Made twice with one Idempotency-Key, which may name somebody as well; refused in several ways; looked for."""
    program = Program(key_for(owner)[1])
    once = f"for {ADDRESS}"
    told: dict[str, Any] = {"account": account.pk, "name": NAME, "email": f"second.{ADDRESS}", "phone": PHONE}
    made = program.send("POST", "contacts", 201, once=once, **told)
    assert program.send("POST", "contacts", 201, once=once, **told)["id"] == made["id"]
    assert program.send("POST", "contacts", 422, once=once, **told | {"name": NAME.upper()})
    assert program.send("POST", "contacts", 400, **told | {"email": f"{NAME} no address"})
    assert program.send("PATCH", f"contacts/{NAME}", 404, name=NAME)
    assert program.read("contacts", 400, email=ADDRESS)
    assert NAME in str(program.read("contacts", email=ADDRESS, account=account.pk))


def by_answer(contact: Contact) -> None:
    invitation = people.invitation(people.survey(), contact)
    page, comment = f"/s/{token_of(invitation)}/", f"Ask {NAME} at {PHONE}, or {ADDRESS}."
    assert Client().post(page, {"score": "eleven", "comment": comment, "send": "1"}).status_code < 500
    assert Client().post(page, {"score": "2", "comment": comment, "send": "1"}).status_code == 303


def by_typing(rep: Client, account: Account) -> None:
    """Searches, forms with a mistake in them, addresses that lead nowhere, and a login under the person's name."""
    for words in (NAME, ADDRESS, PHONE):
        for name in ("search", "palette", "portfolio"):
            assert rep.get(reverse(name), {"q": words}).status_code == 200
    form = {"name": NAME, "email": f"{ADDRESS} or so", "phone": PHONE, "job_title": NAME}
    assert NAME in rep.post(reverse("contact-new", args=[account.pk]), form).content.decode()
    for path in (f"/accounts/{NAME}/", f"/s/{NAME}/", f"/nowhere/{ADDRESS}/?of={PHONE}"):
        assert rep.get(path).status_code == 404
    stranger = Client()
    stranger.post(reverse("account_login"), {"login": ADDRESS, "password": NAME})
    stranger.post(reverse("account_reset_password"), {"email": ADDRESS})
    assert stranger.post("/v1/track", f'{{"userId": "{NAME}', content_type="application/json").status_code >= 400
    try:
        raise ValueError(f"no such person: {NAME} <{ADDRESS}>")
    except ValueError:
        logging.getLogger("holdfast.test").exception("of %s, call %s", ADDRESS, PHONE)


@pytest.mark.django_db
def test_whoever_came_by_any_door_is_in_no_table_no_file_and_no_log(account, key, files, heard, ops) -> None:
    began = SERVER_LOG.stat().st_size if SERVER_LOG.exists() else 0
    with time_machine.travel(NOW, tick=False):
        rep, importer = Client(), Client()
        rep.force_login(account.owner)
        importer.force_login(ops)
        endpoint, _secret = webhooks.create_endpoint(
            url="https://hooks.example.com/", events=telling.EVENTS, at=NOW, by=factories.user("system_admin")
        )
        by_upload(importer)
        erasure.send(key, erasure.calls())
        jobs.drain()
        [contact] = Contact.objects.system("test").filter(email=ADDRESS)
        by_api(account.owner, account)
        by_answer(contact)
        by_typing(rep, account)
        with receiver(500, content=f"{NAME} {ADDRESS}".encode()) as server:
            Endpoint.objects.filter(pk=endpoint.pk).update(url=server.url())
            assert WebhookEvent.objects.count() == 1  # the answer
            assert webhooks.deliver(clock=lambda: NOW, by=BY, door=server.door()).failed == 1
        assert {"crm_uploadpiece.data", "crm_uploadrow.cells", "crm_importeffect.after", "crm_contact.email"} < traces()
        for each in Contact.objects.system("test").filter(erased_at=None, name=NAME):
            assert actions.sweep(actions.erase(each, at=NOW, by=BY), at=NOW)
    assert traces() == set()
    left = [path for path in files.rglob("*") if path.is_file()]
    assert left == []
    told = [stream.getvalue() for stream in heard]
    assert [each for text in told for each in TRACES if each in spelled(text)] == []
    assert "ValueError" in told[0] and "Traceback" not in told[1] and 'File "' in told[1]
    with suppress(FileNotFoundError):
        said = SERVER_LOG.read_bytes()[began:].decode("utf-8", "replace")
        assert [each for each in TRACES if each in spelled(said)] == []
