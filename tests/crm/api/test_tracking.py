"""The front door as product.md §3 says: what is taken, what is refused and how, and what is stored."""

import gzip
import json
import zlib
from typing import Any

import pytest
from django.test import Client

from crm.audit.rules import System
from crm.sources import actions
from crm.sources.models import InboxBatch, WriteKey
from tests.crm.api.door import SUCCESS, TRACK, basic, post, stored
from tests.factories import NOW

BOMB = gzip.compress(b"\0" * 60_000_000, 1, mtime=0)


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("identify", "identify"),
        ("group", "group"),
        ("track", "track"),
        ("page", "page"),
        ("screen", "screen"),
        ("alias", "alias"),
        ("i", "identify"),
        ("g", "group"),
        ("t", "track"),
        ("p", "page"),
        ("s", "screen"),
        ("a", "alias"),
    ],
)
def test_each_call_is_taken_by_both_names_with_and_without_a_slash(key: str, path: str, call: str, slash: str):
    response = post(f"/v1/{path}{slash}", TRACK, key)
    assert (response.status_code, response.json()) == (200, SUCCESS)
    row = InboxBatch.objects.get()
    assert (row.call, row.events, row.source.name) == (call, 1, "Web app")


@pytest.mark.parametrize("path", ["batch", "batch/", "b", "b/", "import", "import/"])
def test_a_batch_is_one_row(key: str, path: str):
    assert post(f"/v1/{path}", {"batch": [TRACK, TRACK], "sentAt": "2026-11-21T09:00:00Z"}, key).status_code == 200
    row = InboxBatch.objects.get()
    assert (row.call, row.events) == ("batch", 2)
    assert json.loads(bytes(row.body)) == {"batch": [TRACK, TRACK], "sentAt": "2026-11-21T09:00:00Z"}


def test_an_empty_batch_is_taken(key: str):
    assert post("/v1/batch", {"batch": []}, key).status_code == 200


def test_the_key_may_stand_in_the_header_the_query_or_the_body(key: str):
    assert post("/v1/track", TRACK, key).status_code == 200
    assert post("/v1/track", TRACK, authorization=basic(key, "any password")).status_code == 200
    assert post("/v1/track", TRACK, authorization=basic(key).replace("Basic", "basic")).status_code == 200
    assert post(f"/v1/track?writeKey={key}", TRACK).status_code == 200
    assert post("/v1/track", TRACK | {"writeKey": key}).status_code == 200
    assert post("/v1/track", TRACK | {"writeKey": key}, authorization=basic("")).status_code == 200
    assert post("/v1/batch", {"batch": [TRACK], "writeKey": key}).status_code == 200
    assert InboxBatch.objects.count() == 7


@pytest.mark.parametrize("slash", ["", "/"])
def test_rudderstack_s_beacon_has_an_address_and_a_type_of_its_own(key: str, slash: str):
    response = post(f"/beacon/v1/batch{slash}?writeKey={key}", {"batch": [TRACK]}, content_type="text/plain")
    assert (response.status_code, InboxBatch.objects.get().call) == (200, "batch")


def test_the_stored_body_does_not_hold_the_key(key: str):
    post("/v1/batch", {"batch": [TRACK | {"writeKey": key}], "writeKey": key}, key)
    assert stored() == [{"batch": [TRACK | {"writeKey": ""}], "writeKey": ""}]


@pytest.mark.parametrize(
    ("headers", "more"),
    [
        ({}, {}),
        ({}, {"writeKey": "hf_wrong"}),
        ({}, {"writeKey": ["hf_wrong"]}),
        ({"authorization": basic("hf_wrong")}, {}),
        ({"authorization": basic("\ud800".encode("utf-8", "replace").decode())}, {}),
        ({"authorization": "Basic ***"}, {}),
        ({"authorization": "Basic /w=="}, {}),
        ({"authorization": "Bearer hf_wrong"}, {}),
    ],
)
def test_without_a_known_key_the_answer_is_401_without_a_challenge(key: str, headers: dict[str, str], more: Any):
    response = post("/v1/track", TRACK | more, **headers)
    assert response.status_code == 401
    assert response.json()["error"] == "unauthorized"
    assert response.json()["code"] == "unauthorized"
    assert response.json()["message"].endswith(".")
    assert "WWW-Authenticate" not in response.headers
    assert InboxBatch.objects.count() == 0


def test_a_revoked_key_is_unknown_at_once(key: str):
    assert post("/v1/track", TRACK, key).status_code == 200
    actions.revoke_write_key(WriteKey.objects.get(), at=NOW, by=System("test"))
    assert post("/v1/track", TRACK, key).status_code == 401


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch/"])
def test_other_methods_are_405_in_json(db: None, method: str, path: str):
    response = getattr(Client(), method)(path)
    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")
    assert response["Content-Type"] == "application/json"
    assert response["Access-Control-Allow-Origin"] == "*"
    if method != "head":
        assert response.json()["error"] == "method_not_allowed"


