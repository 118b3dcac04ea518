"""Headless Chromium over a live server that stands at a fixed morning, signed in by cookie; every page is watched."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.company import NOW, Company, company

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip
# Documents of their own, shown in a frame, in which nothing may run; and what is taken, not opened.
MAILS, FILES = {"mail-body", "survey-mail"}, {"import-template"}
# A page that the policy had to protect is a page with a fault, so violations are collected.
WATCH = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.__violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
# htmx takes its class away when an answer is in place; two frames later everything has been drawn.
STANDS = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
  done(!document.querySelector(".htmx-request")))))"""


@pytest.fixture(scope="session", autouse=True)
def chromium() -> str:
    if CHROMIUM is None:
        # One line for all of them: pytest folds skips that come from one place.
        pytest.skip("browser tests skipped: chromium is missing; get it with: apt-get install chromium")
    return CHROMIUM


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One per file: playwright keeps an event loop, which tests of other files could not live with."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    # The loop is playwright's own; our code never runs in it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    try:
        with sync_playwright() as playwright:
            found = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            yield found
            found.close()
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        if before is not None:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture
def made(transactional_db: None) -> Iterator[Company]:
    with time_machine.travel(NOW):
        yield company()


class Watched:
    """A page whose faults are written down: errors on the console, blocked or failed requests, dialogs."""

    def __init__(self, context: BrowserContext, site: str) -> None:
        self.site, self.faults = site, list[str]()
        self.page: Page = context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self._note(True, f"script: {error}"))
        self.page.on("requestfailed", self._failed)
        self.page.on("request", lambda request: self._note(not self._ours(request.url), f"left us: {request.url}"))
        self.page.on("response", lambda got: self._note(got.status >= 400, f"{got.status}: {got.url}"))
        self.page.on("dialog", self._dialog)

    def _ours(self, url: str) -> bool:
        return url.startswith((self.site, "data:", "about:", "blob:"))

    def _note(self, is_fault: bool, what: str) -> None:
        if is_fault:
            self.faults.append(what[:300])

    def _console(self, said: Any) -> None:
        # Pieces of pages, opened alone, name no icon; the browser then asks for one that nobody has. To answer it here
        # would cost every request a detour, and the browser its cache.
        no_icon = said.location["url"] == f"{self.site}/favicon.ico"
        self._note(said.type in ("error", "warning") and not no_icon, f"console: {said.text}")

    def _failed(self, request: Any) -> None:
        # What we abort ourselves by going on to the next page is no fault of this one.
        self._note("ERR_ABORTED" not in str(request.failure), f"failed: {request.url} {request.failure}")

    def _dialog(self, dialog: Any) -> None:
        self._note(True, f"dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, path: str, *, scripts: bool = True) -> list[str]:
        """Go there and wait until it stands, with what htmx fetches into it; the faults of this page.

        A mail's own document runs no scripts, so nothing can be awaited in it.
        """
        self.faults = []
        self.page.goto(f"{self.site}{path}")
        if scripts:
            self.page.wait_for_function(STANDS)
        for frame in self.page.frames:
            self.faults += [f"policy: {said}" for said in frame.evaluate("window.__violations || []")]
        return self.faults

    def overflow(self, width: int) -> int:
        """By how many pixels the page is wider than a window of this width."""
        self.page.set_viewport_size({"width": width, "height": 900})
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


Watching = Callable[[str], Watched]


@pytest.fixture
def watching(browser: Browser, live_server: Any, made: Company) -> Iterator[Watching]:
    """Open a watched page as one role's user; "-" is nobody."""
    contexts: list[BrowserContext] = []

    def sign_in(role: str) -> Watched:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB", reduced_motion="reduce")
        contexts.append(context)
        context.add_init_script(WATCH)
        context.set_default_timeout(20_000)
        if role != "-":
            client = Client()
            client.force_login(made.users[role])
            name = settings.SESSION_COOKIE_NAME
            context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
        return Watched(context, live_server.url)

    yield sign_in
    for context in contexts:
        context.close()
