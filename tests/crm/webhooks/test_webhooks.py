"""Webhooks: told once, signed, tried again for three days, and nobody waits for another one's dead server."""

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from standardwebhooks import Webhook, WebhookVerificationError

from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.webhooks import actions, rules
from crm.webhooks.models import Delivery, Endpoint, WebhookEvent
from tests import factories
from tests.crm.webhooks.receiving import Received, Receiver, receiver

pytestmark = pytest.mark.django_db
BY = System("test")
NOW = factories.NOW
ID_AND_POINTS = {"account": 7, "points": 38.2}


def endpoint(url: str, **more: Any) -> tuple[Endpoint, str]:
    """As a system admin makes one, but for addresses on loopback, which no admin can enter."""
    admin = more.pop("by", None) or factories.user("system_admin")
    row, secret = actions.create_endpoint(
        url="https://hooks.example.com/", events=more.pop("events", rules.EVENTS), at=NOW, by=admin
    )
    Endpoint.objects.filter(pk=row.pk).update(url=url, **more)
    row.refresh_from_db()
    return row, secret


def tell(subject: str = "1", at: datetime = NOW, **data: Any) -> int:
    return actions.emit(rules.SIGNAL_OPENED, {subject: {"account": 7} | data}, at=at, by=BY)


def deliver(server: Receiver, at: datetime = NOW, seconds: float = 5) -> actions.Done:
    return actions.deliver(clock=lambda: at, by=BY, door=server.door(seconds))


def verified(got: Received, *secrets: str) -> list[Any]:
    """What the reference implementation reads out of a delivery, with each of the secrets."""
    headers = {name.lower(): value for name, value in got.headers.items()}
    with time_machine.travel(datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC), tick=False):
        return [Webhook(secret).verify(got.body, headers) for secret in secrets]


def test_a_delivery_is_signed_as_the_reference_implementation_expects() -> None:
    with receiver() as server:
        row, secret = endpoint(server.url())
        assert tell(points=38.2) == 1
        assert deliver(server) == actions.Done(1, 0, False)
        (got,) = server.received
    said = {"type": "signal.opened", "timestamp": "2026-11-21T09:00:00Z", "data": ID_AND_POINTS}
    assert verified(got, secret) == [said]
    with pytest.raises(WebhookVerificationError):
        verified(got, rules.secret_of(b"another"))
    delivery = Delivery.objects.get(endpoint=row)
    assert (delivery.state, delivery.attempts, [one["status"] for one in delivery.tries]) == ("delivered", 1, [200])


def test_a_step_that_runs_twice_tells_once() -> None:
    endpoint("http://127.0.0.1/")
    endpoint("http://127.0.0.1/", events=[rules.CHURNED])
    endpoint("http://127.0.0.1/", is_active=False)
    assert (tell("1"), tell("1"), tell("2")) == (1, 0, 1)
    assert WebhookEvent.objects.count() == 2


def test_a_delivery_that_failed_is_tried_again_under_the_same_id() -> None:
    with receiver(500, 404) as server:
        row, secret = endpoint(server.url())
        tell()
        times = [NOW]
        for _ in range(3):
            deliver(server, times[-1])
            deliver(server, times[-1] + timedelta(seconds=59))  # it is not due yet
            times.append(Delivery.objects.get().due_at)
        ids = {got.headers["webhook-id"] for got in server.received}
        assert [verified(got, secret)[0]["data"] for got in server.received] == [{"account": 7}] * 3
    assert (len(server.received), len(ids)) == (3, 1)
    waits = [(after - before) / timedelta(minutes=1) for before, after in pairwise(times)]
    assert 1 <= waits[0] <= 1.1 and 5 <= waits[1] <= 5.5
    assert [one["status"] for one in Delivery.objects.get().tries] == [500, 404, 200]
    row.refresh_from_db()
    assert row.failing_since is None


