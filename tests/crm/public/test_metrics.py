"""Figures for Prometheus, and who may ask for them; lines and ids of requests, and what never stands in them."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from crm.fills.actions import beat
from crm.fills.models import Fill
from crm.lib.logs import formatter, hushed, known_id, request_id, route
from crm.lib.metering import metered
from tests.crm.outbox.letters import approve, contact
from tests.factories import NOW


@pytest.fixture
def still(db: None) -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def ask(client: Client, **more: Any) -> list[str]:
    response = client.get("/metrics", **more)
    assert (response.status_code, response.headers["Content-Type"].partition(";")[0]) == (200, "text/plain")
    return response.content.decode().splitlines()


def test_the_figures_are_those_of_the_database(client, still, django_assert_num_queries):
    beat("jobs", at=NOW - timedelta(seconds=12))
    Fill.objects.create(stage="windows", through_at=NOW - timedelta(minutes=5), took_ms=1500, failed="broken")
    lena = contact("lena@customer.example")
    approve(lena, due_at=NOW - timedelta(seconds=90))
    approve(lena, due_at=NOW + timedelta(days=1))
    with django_assert_num_queries(1):
        lines = ask(client)
    assert "holdfast_up 1.0" in lines
    assert 'holdfast_beat_age_seconds{loop="jobs"} 12.0' in lines
    assert 'holdfast_stage_lag_seconds{stage="windows"} 300.0' in lines
    assert 'holdfast_stage_took_seconds{stage="windows"} 1.5' in lines
    assert 'holdfast_stage_failed{stage="windows"} 1.0' in lines
    assert 'holdfast_mails{state="approved"} 2.0' in lines
    assert "holdfast_oldest_due_mail_seconds 90.0" in lines
    assert "holdfast_inbox_waiting_batches 0.0" in lines
    assert "customer.example" not in "\n".join(lines)


def test_only_this_machine_asks_without_a_token_and_nobody_through_a_proxy(client, still, settings):
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404
    settings.METRICS_TOKEN = "a long token"
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer another"}).status_code == 404
    assert ask(client, headers={"Authorization": "Bearer a long token"}, REMOTE_ADDR="192.0.2.1")


def counted(client: Client) -> float:
    """Of this process, in which servers of other tests may have answered before."""
    begins = 'holdfast_request_seconds_count{method="POST",status="404"} '
    return sum(float(line.removeprefix(begins)) for line in ask(client) if line.startswith(begins))


def test_a_request_keeps_its_id_and_is_counted_by_method_and_status(client, still):
    seen: list[str] = []

    def site(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(request_id.get())
        start_response("404 Not Found", [])
        return []

    def call(**environ: str) -> str:
        told: dict[str, str] = {}
        list(metered(site)({"REQUEST_METHOD": "POST", **environ}, lambda _status, headers: told.update(headers)))
        return told["X-Request-ID"]

    before = counted(client)
    assert call(HTTP_X_REQUEST_ID="proxy-0001") == "proxy-0001"
    made = call(HTTP_X_REQUEST_ID="bad id\r\n")
    assert seen == ["proxy-0001", made]
    assert len(made) == 16
    assert request_id.get() == ""
    assert counted(client) == before + 2


def test_a_line_is_json_with_the_id_and_without_what_tells_of_people():
    token = request_id.set("proxy-0001")
    try:
        try:
            raise ValueError("Key (email)=(lena@customer.example) exists")
        except ValueError as error:
            info = (type(error), error, error.__traceback__)
        text = "to lena@customer.example, +49 30 765 43 21, hf_abcdefgh12345, /s/eyJhbGciOiJIUzI1NiJ9.x/?q=lena"
        record = logging.LogRecord("holdfast.jobs", logging.ERROR, __file__, 1, text, (), info)
        line = json.loads(formatter().format(record))
    finally:
        request_id.reset(token)
    assert line["event"] == "to …, …, …, /s/…/?…"
    assert (line["request_id"], line["level"], line["logger"]) == ("proxy-0001", "error", "holdfast.jobs")
    assert line["error"] == "ValueError"
    assert line["at"][-1].partition(":")[0].endswith("test_metrics.py")
    assert "lena" not in json.dumps(line)


def test_what_is_no_word_and_no_number_is_left_out_of_paths():
    assert route("/accounts/17/contacts/new/") == "/accounts/17/contacts/new/"
    assert route("/s/Zm9v.bar:1x/") == "/s/…/"
    assert hushed("send: 3 sent, 0 stopped") == "send: 3 sent, 0 stopped"
    assert known_id("0123abcd") == "0123abcd"
