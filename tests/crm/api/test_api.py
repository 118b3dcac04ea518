"""The API beyond who may what: pages, upserts, calls made twice, limits, and what is refused at the gate."""

import gzip
import threading
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crm.accounts.models import Account
from crm.audit.models import AuditRow
from crm.contacts.models import Contact
from crm.keys import actions as keys
from crm.keys.models import KeptAnswer, KeyUse
from crm.staff.actions import change_user
from tests import factories
from tests.crm.api.coming_in import NOW, Program, key_for

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def now() -> Any:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ops() -> Program:
    return Program(key_for(factories.user("ops_admin", name="Olga Reyes"))[1])


def test_the_description_is_valid_and_without_a_warning() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())


def test_an_account_is_made_changed_and_found_by_the_id_of_ones_own_systems(ops: Program) -> None:
    made = ops.send("PUT", "accounts/by-external-id/eu/acme-1", 201, name="Acme", domains=["https://www.acme.example/"])
    assert (made["external_id"], made["domains"], made["stage"]) == ("eu/acme-1", ["acme.example"], "live")
    changed = ops.send("PUT", "accounts/by-external-id/eu/acme-1", 200, segment="hotels")
    assert (changed["id"], changed["name"], changed["segment"]) == (made["id"], "Acme", "hotels")
    assert ops.read("accounts/by-external-id/eu/acme-1") == ops.read(f"accounts/{made['id']}") == changed
    assert "name" in ops.send("PUT", "accounts/by-external-id/acme-2", 400)["fields"]
    person = ops.send(
        "PUT", "contacts/by-external-id/lena", 201, account="eu/acme-1", name="Lena", email="lena@acme.example"
    )
    assert person["account"] == made["id"]
    terms = {
        "account": made["id"],
        "effective_on": "2026-01-01",
        "price": "1200.00",
        "billing_months": 12,
        "currency": "EUR",
    }
    ops.send("PUT", "subscriptions/by-external-id/line-1", 201, **terms)
    ops.send("PUT", "subscriptions/by-external-id/line-1", 200, **terms)
    ops.send(
        "PUT", "subscriptions/by-external-id/line-1", 200, **terms | {"effective_on": "2027-01-01", "price": "2400"}
    )
    rows = ops.read("subscription-changes", account=made["id"])["results"]
    assert [(row["effective_on"], row["mrr"]) for row in rows] == [
        ("2026-01-01", "100.000000"),
        ("2027-01-01", "200.000000"),
    ]


def test_whoever_writes_through_a_program_is_told_who_answers_and_by_when(ops: Program) -> None:
    """NOW is a Saturday: the four hours for tickets begin on Monday at nine in Berlin, and are over at 12:00 UTC."""
    owner = factories.user("rep", name="Mina Kwon")
    factories.account(external_id="a", owner=owner, time_zone="Europe/Berlin")
    said = {"account": "a", "channel": "ticket", "text": "It is broken."}
    made = ops.send("PUT", "conversations/by-external-id/desk/17", 201, **said)
    assert (made["external_id"], made["responder"], made["due_at"]) == ("desk/17", owner.pk, "2026-11-23T12:00:00Z")
    assert made["tell"] == "Mina Kwon answers you by Monday 23 November, 13:00."
    again = ops.send("PUT", "conversations/by-external-id/desk/17", 200, **said | {"text": "It is broken!"})
    assert (again, ops.read("conversations")["results"]) == (made, [made])
    waits = ops.send("POST", f"conversations/{made['id']}/wait", 200)
    assert (waits["state"], waits["due_at"], waits["tell"]) == ("waiting", None, "")
    heard = ops.send("POST", f"conversations/{made['id']}/hear", 200, text="Here it is.")
    assert (heard["state"], heard["due_at"], heard["tell"]) == ("open", made["due_at"], made["tell"])
    factories.account(external_id="b")
    refused = ops.send("PUT", "conversations/by-external-id/desk/17", 400, **said | {"account": "b"})
    assert refused["fields"] == {"external_id": ["Another conversation has this external id."]}


