"""Every page of the matrix in a real browser: it loads cleanly, fits a phone, and axe finds nothing, light and dark."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse

from tests.architecture.asking import address, expected, visits
from tests.architecture.matrix import ADMIN, PUBLIC, URLS
from tests.architecture.posts import opening
from tests.browser.conftest import STANDS, Watched, Watching
from tests.company import Company

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
# A piece of a page that htmx fetches, and mails, which are documents of their own in a frame.
FRAGMENTS = {"portfolio-bands", "palette", "mail-body", "survey-mail"}
NO_PAGES = ("tracking", "healthz", "readyz")
WIDTHS = (1280, 390)


def pages(made: Company, role: str) -> Iterator[tuple[str, str]]:
    """(name, address) of every whole page that the role gets."""
    for line in URLS:
        whose = visits(made, line)[0]
        if line.name not in FRAGMENTS and expected(line.get, role, "team", whose) == 200:
            yield line.name, address(made, line, whose)
    for row in ADMIN if role == "O" else []:
        yield row.model, reverse(f"admin:{row.model}_changelist")
    for each in ("account", "contact", "plan", "scorecardversion") if role == "O" else []:
        app = "retention" if each == "scorecardversion" else "crm"
        yield f"{each} in the admin", reverse(f"admin:{app}_{each}_add")


def public_pages(made: Company) -> Iterator[tuple[str, str]]:
    for line in PUBLIC:
        if line.get == 200 and not line.name.startswith(NO_PAGES):
            yield f"{line.name} with {line.holding or 'nothing'}", opening(made, line)[0]


def looked_at(watched: Watched, path: str) -> list[str]:
    faults = list(watched.open(path))
    page = watched.page
    if not page.evaluate("document.documentElement.lang"):
        faults.append("no language is declared")
    if (headings := page.locator("h1").count()) != 1:
        faults.append(f"{headings} headings of the first level")
    faults += [f"{over} px too wide at {width}" for width in WIDTHS if (over := watched.overflow(width)) > 0]
    page.set_viewport_size({"width": 1280, "height": 900})
    return faults


def test_every_page_loads_cleanly_and_fits_desk_and_phone(made: Company, watching: Watching) -> None:
    found: dict[str, list[str]] = {}
    for role in "OR":
        watched = watching(role)
        for name, path in pages(made, role):
            if faults := looked_at(watched, path):
                found[f"{name} as {role}"] = faults
    watched = watching("-")
    for name, path in public_pages(made):
        if faults := looked_at(watched, path):
            found[name] = faults
    assert found == {}


MAIN = {
    "R": [
        "today", "portfolio", "account", "account-history", "account-edit", "contacts", "contact-edit", "subscriptions",
        "subscription-change", "task-new", "draft", "draft-edit", "search", "playbooks", "playbook", "plans", "surveys",
        "survey", "mail-files", "mail", "scorecards", "begin",
    ],
    "O": [
        "survey-edit", "survey-wave", "survey-not-asked", "settings", "sources", "source", "events", "imports",
        "import", "pipeline", "traits", "plan-edit", "feature-edit",
    ],
}  # fmt: skip


def test_axe_finds_nothing_on_the_main_pages_in_light_and_dark(made: Company, watching: Watching) -> None:
    axe = Axe()
    found: dict[str, set[str]] = {}
    for role, names in [*MAIN.items(), ("-", [])]:
        watched = watching(role)
        chosen = dict(pages(made, role)) if names else dict(public_pages(made))
        for name in names or chosen:
            watched.open(chosen[name])
            for theme in ("light", "dark"):
                watched.page.evaluate("(theme) => { document.documentElement.dataset.theme = theme }", theme)
                watched.page.wait_for_function(STANDS)
                for fault in axe.run(watched.page).response["violations"]:
                    places = {node["html"][:120] for node in fault["nodes"]}
                    found[f"{name} {theme}: {fault['id']}"] = places
    assert found == {}
