"""Every page of the matrix in a real browser: it loads cleanly, fits a phone, and axe finds nothing, light and dark."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.urls import reverse

from tests.architecture.asking import address, expected, visits
from tests.architecture.matrix import ADMIN, PUBLIC, URLS
from tests.architecture.posts import opening
from tests.browser.conftest import FILES, MAILS, Watched, Watching
from tests.company import Company

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
NO_PAGES = ("tracking", "healthz", "readyz")
WIDTHS = (1280, 390, 360)
# Both themes and both widths of each page; every other page the other way round, so that parts that many pages share
# are seen in each theme on each width.
LOOKS = ({1280: "light", 390: "dark"}, {1280: "dark", 390: "light"})
# Frames hold mails, in which no script runs; and of what is found only the markup is told, not the way to it.
AXE = """(theme) => {
  document.documentElement.dataset.theme = theme;
  const shown = (fault) => fault.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(" | ");
  return axe.run(document, { resultTypes: ["violations"], preload: false, iframes: false, selectors: false })
    .then((found) => found.violations.map((fault) => `${fault.id}: ${shown(fault)}`));
}"""


def pages(made: Company, role: str) -> Iterator[tuple[str, str]]:
    """(name, address) of every whole page that the role gets."""
    for line in URLS:
        whose = visits(made, line)[0]
        if line.name not in MAILS | FILES and expected(line.get, role, "team", whose) == 200:
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


def looked_at(watched: Watched, path: str, themes: dict[int, str]) -> list[str] | None:
    """What is wrong with the page, also by axe in the theme of each width; None: it is no whole page."""
    faults, page = list(watched.open(path)), watched.page
    if page.evaluate("document.doctype === null"):
        return None
    if not page.evaluate("document.documentElement.lang"):
        faults.append("no language is declared")
    if (headings := page.locator("h1").count()) != 1:
        faults.append(f"{headings} headings of the first level")
    page.evaluate(AXE_SCRIPT)
    for width in WIDTHS:
        if (over := watched.overflow(width)) > 0:
            faults.append(f"{over} px too wide at {width}")
        if width in themes:
            faults += [f"{themes[width]} at {width}: {fault}" for fault in page.evaluate(AXE, themes[width])]
    page.set_viewport_size({"width": 1280, "height": 900})
    return faults


def test_every_page_is_clean_fits_desk_and_phone_and_axe_finds_nothing(made: Company, watching: Watching) -> None:
    """Whatever the table of addresses lists, so that a new page is here by itself; each is looked at once, as the first
    who gets it sees it: an ops admin sees most.

    A piece that htmx fetches has no doctype; it is looked at in the page that asks for it.
    """
    found, known = list[str](), set[str]()
    for role in "ORSM-":
        watched = watching(role)
        for name, path in pages(made, role) if role != "-" else public_pages(made):
            if name in known:
                continue
            faults = looked_at(watched, path, LOOKS[len(known) % 2])
            if faults is not None:
                known.add(name)
                found += [f"{name} as {role}: {fault}" for fault in faults]
    assert not found, "\n".join(found)