def test_the_record_says_through_which_key_somebody_wrote(ops: Program) -> None:
    ops.send("POST", "accounts", 201, external_id="a", name="Acme")
    row = AuditRow.objects.get(action="account.created")
    assert (row.actor_kind, row.actor_label.startswith("Olga Reyes · Sync (hfk_")) == ("user", True)


def test_pages_hold_each_row_once_while_rows_are_added(ops: Program) -> None:
    for n in range(5):
        factories.account(external_id=f"a-{n}")
    first = ops.read("accounts", limit=2)
    factories.account(external_id="a-5")
    seen, address = [row["external_id"] for row in first["results"]], first["next"]
    while address:
        page = ops.get(address).json()
        seen += [row["external_id"] for row in page["results"]]
        address = page["next"]
    assert seen == [f"a-{n}" for n in range(6)]


def test_accounts_are_filtered_as_in_the_address_of_the_portfolio(ops: Program) -> None:
    for name, tags in (("a", ["vip"]), ("b", ["vip", "old"]), ("c", [])):
        factories.account(external_id=name, tags=tags)
    wanted = "tag.has.vip,none(tag.has.old)"
    assert [row["external_id"] for row in ops.read("accounts", filter=wanted)["results"]] == ["a"]
    kept = ops.send("POST", "segments", 201, name="VIP", filter=wanted)
    assert [row["external_id"] for row in ops.read(f"segments/{kept['id']}/members")["results"]] == ["a"]
    assert "There is no field “nope”" in ops.read("accounts", 400, filter="nope.is.x")["fields"]["filter"][0]


def test_a_call_that_is_sent_twice_is_done_once(ops: Program, now: Any) -> None:
    body = {"external_id": "a", "name": "Acme"}
    made = ops.send("POST", "accounts", 201, once="call-1", **body)
    assert ops.send("POST", "accounts", 201, once="call-1", **body) == made
    assert ops.last["Idempotent-Replayed"] == "true"
    assert ops.send("POST", "accounts", 422, once="call-1", external_id="b", name="B")["code"] == "another_call"
    # What was refused was not done, so the same key may try again.
    assert ops.send("POST", "accounts", 400, once="call-2", **body)["fields"]["external_id"]
    ops.send("POST", "accounts", 201, once="call-2", external_id="b", name="B")
    kept = KeptAnswer.objects.order_by("pk").values_list("status", "row")
    assert list(kept) == [(201, made["id"]), (201, Account.objects.system("test").get(name="B").pk)]
    now.move_to(NOW + timedelta(hours=25))
    assert ops.send("POST", "accounts", 400, once="call-1", **body)["code"] == "invalid"


@pytest.mark.django_db(transaction=True)
def test_the_same_call_at_the_same_moment_is_409() -> None:
    key, secret = key_for(factories.user("ops_admin"))
    program, found = Program(secret), list[Any]()
    with transaction.atomic():
        keys.answered(key, "call-1", b"", at=NOW)

        def meanwhile() -> None:
            found.append(program.send("POST", "accounts", 409, once="call-1", external_id="a", name="A")["code"])
            connections.close_all()

        thread = threading.Thread(target=meanwhile)
        thread.start()
        thread.join()
    assert found == ["in_progress"]
    program.send("POST", "accounts", 201, once="call-1", external_id="a", name="A")


def test_calls_beyond_the_limit_of_a_minute_are_told_when_to_go_on(ops: Program, now: Any, settings: Any) -> None:
    settings.API_CALLS_PER_MINUTE = 2
    now.move_to(NOW + timedelta(seconds=20))
    responses = [ops.get("/api/v1/accounts") for _ in range(3)]
    heads = [(r.status_code, r["RateLimit-Limit"], r["RateLimit-Remaining"], r["RateLimit-Reset"]) for r in responses]
    assert heads == [(200, "2", "1", "40"), (200, "2", "0", "40"), (429, "2", "0", "40")]
    assert (responses[2]["Retry-After"], responses[2].json()["code"]) == ("40", "rate_limited")
    now.move_to(NOW + timedelta(seconds=60))
    assert ops.get("/api/v1/accounts").status_code == 200
    assert KeyUse.objects.get().minute == NOW + timedelta(minutes=1)


