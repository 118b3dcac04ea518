"""The front door as part of the house: sessions, queries, the full queue, partitions, and its two ways in."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client, RequestFactory

from crm.audit.rules import System
from crm.lib import partitions
from crm.sources import actions
from crm.sources.models import InboxBatch
from crm.wsgi import application
from tests import factories
from tests.crm.api.door import TRACK, basic, post
from tests.factories import NOW


def test_the_door_asks_for_no_login_no_token_and_opens_no_session(key: str):
    client = Client(enforce_csrf_checks=True)
    response = client.post(
        "/v1/track", json.dumps(TRACK), content_type="text/plain", headers={"authorization": basic(key)}
    )
    assert response.status_code == 200
    assert response.cookies == {}


@pytest.mark.django_db(transaction=True)
def test_after_the_first_request_only_the_one_statement_of_its_own_is_run(transactional_db: None):
    key = actions.create_write_key(factories.source("Web app"), at=NOW, by=System("test"))[1]
    with time_machine.travel(NOW, tick=False):
        assert post("/v1/track", TRACK, key).status_code == 200  # looks for partitions and for the oldest batch
        with connection.execute_wrapper(_refuse):
            assert post("/v1/track", TRACK, key).status_code == 200
    assert InboxBatch.objects.count() == 2


def _refuse(execute: Any, sql: str, *rest: Any) -> Any:
    raise AssertionError(f"another statement: {sql}")


def test_when_the_oldest_batch_waits_for_over_15_minutes_the_door_asks_to_come_later(key: str):
    with time_machine.travel(NOW, tick=False):
        assert post("/v1/track", TRACK, key).status_code == 200
    with time_machine.travel(NOW + timedelta(minutes=15), tick=False):
        assert post("/v1/track", TRACK, key).status_code == 200
    with time_machine.travel(NOW + timedelta(minutes=15, seconds=1), tick=False):
        response = post("/v1/track", TRACK, key)
    assert (response.status_code, response.json()["error"], response["Retry-After"]) == (429, "too_many_requests", "30")
    assert response["Access-Control-Allow-Origin"] == "*"
    assert InboxBatch.objects.count() == 2
    InboxBatch.objects.filter(received_at=NOW).update(drained_at=NOW + timedelta(minutes=16))
    with time_machine.travel(NOW + timedelta(minutes=16), tick=False):
        assert post("/v1/track", TRACK, key).status_code == 200


def test_a_parked_batch_does_not_close_the_door(key: str):
    with time_machine.travel(NOW, tick=False):
        assert post("/v1/track", TRACK, key).status_code == 200
    InboxBatch.objects.update(parked_at=NOW)
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        assert post("/v1/track", TRACK, key).status_code == 200


def test_the_first_request_of_a_day_makes_its_partition_and_the_next_day_s(key: str):
    with time_machine.travel(datetime(2031, 5, 31, 23, 59, 59, tzinfo=UTC), tick=False):
        assert post("/v1/track", TRACK, key).status_code == 200
    assert {"20310531", "20310601"} <= set(partitions.existing("crm_inbox_batch"))


def test_a_read_only_database_is_503_with_retry_after(key: str):
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
    response = post("/v1/track", TRACK, key, origin="https://app.customer.example")
    assert (response.status_code, response.json()["error"]) == (503, "unavailable")
    assert response["Retry-After"] == "5"
    assert response["Access-Control-Allow-Origin"] == "https://app.customer.example"


def in_front(method: str, path: str, body: bytes = b"", **more: Any) -> tuple[int, dict[str, str], bytes]:
    """The same request by the way that gunicorn takes, without Django's request cycle."""
    heard: list[Any] = []
    environ = RequestFactory().generic(method, path, body, **more).META
    chunks = application(environ, lambda *said: heard.extend(said[:2]))
    return int(heard[0].split()[0]), dict(heard[1]), b"".join(chunks)


REQUESTS: list[tuple[str, str, Any, dict[str, str], int]] = [
    ("POST", "/v1/track", TRACK, {}, 200),
    ("POST", "/v1/batch/", {"batch": [TRACK]}, {"HTTP_ORIGIN": "https://app.customer.example"}, 200),
    ("POST", "/beacon/v1/batch", {"batch": []}, {}, 200),
    ("POST", "/v1/t", {"event": "x" * 33_000}, {}, 400),
    ("POST", "/v1/track", TRACK, {"HTTP_AUTHORIZATION": "Basic ***"}, 401),
    ("POST", "/v1/m", {}, {}, 200),
    ("GET", "/v1/batch", {}, {}, 405),
    ("HEAD", "/v1/batch", {}, {}, 405),
    ("OPTIONS", "/v1/i/", {}, {"HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "authorization"}, 204),
    ("POST", "/v1/unknown", {}, {}, 404),
    ("GET", "/v1/projects/hf_x/settings", {}, {}, 200),
]


@pytest.mark.django_db(transaction=True)
def test_both_ways_in_answer_alike(key: str):
    for request in REQUESTS:
        _answers_alike(key, *request)
    assert InboxBatch.objects.count() == 2 * 3


def _answers_alike(key: str, method: str, path: str, body: Any, more: dict[str, str], expected: int) -> None:
    raw = json.dumps(body).encode()
    sent: dict[str, Any] = {"HTTP_AUTHORIZATION": basic(key), "content_type": "text/plain"} | more
    status, headers, content = in_front(method, path, raw, **sent)
    response = Client().generic(method, path, raw, **sent)
    assert status == response.status_code == expected, path
    assert content == response.content
    ours = {name: value for name, value in headers.items() if name.startswith(("Access", "Allow", "Cache", "Retry"))}
    assert {name: response.headers.get(name) for name in ours} == ours
    assert status == 204 or headers["Content-Type"] == response.headers["Content-Type"] == "application/json"


@pytest.mark.django_db(transaction=True)
def test_a_fault_of_our_own_is_a_500_in_json_that_other_origins_may_read(key: str):
    more = {"HTTP_AUTHORIZATION": basic(key), "HTTP_ORIGIN": "https://a.example"}
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE crm_writekey RENAME TO gone")
    try:
        status, headers, content = in_front("POST", "/v1/track", json.dumps(TRACK).encode(), **more)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE gone RENAME TO crm_writekey")
    assert (status, json.loads(content)["error"]) == (500, "failed")
    assert headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert in_front("POST", "/v1/track", json.dumps(TRACK).encode(), **more)[0] == 200
