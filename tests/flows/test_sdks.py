"""Unmodified SDKs of Segment and RudderStack against a real gunicorn: every event counts once, for its account."""

import functools
import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Sum
from playwright.sync_api import sync_playwright

from crm.accounts.models import Account
from crm.audit.rules import System
from crm.sources import actions
from crm.sources.models import InboxBatch, Reject
from crm.usage.actions import drain
from crm.usage.models import UsageDay
from tests import factories, live

HERE = Path(__file__).parent.parent / "sdk"
NODE = shutil.which("node")
CHROMIUM = shutil.which("chromium")
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]
needs_node = pytest.mark.skipif(
    NODE is None or not (HERE / "node_modules").is_dir(),
    reason="the Node SDKs are not installed: cd tests/sdk && npm ci",
)
needs_browser = pytest.mark.skipif(
    CHROMIUM is None or not (HERE / "node_modules").is_dir(),
    reason="chromium or the browser SDKs are not installed: make browser sdks",
)
ACCOUNTS, USERS, EACH = 20, 5, 20  # 20 accounts with 5 users of 20 events: 2,000 events, 100 an account


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    with django_db_blocker.unblock(), live.gunicorn(workers=2) as address:
        yield address


@pytest.fixture
def key() -> str:
    return actions.create_write_key(factories.source("Web app"), at=factories.NOW, by=System("test"))[1]


def plan() -> list[dict[str, Any]]:
    """Each user joins another account first and the own one last; half of the events name no account.

    An hour lies between the calls: RudderStack's SDK for Node stamps sentAt long before it sends, while it is
    busy with 2,000 calls, and times are corrected by that.
    """
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
    calls: list[dict[str, Any]] = []
    for account in range(ACCOUNTS):
        for user in range(USERS):
            who = f"user-{account}-{user}"
            for step, group in enumerate(((account + 1) % ACCOUNTS, account)):
                at = start + timedelta(hours=step)
                calls.append(
                    {"call": "group", "userId": who, "groupId": f"account-{group}", "timestamp": at.isoformat()}
                )
            for n in range(EACH):
                at = start + timedelta(hours=2, seconds=n)
                named = {"context": {"groupId": f"account-{account}"}} if n % 2 else {}
                calls.append(
                    {"call": "track", "userId": who, "event": "Trip booked", "timestamp": at.isoformat(), **named}
                )
    return [call | {"messageId": f"message-{n}"} for n, call in enumerate(calls)]


def by_segment_python(site: str, key: str, calls: list[dict[str, Any]]) -> None:
    from segment.analytics.client import Client

    _python(Client(key, host=site, gzip=True, max_retries=3, on_error=_fail), calls)


def by_rudder_python(site: str, key: str, calls: list[dict[str, Any]]) -> None:
    from rudderstack.analytics.client import Client

    _python(Client(key, host=site, on_error=_fail), calls)


def _fail(error: Exception, _items: object) -> None:
    raise AssertionError(str(error))


def _python(client: Any, calls: list[dict[str, Any]]) -> None:
    for call in calls:
        common = {
            "timestamp": datetime.fromisoformat(call["timestamp"]),
            "message_id": call["messageId"],
            "context": dict(call.get("context", {})),
        }
        if call["call"] == "group":
            assert client.group(call["userId"], call["groupId"], {}, **common)[0]
        else:
            assert client.track(call["userId"], call["event"], {}, **common)[0]
    client.shutdown()