def test_a_call_that_does_not_exist_is_404_in_json(key: str):
    response = post("/v1/trakc", TRACK, key)
    assert (response.status_code, response.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch/", "/v1/m", "/v1/projects/hf_x/settings", "/sourceConfig/"])
def test_a_preflight_is_answered_with_what_was_asked(db: None, path: str):
    response = Client().options(
        path,
        headers={
            "origin": "https://app.customer.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,x-retry-count",
        },
    )
    assert response.status_code in (200, 204)
    assert response["Access-Control-Allow-Origin"] == "https://app.customer.example"
    assert response["Access-Control-Allow-Credentials"] == "true"
    assert "POST" in response["Access-Control-Allow-Methods"] or "GET" in response["Access-Control-Allow-Methods"]
    assert response["Access-Control-Allow-Headers"] == "authorization,content-type,x-retry-count"
    assert int(response["Access-Control-Max-Age"]) > 0
    assert not response.content


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/v1/track", TRACK, 200), ("/v1/track", b"{", 400), ("/v1/none", TRACK, 404), ("/v1/batch", TRACK, 400)],
)
def test_every_answer_may_be_read_by_other_origins(key: str, path: str, body: Any, status: int):
    response = post(path, body, key, origin="https://app.customer.example")
    assert response.status_code == status
    assert response["Access-Control-Allow-Origin"] == "https://app.customer.example"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "image/png",
        "",
    ],
)
def test_the_content_type_does_not_matter(key: str, content_type: str):
    assert post("/v1/batch", {"batch": [TRACK]}, key, content_type=content_type).status_code == 200
    assert stored() == [{"batch": [TRACK]}]


@pytest.mark.parametrize(
    ("pack", "headers"),
    [
        (gzip.compress, {"content-encoding": "gzip"}),
        (gzip.compress, {}),
        (zlib.compress, {"content-encoding": "deflate"}),
        (lambda raw: b"\xef\xbb\xbf" + raw, {}),
    ],
)
def test_compressed_bodies_are_stored_inflated(key: str, pack: Any, headers: dict[str, str]):
    assert post("/v1/batch", pack(json.dumps({"batch": [TRACK]}).encode()), key, **headers).status_code == 200
    assert stored() == [{"batch": [TRACK]}]


@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        (b"no gzip", {"content-encoding": "gzip"}, 400, "invalid_request"),
        (gzip.compress(b'{"batch": []}', mtime=0)[:-4], {"content-encoding": "gzip"}, 400, "invalid_request"),
        (b'{"batch": []}', {"content-encoding": "br"}, 415, "unsupported_encoding"),
        (BOMB, {"content-encoding": "gzip"}, 413, "too_large"),
        (BOMB, {}, 413, "too_large"),
    ],
    ids=["no gzip", "cut off", "brotli", "a bomb", "a bomb that is not said to be packed"],
)
def test_bodies_that_do_not_unpack(key: str, body: bytes, headers: dict[str, str], status: int, error: str):
    response = post("/v1/batch", body, key, **headers)
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert InboxBatch.objects.count() == 0


@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"{",
        b'{"batch": [',
        b"[]",
        b"null",
        b"5",
        b'"text"',
        b'[{"event": "x"}]',
        b"[" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"\xff\xfe",
        '{"batch": []}'.encode("utf-16"),
        b'{"batch": [{}, {oops}]}',
        b"NaN",
        b"\0",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_json_object_is_400(key: str, path: str, body: bytes):
    response = post(path, body, key)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert InboxBatch.objects.count() == 0


@pytest.mark.parametrize("batch", [None, {}, "text", 5])
def test_a_batch_that_is_no_list_is_400(key: str, batch: Any):
    assert post("/v1/batch", {"batch": batch}, key).status_code == 400
    assert post("/v1/batch", TRACK, key).status_code == 400


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        (b'"a\\u0000b"', "NUL"),
        (b'"\\ud800"', "surrogate"),
        (b"NaN", "NaN"),
        (b"1e400", "infinite"),
        (b"9007199254740993", "beyond"),
        (b"[" * 100_000 + b"]" * 100_000, "32 KB"),
        (b"[" * 2_000 + b"]" * 2_000, "20 levels"),
        (b"[" * 30 + b"]" * 30, "20 levels"),
        (b'{"' + b"k" * 256 + b'": 1}', "255"),
        (b'"\xff"', "UTF-8"),
    ],
)
def test_a_single_event_that_cannot_be_stored_is_400_with_the_reason(key: str, properties: bytes, words: str):
    response = post("/v1/track", b'{"event": "x", "userId": "u", "properties": {"a": ' + properties + b"}}", key)
    assert response.status_code == 400
    assert words in response.json()["message"]
    assert InboxBatch.objects.count() == 0


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b"NaN", "NaN"),
        (b"-Infinity", "infinite"),
        (b'"\\udc00"', "surrogate"),
        (b"[" * 100_000 + b"]" * 100_000, "20 levels"),
        (b'"\xff"', "UTF-8"),
        (b'"\x01"', "control character"),
        (b"9" * 400, "infinite"),
    ],
)
def test_one_event_that_no_parser_takes_leaves_a_marker_and_the_others_whole(key: str, bad: bytes, words: str):
    good = [TRACK | {"messageId": f"m{n}"} for n in range(99)]
    events = [json.dumps(event).encode() for event in good]
    events.insert(7, b'{"messageId": "bad-7", "properties": {"a": ' + bad + b"}}")
    body = b'{"sentAt": "2026-11-21T09:00:00Z", "batch": [' + b", ".join(events) + b'], "writeKey": ""}'
    assert post("/v1/batch", body, key).status_code == 200
    document = stored()[0]
    marker = document["batch"].pop(7)
    assert document == {"sentAt": "2026-11-21T09:00:00Z", "batch": good, "writeKey": ""}
    assert words in marker["$refused"]
    assert marker["messageId"] == "bad-7"
    assert marker["$excerpt"].startswith('{"messageId": "bad-7"')
    assert len(marker["$excerpt"]) <= 500
    assert InboxBatch.objects.get().events == 100


