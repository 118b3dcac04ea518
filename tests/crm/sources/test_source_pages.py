"""The pages of sources: rates, last events, refusals and keys, for those who may see them."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crm.audit.rules import System
from crm.sources import actions, queries
from crm.sources.models import InboxBatch, Reject, Source, WriteKey
from crm.sources.queries import Received
from crm.staff.models import User
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db
BY = System("test")


@pytest.fixture(autouse=True)
def _now():
    actions.look_again()
    with time_machine.travel(NOW, tick=False):
        yield
    actions.look_again()


@pytest.fixture
def admin() -> User:
    return factories.user("system_admin")


def receive(source: Source, *events: object, ago: timedelta = timedelta(0), call: str = "batch") -> None:
    _row, key = actions.create_write_key(source, at=NOW, by=BY)
    document = {"batch": list(events)} if call == "batch" else events[0]
    actions.look_again()
    body = json.dumps(document).encode()
    actions.accept(key=key, call=call, body=body, events=len(events), at=NOW - ago)
    InboxBatch.objects.update(drained_at=NOW)


def refuse(source: Source, count: int) -> list[Reject]:
    rows = [Reject(source=source, at=NOW, position=n, reason=f"Reason {n}", excerpt='{"a": 1}') for n in range(count)]
    return Reject.objects.bulk_create(rows)


def test_rates_count_events_of_the_last_minute_hour_and_day():
    web, app, quiet = (factories.source(name) for name in ("Web", "App", "Quiet"))
    receive(web, 1, 2, 3, ago=timedelta(seconds=59))
    receive(web, 1, 2, ago=timedelta(minutes=59))
    receive(web, 1, ago=timedelta(hours=23, minutes=59))
    receive(web, 1, 2, 3, 4, ago=timedelta(hours=24, minutes=1))
    receive(app, 1, ago=timedelta(minutes=2))
    refuse(app, 2)
    found = {rate.name: (rate.minute, rate.hour, rate.day, rate.refused) for rate in queries.rates(NOW)}
    assert found == {"App": (0, 1, 1, 2), "Quiet": (0, 0, 0, 0), "Web": (3, 5, 6, 0)}
    assert queries.rates(NOW, quiet)[0].last_received_at is None
    assert queries.rates(NOW, web)[0].last_received_at == NOW - timedelta(seconds=59)


def test_last_events_are_the_newest_20_with_name_call_and_account_but_no_person():
    source, other = factories.source(), factories.source()
    receive(other, {"type": "track", "event": "Other"})
    old = [{"type": "track", "event": f"Old {n}", "context": {"groupId": "acme"}} for n in range(30)]
    receive(source, *old, ago=timedelta(minutes=2))
    receive(source, {"event": "Single", "userId": "u1"}, ago=timedelta(minutes=1), call="track")
    receive(source, {"type": "group", "groupId": "acme", "userId": "u1"}, {"type": "page", "name": "Docs"})
    found = queries.last_events(source, NOW)
    assert found[:4] == [
        Received(NOW, "page", "Docs", ""),
        Received(NOW, "group", "", "acme"),
        Received(NOW - timedelta(minutes=1), "track", "Single", ""),
        Received(NOW - timedelta(minutes=2), "track", "Old 29", "acme"),
    ]
    assert len(found) == 20
    assert found[-1].name == "Old 13"


@pytest.mark.parametrize(
    "event",
    [None, 5, [], {}, {"type": []}, {"type": "track", "event": {"a": 1}}, {"context": []}, {"$refused": "NaN"}],
)
def test_odd_events_are_listed_without_words(event: object):
    source = factories.source()
    receive(source, event)
    found = queries.last_events(source, NOW)
    assert [(row.name, row.account) for row in found] == [("", "")]


def test_refusals_are_paged_by_key_in_both_directions():
    source = factories.source()
    rows = refuse(source, 60)
    refuse(factories.source(), 5)
    newest_first = [row.pk for row in reversed(rows)]
    page, newer, older = queries.rejects(source)
    assert ([row.pk for row in page], newer) == (newest_first[:25], None)
    page, newer, older = queries.rejects(source, after=older)
    assert [row.pk for row in page] == newest_first[25:50]
    page, newest, older = queries.rejects(source, after=older)
    assert ([row.pk for row in page], older) == (newest_first[50:], None)
    page, newer, older = queries.rejects(source, before=newest)
    assert [row.pk for row in page] == newest_first[25:50]
    page, newer, older = queries.rejects(source, before=newer)
    assert ([row.pk for row in page], newer) == (newest_first[:25], None)


def test_the_list_shows_each_source_under_the_same_number_of_queries(as_user: Callable[[User], Client], admin: User):
    client = as_user(admin)
    receive(factories.source("One"), 1)
    assert b"One" in client.get("/settings/sources/").content
    with CaptureQueriesContext(connection) as first:
        client.get("/settings/sources/")
    for name in ("Two", "Three"):
        receive(factories.source(name), 1)
    with CaptureQueriesContext(connection) as third:
        page = client.get("/settings/sources/").content
    assert len(first) == len(third)
    assert b"Two" in page and b"Three" in page


def test_the_page_of_a_source_takes_the_same_number_of_queries_with_1_and_3_of_everything(
    as_user: Callable[[User], Client], admin: User
):
    client = as_user(admin)
    small, large = factories.source("Small"), factories.source("Large")
    receive(small, {"type": "track", "event": "A"})
    refuse(small, 1)
    for _ in range(3):
        receive(large, {"type": "track", "event": "A"})
    refuse(large, 3)
    client.get(f"/settings/sources/{small.pk}/")
    with CaptureQueriesContext(connection) as one:
        client.get(f"/settings/sources/{small.pk}/")
    with CaptureQueriesContext(connection) as three:
        client.get(f"/settings/sources/{large.pk}/")
    assert len(one) == len(three)


def test_the_page_shows_reasons_and_excerpts_and_escapes_them(as_user: Callable[[User], Client], admin: User):
    source = factories.source("Web")
    Reject.objects.create(
        source=source, at=NOW, position=3, message_id="m-3", reason="A number is NaN.", excerpt="<script>alert(1)"
    )
    page = as_user(admin).get(f"/settings/sources/{source.pk}/").content.decode()
    assert "A number is NaN." in page
    assert "m-3" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_a_new_key_is_shown_once_and_works(as_user: Callable[[User], Client], admin: User):
    source = factories.source("Web")
    client = as_user(admin)
    response = client.post(f"/settings/sources/{source.pk}/keys/")
    row = WriteKey.objects.get()
    page = response.content.decode()
    assert "no-store" in response["Cache-Control"]
    key = page[page.index("<code>hf_") + 6 :].partition("<")[0]
    assert actions.accept(key=key, call="track", body=b"{}", events=1, at=NOW)
    again = client.get(f"/settings/sources/{source.pk}/").content.decode()
    assert key not in again
    assert row.prefix in again
    assert "YOUR_WRITE_KEY" in again
    assert "http://testserver" in again


def test_a_key_is_revoked_by_a_button(as_user: Callable[[User], Client], admin: User):
    source = factories.source("Web")
    row, key = actions.create_write_key(source, at=NOW, by=BY)
    response = as_user(admin).post(f"/settings/keys/{row.pk}/revoke/")
    assert (response.status_code, response["Location"]) == (302, f"/settings/sources/{source.pk}/")
    with pytest.raises(actions.UnknownKey):
        actions.accept(key=key, call="track", body=b"{}", events=1, at=NOW)


def test_a_source_is_added_by_a_form_that_says_what_is_wrong(as_user: Callable[[User], Client], admin: User):
    client = as_user(admin)
    factories.source("Web")
    taken = client.post("/settings/sources/new/", {"name": "Web"})
    assert (taken.status_code, "Another source has this name" in taken.content.decode()) == (200, True)
    assert client.post("/settings/sources/new/", {"name": ""}).status_code == 200
    made = client.post("/settings/sources/new/", {"name": "iOS app"})
    assert made["Location"] == f"/settings/sources/{Source.objects.get(name='iOS app').pk}/"


@pytest.mark.parametrize(
    ("role", "sees", "manages"),
    [
        ("system_admin", 200, 200),
        ("ops_admin", 200, 403),
        ("manager", 403, 403),
        ("rep", 403, 403),
        ("read_only", 403, 403),
    ],
)
def test_who_may_see_and_who_may_manage(as_user: Callable[[User], Client], role: str, sees: int, manages: int):
    source = factories.source()
    row, _key = actions.create_write_key(source, at=NOW, by=BY)
    client = as_user(factories.user(role))
    assert client.get("/settings/sources/").status_code == sees
    assert client.get(f"/settings/sources/{source.pk}/").status_code == sees
    assert client.get("/settings/sources/new/").status_code == manages
    assert client.post(f"/settings/sources/{source.pk}/keys/").status_code == manages
    assert client.post(f"/settings/keys/{row.pk}/revoke/").status_code == (302 if manages == 200 else 403)
    assert (b"Create a write key" in client.get(f"/settings/sources/{source.pk}/").content) is (manages == 200)


@pytest.mark.parametrize("query", ["after=x", "after=-1", "before=1e9", "after=" + "9" * 30, "after=٣"])
def test_a_cursor_that_is_none_is_404(as_user: Callable[[User], Client], admin: User, query: str):
    source = factories.source()
    assert as_user(admin).get(f"/settings/sources/{source.pk}/?{query}").status_code == 404


def test_get_never_makes_or_revokes_a_key(as_user: Callable[[User], Client], admin: User):
    source = factories.source()
    row, _key = actions.create_write_key(source, at=NOW, by=BY)
    client = as_user(admin)
    assert client.get(f"/settings/sources/{source.pk}/keys/").status_code == 405
    assert client.get(f"/settings/keys/{row.pk}/revoke/").status_code == 405
    assert WriteKey.objects.filter(revoked_at=None).count() == 1
