"""The front door behind a real gunicorn: chunks, sizes, cut connections, and many clients at once."""

import base64
import gzip
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from crm.audit.rules import System
from crm.sources import actions
from crm.sources.models import InboxBatch
from tests import factories, live
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)
TRACK = {"type": "track", "event": "Trip booked", "userId": "u1", "messageId": "m1"}


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    with django_db_blocker.unblock(), live.gunicorn() as address:
        yield address


@pytest.fixture
def key() -> str:
    return actions.create_write_key(factories.source("Web app"), at=NOW, by=System("test"))[1]


def send(
    site: str, path: str, body: Any, key: str, chunked: bool = False, **headers: str
) -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection(urlsplit(site).netloc, timeout=30)
    headers["Authorization"] = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
    connection.request("POST", path, body, {n.replace("_", "-"): v for n, v in headers.items()}, encode_chunked=chunked)
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def in_chunks(raw: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(raw), size):
        yield raw[start : start + size]


def stored_events() -> int:
    return sum(InboxBatch.objects.values_list("events", flat=True))


def test_chunked_bodies_are_read_to_their_end(site: str, key: str):
    raw = json.dumps({"batch": [TRACK] * 100}).encode()
    for body in (raw, gzip.compress(raw, mtime=0)):
        assert send(site, "/v1/batch", in_chunks(body, 100), key, True, Transfer_Encoding="chunked")[0] == 200
    bodies = [json.loads(bytes(row.body)) for row in InboxBatch.objects.all()]
    assert bodies == [{"batch": [TRACK] * 100}] * 2


def test_chunks_that_are_none_are_400_and_end_nothing_else(site: str, key: str):
    where = urlsplit(site)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=10) as raw:
        raw.sendall(
            b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nno chunk\r\n"
        )
        assert b" 400 " in raw.recv(1000).split(b"\r\n")[0]
    assert send(site, "/v1/track", json.dumps(TRACK), key)[0] == 200


def test_a_client_that_goes_away_halfway_leaves_nothing(site: str, key: str):
    where = urlsplit(site)
    credentials = base64.b64encode(f"{key}:".encode())
    for framing in (b"Content-Length: 1000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n20\r\n"):
        with socket.create_connection((where.hostname or "", where.port or 0), timeout=10) as raw:
            head = b"POST /v1/track HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic " + credentials + b"\r\n"
            raw.sendall(head + framing + b'{"event": "x", "us')
    assert send(site, "/v1/track", json.dumps(TRACK), key)[0] == 200
    assert stored_events() == 1


@pytest.mark.parametrize("chunked", [False, True])
def test_a_batch_of_1800_kilobytes_is_taken(site: str, key: str, chunked: bool):
    events = [TRACK | {"messageId": f"m{n}", "properties": {"pad": "x" * 17_500}} for n in range(100)]
    raw = json.dumps({"batch": events}).encode()
    assert 1_750_000 < len(raw) < 1_900_000
    headers = {"Transfer_Encoding": "chunked"} if chunked else {}
    body = in_chunks(raw, 65_536) if chunked else raw
    assert send(site, "/v1/batch", body, key, chunked, **headers) == (200, {"success": True})
    assert json.loads(bytes(InboxBatch.objects.get().body)) == {"batch": events}


@pytest.mark.parametrize("size", [4 * 1024 * 1024 + 1, 12_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_4_megabytes_is_413_and_the_client_hears_it(site: str, key: str, size: int, chunked: bool):
    raw = b'{"batch": []' + b" " * (size - 13) + b"}"
    headers = {"Transfer_Encoding": "chunked"} if chunked else {}
    status, answer = send(site, "/v1/batch", in_chunks(raw, 65_536) if chunked else raw, key, chunked, **headers)
    assert (status, answer["error"]) == (413, "too_large")


def test_a_bomb_of_60_megabytes_is_413_and_costs_little_memory(site: str, key: str):
    bomb = gzip.compress(b'{"batch": [' + b" " * 60_000_000 + b"]}", mtime=0)
    assert len(bomb) < 60_000
    largest = gzip.compress(b'{"batch": [' + b" " * 4_000_000 + json.dumps(TRACK).encode() + b"]}", mtime=0)
    for _ in range(10):  # every thread has once held what is allowed, so what it keeps for itself is not the bomb's
        assert send(site, "/v1/batch", largest, key, Content_Encoding="gzip")[0] == 200
    before = peak_memory(site)
    for _ in range(10):
        assert send(site, "/v1/batch", bomb, key, Content_Encoding="gzip")[0] == 413
    assert peak_memory(site) - before < 30_000_000


def peak_memory(site: str) -> int:
    """The largest resident set, in bytes, that any process of this very server has had so far."""
    peaks = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            command = (status.parent / "cmdline").read_bytes()
            text = status.read_text()
        except OSError:
            continue
        if b"gunicorn" in command and urlsplit(site).netloc.encode() in command:
            line = next(line for line in text.splitlines() if line.startswith("VmHWM"))
            peaks.append(int(line.split()[1]) * 1024)
    return max(peaks)


def test_one_bad_event_costs_none_of_the_other_99(site: str, key: str):
    good = [json.dumps(TRACK | {"messageId": f"m{n}"}) for n in range(99)]
    raw = '{"batch": [' + ",".join([*good[:50], '{"messageId": "bad", "a": NaN}', *good[50:]]) + "]}"
    assert send(site, "/v1/batch", raw.encode(), key)[0] == 200
    events = json.loads(bytes(InboxBatch.objects.get().body))["batch"]
    assert [n for n, event in enumerate(events) if "$refused" in event] == [50]
    assert len(events) == 100


HOSTILE = [
    b"[" * 100_000,
    b'{"batch": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b'{"batch": [{"a": "\xff\xfe"}, {"a": "\\ud800"}, {"a": 1e999}, {"a": ' + b"9" * 100_000 + b"}]}",
    b'{"batch": [{"messageId": {"a": []}}, {"userId": 5}, [[[]]], "\\u0000"]}',
    b"\x1f\x8b",
    b"\x00" * 1000,
    b'{"writeKey": "\\ud800", "batch": []}',
    b'{"batch": [], "batch": 5}',
    b"",
]


def test_no_body_is_a_500(site: str, key: str):
    paths = ("/v1/batch", "/v1/track", "/v1/i/", "/v1/import")
    found = {(path, body[:40], send(site, path, body, key)[0]) for path in paths for body in HOSTILE}
    assert [answer for answer in found if answer[2] not in (200, 400)] == []


def test_a_thousand_requests_from_eight_clients_are_a_thousand_rows(site: str, key: str):
    def client(number: int) -> list[int]:
        return [send(site, "/v1/track", json.dumps(TRACK | {"messageId": f"{number}-{n}"}), key)[0] for n in range(125)]

    with ThreadPoolExecutor(8) as clients:
        statuses = [status for found in clients.map(client, range(8)) for status in found]
    assert statuses == [200] * 1000
    assert (
        len({json.loads(bytes(body))["messageId"] for body in InboxBatch.objects.values_list("body", flat=True)})
        == 1000
    )