def test_a_flawed_sent_at_costs_no_event(key: str):
    assert post("/v1/batch", b'{"sentAt": NaN, "batch": [{"type": "track"}]}', key).status_code == 200
    assert stored() == [{"batch": [{"type": "track"}]}]


@pytest.mark.parametrize("event", [None, 5, "text", [], {"properties": {"a": "\0"}}, {"timestamp": "9999-12-31"}])
def test_an_event_that_is_bad_in_itself_is_left_to_the_drain(key: str, event: Any):
    assert post("/v1/batch", {"batch": [TRACK, event]}, key).status_code == 200
    assert stored() == [{"batch": [TRACK, event]}]


def test_a_year_9999_is_taken_from_a_single_call(key: str):
    assert post("/v1/track", TRACK | {"timestamp": "9999-12-31T23:59:59-12:00"}, key).status_code == 200


def test_a_single_event_may_have_32_kilobytes_and_no_more(key: str):
    frame = len(json.dumps(TRACK | {"p": ""}))
    assert post("/v1/track", TRACK | {"p": "x" * (32 * 1024 - frame)}, key).status_code == 200
    response = post("/v1/track", TRACK | {"p": "x" * (32 * 1024 - frame + 1)}, key)
    assert (response.status_code, "32 KB" in response.json()["message"]) == (400, True)
    assert post("/v1/batch", {"batch": [TRACK | {"p": "x" * 33_000}]}, key).status_code == 200


def test_a_batch_may_have_4_megabytes_and_no_more_before_and_after_inflating(key: str):
    limit = 4 * 1024 * 1024
    frame = len(json.dumps({"batch": [], "pad": ""}))
    fits = json.dumps({"batch": [], "pad": "x" * (limit - frame)}).encode()
    assert post("/v1/batch", fits, key).status_code == 200
    assert post("/v1/batch", gzip.compress(fits, mtime=0), key).status_code == 200
    for body in (fits + b" ", gzip.compress(fits + b" ", mtime=0)):
        response = post("/v1/batch", body, key)
        assert (response.status_code, response.json()["error"]) == (413, "too_large")


def test_a_batch_over_the_limit_of_django_s_own_is_taken(key: str, settings: Any):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert post("/v1/batch", {"batch": [TRACK | {"p": "x" * 20_000}] * 90}, key).status_code == 200


def test_a_length_that_is_no_number_is_400(key: str):
    body = json.dumps(TRACK).encode()
    response = Client().post(
        "/v1/track", body, content_type="application/json", headers={"authorization": basic(key)}, CONTENT_LENGTH="junk"
    )
    assert response.status_code == 400


def test_a_server_that_does_not_end_chunked_bodies_says_so(key: str):
    response = post("/v1/track", TRACK, key, transfer_encoding="chunked")
    assert (response.status_code, response.json()["error"]) == (411, "length_required")


def test_the_browser_sdk_s_own_figures_are_taken_and_dropped(db: None):
    response = post("/v1/m", {"series": []})
    assert (response.status_code, response.json()) == (200, SUCCESS)
    assert InboxBatch.objects.count() == 0


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_browser_sdk_finds_its_settings(db: None, slash: str):
    response = Client().get(f"/v1/projects/hf_abc/settings{slash}", headers={"origin": "https://app.customer.example"})
    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == "https://app.customer.example"
    settings = response.json()
    assert settings["integrations"] == {
        "Segment.io": {
            "apiKey": "hf_abc",
            "apiHost": "testserver/v1",
            "protocol": "http",
            "addBundledMetadata": True,
        }
    }
    assert settings["metrics"] == {"sampleRate": 0}


@pytest.mark.parametrize("slash", ["", "/"])
def test_rudderstack_s_browser_sdk_finds_its_source(db: None, slash: str):
    response = Client().get(f"/sourceConfig{slash}?p=npm&writeKey=hf_abc")
    assert response.status_code == 200
    source = response.json()["source"]
    assert (source["id"], source["enabled"], source["destinations"]) == ("holdfast", True, [])
    assert isinstance(source["config"], dict)