def test_a_key_ends_with_its_day_and_with_its_owner(ops: Program, now: Any) -> None:
    rep = factories.user("rep")
    key, secret = key_for(rep, "accounts:read")
    assert Program(secret).get("/api/v1/accounts").status_code == 200
    change_user(rep, is_active=False, at=NOW, by=factories.user("system_admin"))
    key.refresh_from_db()
    assert (key.revoked_at, Program(secret).get("/api/v1/accounts").status_code) == (NOW, 401)
    now.move_to(NOW + timedelta(days=90))
    assert ops.get("/api/v1/accounts").status_code == 401
    done = ["api_key.created", "api_key.created", "api_key.first_used", "user.changed", "api_key.revoked"]
    assert list(AuditRow.objects.order_by("pk").values_list("action", flat=True)) == done


def test_writing_includes_reading_and_nothing_else() -> None:
    program = Program(key_for(factories.user("ops_admin"), "accounts:write")[1])
    program.read("accounts")
    assert program.read("contacts", 403)["code"] == "scope_missing"


def test_whoever_may_not_read_contact_data_gets_it_masked() -> None:
    team = factories.team()
    of = factories.account(owner=factories.user("rep", team=team))
    factories.contact(of, name="Lena Vogt", email="lena@acme.example", phone="+49 30 1234567", external_id="lena@acme")
    reader = Program(key_for(factories.user("read_only", team=team))[1])
    shown = reader.get("/api/v1/contacts").content.decode()
    assert [word for word in ("Vogt", "lena@", "1234567") if word in shown] == []
    assert Contact.objects.system("test").count() == 1
    reader.read("contacts", 403, account=of.pk, email="lena@acme.example")
    reader.read("consents", 403)
    reader.read("contacts/by-external-id/lena@acme", 403)
    # What was denied is on record by its route: an external id in the address may be a person's.
    denied = AuditRow.objects.filter(action="access.denied").latest("pk").object_id
    assert denied == "/api/v1/contacts/by-external-id/<path:external_id>"


REFUSED: list[tuple[Any, int]] = [
    (b"", 400),
    (b"[]", 400),
    (b"\x00", 400),
    (b"{", 400),
    (b'{"name": NaN}', 400),
    (b'{"name": "\\u0000", "external_id": "a"}', 400),
    (b'{"name": "\\ud800", "external_id": "a"}', 400),
    (b'{"name": "\xff", "external_id": "a"}', 400),
    (b'{"name": 1e400}', 400),
    (b'{"name": 99999999999999999999999}', 400),
    (b'{"name": {"a": 1}, "external_id": ["b"]}', 400),
    (b'{"name": ' + b"[" * 2000 + b"]" * 2000 + b"}", 400),
    (b'{"name": "A", "external_id": "a", "owner": true}', 400),
    (b'{"name": "A", "external_id": "a", "owner": 1e300}', 400),
    (b'{"name": "A", "external_id": "a", "parent": -1}', 400),
    (b'{"name": "A", "external_id": "a", "customer_since": "9999-12-31"}', 400),
    (b'{"name": "A", "external_id": "a", "time_zone": "Mars/Base"}', 400),
    (b'{"name": "A", "external_id": "a", "id": 7}', 400),
    (b'{"name": "A", "external_id": "' + b"a" * 256 + b'"}', 400),
    (b'{"name": "' + b"a" * 1_100_000 + b'"}', 413),
]


