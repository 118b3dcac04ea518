"""What monitors ask: without a login, without a write, and with an answer that can be believed."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from crm.fills.actions import beat
from crm.outbox.models import MailState, OutboundMail
from tests.crm.outbox.letters import approve, contact
from tests.factories import NOW


@pytest.fixture(autouse=True)
def _still() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def working(db: None) -> None:
    beat("jobs", at=NOW - timedelta(seconds=12))


def ask(client: Client) -> tuple[int, Any]:
    response = client.get("/readyz")
    assert response.headers["Content-Type"] == "application/json"
    assert "no-store" in response.headers["Cache-Control"]
    return response.status_code, response.json()


def test_a_process_says_that_it_lives_without_asking_the_database(
    client: Client, django_assert_num_queries: Any, db: None
) -> None:
    with django_assert_num_queries(0):
        response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"alive": True})


def test_an_installation_whose_jobs_run_is_ready(client: Client, working: None) -> None:
    assert ask(client) == (
        200,
        {
            "ready": True,
            "problems": [],
            "jobs_silent_seconds": 12,
            "oldest_due_mail_seconds": None,
            "unconfirmed_mails": 0,
        },
    )


def test_mail_that_is_late_or_unconfirmed_is_told_and_leaves_it_ready(client: Client, working: None) -> None:
    lena = contact("lena@customer.example")
    for seconds in (40, 90, -60):  # the last one is not due yet
        approve(lena, due_at=NOW - timedelta(seconds=seconds))
    lost = approve(lena, due_at=NOW - timedelta(seconds=500))
    OutboundMail.objects.system("test").filter(pk=lost.pk).update(state=MailState.UNCONFIRMED)
    status, found = ask(client)
    assert (status, found["oldest_due_mail_seconds"], found["unconfirmed_mails"]) == (200, 90, 1)


@pytest.mark.parametrize(("silence", "status"), [(180, 200), (181, 503)])
def test_jobs_may_be_silent_for_three_minutes(client: Client, db: None, silence: int, status: int) -> None:
    beat("jobs", at=NOW - timedelta(seconds=silence))
    found = ask(client)
    assert (found[0], found[1]["jobs_silent_seconds"]) == (status, silence)
    assert found[1]["problems"] == ([] if status == 200 else ["Background jobs have stood still for 181 seconds."])


def test_an_installation_without_a_worker_is_not_ready(client: Client, db: None) -> None:
    status, found = ask(client)
    assert (status, found["ready"], found["jobs_silent_seconds"]) == (503, False, None)
    assert found["problems"] == ["Background jobs have never run. Start the worker."]


def test_tables_that_are_behind_the_code_are_named(client: Client, working: None) -> None:
    applied = MigrationRecorder(connection).migration_qs.filter(app="sessions")
    assert applied.delete()[0] == 1
    assert ask(client) == (
        503,
        {"ready": False, "problems": ["Migrations are not applied up to sessions 0001_initial."]},
    )


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_said_and_the_process_still_lives(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db.utils import OperationalError

    def refuse(_parameters: Any) -> None:
        raise OperationalError("connection refused")

    connection.close()
    with monkeypatch.context() as away:
        away.setattr(connection, "get_new_connection", refuse)
        assert ask(client) == (503, {"ready": False, "problems": ["The database does not answer."]})
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_they_are_read_only_for_everybody_and_set_no_cookie(client: Client, working: None, path: str) -> None:
    assert client.post(path).status_code == 405
    head = client.head(path)
    assert (head.status_code, head.content, head.cookies) == (200, b"", {})