def test_after_three_days_of_failures_an_endpoint_is_paused_and_can_be_resumed() -> None:
    with receiver() as server:
        row, _secret = endpoint(f"http://127.0.0.1:{server.port}/hook")
        door = server.door(1)
    tell()
    at, begun = NOW, NOW
    for n in range(10):  # the server is gone
        assert actions.deliver(clock=partial(datetime.fromisoformat, at.isoformat()), by=BY, door=door).failed == 1, n
        at = max(at, Delivery.objects.get().due_at)
    delivery = Delivery.objects.get()
    row.refresh_from_db()
    words = {one["word"] for one in delivery.tries}
    assert (delivery.state, delivery.attempts, words) == ("given_up", 10, {"no_connection"})
    assert timedelta(days=3) <= at - begun <= timedelta(days=3.4)
    assert row.paused_at == at
    assert AuditRow.objects.filter(action="webhook.paused").count() == 1
    # What happens meanwhile waits, and is told once somebody resumes it.
    assert tell("2", at=at) == 1
    assert actions.deliver(clock=lambda: at, by=BY, door=door) == actions.Done()
    with receiver() as server:
        Endpoint.objects.update(url=server.url())
        actions.resume(row, at=at, by=factories.user("system_admin"))
        assert deliver(server, at).delivered == 1


def test_an_endpoint_that_says_it_is_gone_is_paused_at_once() -> None:
    with receiver(410) as server:
        row, _secret = endpoint(server.url())
        tell()
        deliver(server)
    row.refresh_from_db()
    assert (row.paused_at, Delivery.objects.get().state) == (NOW, "given_up")


def test_ten_dead_endpoints_among_a_hundred_delay_nobody() -> None:
    admin = factories.user("system_admin")
    with receiver() as server:
        for n in range(100):
            endpoint(server.url(f"/dead/{n}" if n % 10 == 0 else f"/live/{n}"), by=admin)
        for subject in ("1", "2"):
            tell(subject)
        server.let_go_after(180)
        done = deliver(server, seconds=30)
        assert (done.delivered, done.failed) == (180, 10)
        assert server.released == [True] * 10  # each still hung when all the others had been answered
    # What was next in line of a dead one gave way, and does not count as tried.
    attempts = Delivery.objects.filter(state="waiting").order_by("attempts").values_list("attempts", flat=True)
    assert list(attempts) == [0] * 10 + [1] * 10


def test_what_is_claimed_is_not_sent_by_another_process() -> None:
    with receiver() as server:
        endpoint(server.url())
        tell()
        Delivery.objects.update(token="00000000-0000-0000-0000-000000000001", leased_until=NOW + timedelta(seconds=60))
        assert deliver(server) == actions.Done()
        assert deliver(server, NOW + timedelta(seconds=60)).delivered == 1


def test_a_new_secret_signs_at_once_and_the_one_before_for_another_day() -> None:
    with receiver() as server:
        row, old = endpoint(server.url())
        _row, new = actions.rotate_secret(row, at=NOW, by=factories.user("system_admin"))
        for subject, at in (("1", NOW + timedelta(hours=1)), ("2", NOW + timedelta(hours=25))):
            tell(subject, at=at)
            deliver(server, at)
        both, one = server.received
    assert len(both.headers["webhook-signature"].split()) == 2
    assert len(one.headers["webhook-signature"].split()) == 1
    row.refresh_from_db()
    assert row.secrets(NOW + timedelta(hours=25)) == [new] != [old]
    assert new not in str(vars(row))


def test_secrets_verify_during_the_overlap_with_either() -> None:
    with receiver() as server:
        row, old = endpoint(server.url())
        _row, new = actions.rotate_secret(row, at=NOW, by=factories.user("system_admin"))
        tell()
        deliver(server)
        assert verified(server.received[0], old, new)[0] == verified(server.received[0], new)[0]


def test_a_test_and_a_delivery_told_again_keep_to_their_endpoint_and_id(client: Client) -> None:
    admin = factories.user("system_admin")
    with receiver() as server:
        row, secret = endpoint(server.url(), by=admin)
        endpoint(server.url("/other"), by=admin)
        client.force_login(admin)
        assert client.post(f"/settings/webhooks/{row.pk}/test/").status_code == 302
        actions.deliver(clock=lambda: datetime.now(UTC), by=BY, door=server.door())
        delivery = Delivery.objects.get()
        client.post(f"/settings/webhooks/deliveries/{delivery.pk}/redeliver/")
        actions.deliver(clock=lambda: datetime.now(UTC), by=BY, door=server.door())
        first, again = server.received
    assert [got.path for got in (first, again)] == ["/hook", "/hook"]
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert verified(again, secret)[0]["type"] == "test"
    actions.deliver(clock=lambda: datetime.now(UTC), by=BY)
    page = client.get(f"/settings/webhooks/{row.pk}/").content.decode()
    assert f"msg_{delivery.event.message.hex[:16]}<wbr>" in page and "200, 200" in page