def by_node(script: str, site: str, key: str, calls: list[dict[str, Any]]) -> None:
    """One process for five accounts each: the time that RudderStack's SDK takes grows with the square of the calls."""
    assert NODE is not None
    for some in batched(calls, 5 * len(calls) // ACCOUNTS):
        task = json.dumps({"host": site, "key": key, "calls": some})
        done = subprocess.run([NODE, script], cwd=HERE, input=task, text=True, capture_output=True, timeout=240)
        assert (done.returncode, done.stderr) == (0, "")


def batched(calls: list[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(calls), size):
        yield calls[start : start + size]


def counted() -> dict[str, int]:
    """Uses by external id of the account, once all that waits is drained."""
    while InboxBatch.objects.filter(drained_at=None).exists():
        drain(at=datetime.now(UTC), by=System("test"))
    names = dict(Account.objects.system("test").values_list("id", "external_id"))
    sums = UsageDay.objects.values_list("account_id").annotate(Sum("uses"))
    return {names[account]: int(uses) for account, uses in sums}


@pytest.mark.parametrize(
    "send",
    [
        pytest.param(by_segment_python, id="segment-python"),
        pytest.param(by_rudder_python, id="rudderstack-python"),
        pytest.param(
            functools.partial(by_node, "segment_node.js"), id="segment-node", marks=[pytest.mark.sdk, needs_node]
        ),
        pytest.param(
            functools.partial(by_node, "rudder_node.js"), id="rudderstack-node", marks=[pytest.mark.sdk, needs_node]
        ),
    ],
)
def test_2000_events_of_20_accounts_count_exactly_and_sending_them_again_adds_nothing(
    site: str, key: str, send: Callable[[str, str, list[dict[str, Any]]], None]
):
    calls = plan()
    assert sum(call["call"] == "track" for call in calls) == 2000
    assert sum("context" in call for call in calls) == 1000
    expected = {f"account-{n}": 100 for n in range(ACCOUNTS)}
    send(site, key, calls)
    assert counted() == expected
    send(site, key, calls)
    assert counted() == expected
    assert Reject.objects.count() == 0
    assert sum(InboxBatch.objects.values_list("events", flat=True)) == 2 * len(calls)


class _Files(http.server.SimpleHTTPRequestHandler):
    """The customer's own web server: a page and the SDK's file, unchanged."""

    scripts = {
        "/segment.js": HERE / "node_modules/@segment/analytics-next/dist/umd/index.js",
        "/rudder.js": HERE / "node_modules/@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js",
    }

    def translate_path(self, path: str) -> str:
        name = path.partition("?")[0]
        return str(self.scripts.get(name, HERE / name.lstrip("/")))

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[str]:
    """Another origin than ours, as an app of ours would be."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def visit(page_url: str) -> list[str]:
    """Open the page in Chromium, wait until its SDK has sent, and leave it; returns what the console complained of."""
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    complaints: list[str] = []
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = chromium.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(page_url)
        page.wait_for_function("window.sent", timeout=30_000)
        assert page.evaluate("window.sent") is True
        page.goto("about:blank")
        page.wait_for_timeout(1000)
        chromium.close()
    return complaints


def by_name() -> dict[tuple[str, str], int]:
    """Uses by account and event name."""
    accounts = counted()
    assert len(accounts) <= 1
    rows = UsageDay.objects.values_list("event__name").annotate(Sum("uses"))
    return {(account, name): int(uses) for account in accounts for name, uses in rows}


@pytest.mark.browser
@pytest.mark.sdk
@needs_browser
@pytest.mark.parametrize("batching", ["", "1"])
def test_segment_s_browser_sdk_sends_from_another_origin_with_its_settings_from_here(
    site: str, key: str, shop: str, batching: str
):
    for _again in range(2):
        query = f"key={key}&site={site}&run=browser&batching={batching}"
        assert visit(f"{shop}/segment_browser.html?{query}") == []
    assert by_name()[("browser-account", "Opened")] == 20
    assert sum(InboxBatch.objects.values_list("events", flat=True)) == 2 * 23
    assert {row.call for row in InboxBatch.objects.all()} == (
        {"batch"} if batching else {"identify", "group", "track", "page"}
    )


@pytest.mark.browser
@pytest.mark.sdk
@needs_browser
@pytest.mark.parametrize("beacon", ["", "1"])
def test_rudderstack_s_browser_sdk_sends_by_request_and_by_beacon(site: str, key: str, shop: str, beacon: str):
    assert visit(f"{shop}/rudder_browser.html?key={key}&site={site}&beacon={beacon}") == []
    assert by_name()[("rudder-account", "Opened")] == 20
    assert ({row.call for row in InboxBatch.objects.all()} == {"batch"}) is (beacon == "1")