def test_bad_bodies_are_refused_with_a_reason_and_nothing_is_kept(ops: Program) -> None:
    for body, status in REFUSED:
        response = ops.post("/api/v1/accounts", body, content_type="application/json")
        told = response.json()
        assert (body[:40], response.status_code) == (body[:40], status), told
        assert set(told) - {"fields"} == {"code", "message", "request_id"}
        assert response["X-Request-ID"] == told["request_id"]
    assert Account.objects.system("test").count() == 0


def test_a_packed_body_is_unpacked_with_a_bound(ops: Program) -> None:
    head = {"Content-Encoding": "gzip"}
    small, bomb = gzip.compress(b'{"name": "A", "external_id": "a"}'), gzip.compress(b" " * 60_000_000)
    statuses = [
        ops.post("/api/v1/accounts", body, content_type="application/json", headers=head).status_code
        for body in (small, bomb, b"not gzip")
    ]
    assert statuses == [201, 413, 400]


def test_what_is_asked_in_a_wrong_way_is_400_or_404_and_never_500(ops: Program) -> None:
    asked = {
        "accounts?limit=0": 400, "accounts?limit=1e9": 400, "accounts?cursor=AAAA": 400,
        "accounts?cursor=WyIxZTk5Il0": 400,
        "accounts?cursor=WyI5OTk5OTk5OTk5OTk5OTk5OTk5OTkiXQ": 400, "accounts?owner=99999999999999999999": 400,
        "accounts?filter=%00": 400, "accounts?tag=%ED%A0%80": 200, "accounts?serch=acme": 400, "accounts?filter=(": 400,
        "accounts/99999999999999999999": 404, "accounts/0": 404, "accounts/-1": 404, "accounts/1/": 404, "nothing": 404,
        "usage-days": 400, "usage-days?account=1&since=9999-12-31": 400, "trait-values?account=1": 200,
        "contacts?email=a%40b.example": 400, "accounts/by-external-id/%00": 400,
    }  # fmt: skip
    assert {address: ops.get(f"/api/v1/{address}").status_code for address in asked} == asked
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"):
        assert (method, ops.generic(method, "/api/v1/accounts").status_code) == (method, 405)


def test_the_description_and_its_page_need_no_other_host(client: Client) -> None:
    document = client.get("/api/v1/openapi.json")
    assert document.json()["openapi"].startswith("3.")
    client.force_login(factories.user("rep"))
    page = client.get("/settings/api/").content.decode()
    assert "/api/v1/accounts/by-external-id/{external_id}" in page
    assert '<script src="http' not in page and '<link href="http' not in page


def test_a_system_admin_makes_a_key_that_is_shown_once(client: Client) -> None:
    admin, rep = factories.user("system_admin"), factories.user("rep", name="Mina Kwon")
    client.force_login(admin)
    sent = {"name": "Billing", "owner": rep.pk, "scopes": ["accounts:read"], "expires_on": "2026-12-24"}
    shown = client.post("/settings/api-keys/new/", sent).content.decode()
    secret = "hfk_" + shown.split("<code>hfk_")[1].split("</code>")[0]
    assert len(secret) == 47
    again = client.get("/settings/api-keys/").content.decode()
    assert (secret in again, "Billing" in again, "for Mina Kwon" in again) == (False, True, True)
    assert Program(secret).get("/api/v1/accounts").status_code == 200
    late = client.post("/settings/api-keys/new/", sent | {"expires_on": "2028-01-01"}).content.decode()
    assert "Choose a day from tomorrow on, and within a year." in late


def test_the_list_of_keys_takes_the_same_queries_for_one_and_for_three(client: Client) -> None:
    admin = factories.user("system_admin")
    client.force_login(admin)
    counts = []
    for _ in range(2):
        key_for(factories.user("rep"), by=admin)
        with CaptureQueriesContext(connection) as queries:
            client.get("/settings/api-keys/")
        counts.append(len(queries))
        key_for(factories.user("rep"), by=admin)
    assert counts[0] == counts[1]