def test_a_secret_is_shown_once_and_an_address_inside_a_network_is_refused(client: Client) -> None:
    client.force_login(factories.user("system_admin"))
    sent = {"url": "https://hooks.example.com/in?token=canary", "events": ["signal.opened"]}
    shown = client.post("/settings/webhooks/new/", sent).content.decode()
    secret = shown.split('tabindex="0"><code>')[1].split("</code>")[0]
    assert secret.startswith("whsec_") and len(secret) == 50
    row = Endpoint.objects.get()
    assert secret not in client.get(f"/settings/webhooks/{row.pk}/").content.decode()
    assert secret not in str(list(AuditRow.objects.values()))
    refused = client.post("/settings/webhooks/new/", sent | {"url": "http://169.254.169.254/latest"}).content.decode()
    assert "This leads to an address inside a network, which is never called." in refused
    assert client.post(f"/settings/webhooks/{row.pk}/edit/", sent | {"events": []}).status_code == 200
    client.post(f"/settings/webhooks/{row.pk}/edit/", sent | {"events": ["account.churned"]})
    row.refresh_from_db()
    assert (row.events, row.is_active) == (["account.churned"], False)
    client.post(f"/settings/webhooks/{row.pk}/edit/", sent | {"url": "https://hooks.example.com/in?token=canary-2"})
    made, changed = (
        AuditRow.objects.filter(action__startswith="webhook.").order_by("pk").values_list("after", flat=True)[::2]
    )
    assert made["url"].startswith("https://hooks.example.com/in?") and made["url"] != changed["url"]
    assert "canary" not in str(list(AuditRow.objects.values()))


def test_a_paused_webhook_is_said_on_every_page_of_whoever_can_resume_it(client: Client) -> None:
    admin = factories.user("system_admin")
    row, _secret = endpoint("http://127.0.0.1/", by=admin)
    words = "A webhook is paused, since it did not answer."
    for paused_at, who, expected in (
        (None, admin, False),
        (NOW, admin, True),
        (NOW, factories.user("ops_admin"), False),
    ):
        Endpoint.objects.update(paused_at=paused_at)
        client.force_login(who)
        assert (words in client.get("/settings/").content.decode()) is expected
    actions.resume(row, at=NOW, by=admin)
    client.force_login(admin)
    assert words not in client.get("/settings/").content.decode()


def test_only_system_admins_keep_webhooks() -> None:
    given: dict[str, Any] = {"url": "https://hooks.example.com/", "events": ["signal.opened"], "at": NOW}
    with pytest.raises(PermissionDenied):
        actions.create_endpoint(**given, by=factories.user("ops_admin"))
    with pytest.raises(ValidationError):
        actions.create_endpoint(**given | {"events": ["nothing"]}, by=factories.user("system_admin"))


def test_pages_take_the_same_queries_for_one_and_for_three_rows(client: Client) -> None:
    admin = factories.user("system_admin")
    client.force_login(admin)
    counts = []
    for more in (1, 2):
        for _ in range(more):
            row, _secret = endpoint("http://127.0.0.1/", by=admin)
            tell(f"{row.pk}")
        with CaptureQueriesContext(connection) as queries:
            client.get("/settings/webhooks/")
            client.get(f"/settings/webhooks/{Endpoint.objects.earliest('pk').pk}/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_old_events_are_forgotten_with_their_deliveries() -> None:
    endpoint("http://127.0.0.1/")
    tell("1", at=NOW - timedelta(days=31))
    tell("2")
    assert actions.tidy(at=NOW, by=BY) == 1
    assert WebhookEvent.objects.get().subject == "2"


def test_after_a_restore_nothing_that_waited_is_told_until_somebody_asks() -> None:
    with receiver() as server:
        row, _secret = endpoint(server.url())
        tell()
        assert actions.hold_deliveries(at=NOW, by=BY) == 1
        assert deliver(server) == actions.Done(0, 0, False)
        actions.redeliver(Delivery.objects.get(endpoint=row), at=NOW, by=factories.user("system_admin"))
        assert deliver(server) == actions.Done(1, 0, False)
