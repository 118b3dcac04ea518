"""The door that the queue knocks at for mail."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine

from crm import jobs
from tests.crm.outbox.letters import again, approve, contact
from tests.crm.outbox.sink import Sink, running
from tests.factories import NOW


@pytest.fixture(autouse=True)
def _at_nine() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def test_without_a_server_a_due_mail_becomes_a_file(db: None, settings: Any, tmp_path: Path) -> None:
    settings.EMAIL_URL, settings.MAIL_FILES = "", tmp_path / "mail"
    mail = approve(contact("lena@customer.example"))
    jobs.send()
    jobs.send()
    after = again(mail)
    files = list((tmp_path / "mail").iterdir())
    assert (after.state, after.settled_at, len(files)) == ("sent", NOW, 1)
    assert files[0].name == f"{mail.message_id.strip('<>')}.eml"
    assert b"To: Lena Ahrens <lena@customer.example>\r\n" in files[0].read_bytes()


def test_with_a_server_it_goes_there(db: None, settings: Any) -> None:
    with running(Sink()) as sink:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{sink.port}"
        approve(contact("lena@customer.example"))
        jobs.send()
    assert sink.addresses() == ["lena@customer.example"]
