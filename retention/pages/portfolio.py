"""The portfolio: all accounts a person sees, worst first, with what each costs and what is planned."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from crm.accounts.models import Stage
from crm.lib.days import own_day
from crm.segments.models import Shared, may_share
from crm.segments.queries import VIEWS, Lists, Unusable, lists, wanted_by
from crm.staff.models import User
from crm.staff.queries import ground_of
from crm.staff.views import Request, needs
from crm.templatetags.ui import band_word
from retention.pages import listing
from retention.pages.conditions import add_url, address, chips, lost_words
from retention.pages.fields import BANDS
from retention.pages.listing import Cursor, Page
from retention.pages.table import Table
from retention.pages.wanted import COLUMNS, MOST_SORTS, SORTS, Wanted

RIGHTS = {
    "write": "write_account", "import": "import", "sources": "read_sources", "keep": "save_views",
}  # fmt: skip


@needs("read")
def portfolio(request: Request) -> HttpResponse:
    """Four queries with session and person; the counts beside the bands come in a request of their own."""
    wanted = Wanted.read(request.GET)
    day = own_day(request.now)
    known = lists({VIEWS} | wanted_by(wanted.where), user=request.user)
    after, before = (Cursor.read(request.GET.get(name, ""), wanted.sort) for name in ("after", "before"))
    page, lost = Page([], None, None), []
    try:
        if wanted.lost:
            raise Unusable([])
        page = listing.page(request.user, wanted, day=day, after=after, before=before, known=known)
    except Unusable as unusable:
        lost = lost_words(wanted, unusable.problems)
    currency = ground_of(request.user).installation.currency
    may = {name: request.user.may(verb) for name, verb in RIGHTS.items()}
    context = {
        "page": page,
        "rows": Table(wanted, currency, day, writes=may["write"]).rows(page.rows),
        "previous": page.previous,
        "next": page.next,
        "wanted": wanted,
        "lost": lost,
        "conditions": chips(wanted, known, currency),
        "add_url": add_url(wanted),
        "heads": _heads(wanted),
        "arrangement": Arrangement(wanted.sort, wanted.columns),
        "narrowing": Narrowing(wanted.owner, wanted.stage),
        "bands": _chips(wanted),
        "counts_url": f"{reverse('portfolio-bands')}?{wanted.query}",
        "first_run": not page.rows and not wanted,
        "may": may,
        **_views(wanted, known, request.user),
    }
    return render(request, "retention/portfolio.html", context)


@needs("read")
def bands(request: Request) -> HttpResponse:
    """The band chips again, with their counts, for htmx to put in place."""
    wanted = Wanted.read(request.GET)
    try:
        counts = None if wanted.lost else listing.band_counts(request.user, wanted, day=own_day(request.now))
    except Unusable:
        counts = None
    matching = counts and (counts[wanted.band] if wanted.band else sum(counts.values()))
    # Only a list with rows has the button that counts them, and only for whoever may press it.
    shown = matching or None if request.user.may("write_account") else None
    return render(request, "retention/_bands.html", {"bands": _chips(wanted, counts), "matching": shown})


def _chips(wanted: Wanted, counts: dict[str, int] | None = None) -> list[dict[str, Any]]:
    everyone = sum(counts.values()) if counts else None
    every: dict[str, Any] = {"word": _("all"), "band": "", "count": everyone, "here": not wanted.band}
    found = [every | {"query": wanted.but(band="").query}]
    for band in BANDS:
        chip: dict[str, Any] = {
            "word": band_word(band),
            "band": band,
            "count": counts and counts[band],
            "here": wanted.band == band,
        }
        found.append(chip | {"query": wanted.but(band=band).query})
    return found


def _heads(wanted: Wanted) -> list[dict[str, Any]]:
    """The columns' headings; one that can be sorted by links to the list in that order, and back again."""
    shown = [COLUMNS[key] for key in wanted.columns]
    rest = [_head(column.sort, column.label, column.kind, wanted) for column in shown]
    return [_head("name", _("Account"), "", wanted), *rest]


def _head(sort: str, label: Any, kind: str, wanted: Wanted) -> dict[str, Any]:
    first, down = wanted.sort[0]
    head: dict[str, Any] = {"label": label, "end": kind == "end", "url": "", "sorted": ""}
    if sort:
        is_here = sort == first
        turned = not down if is_here else SORTS[sort].descending
        head["url"] = address(wanted.but(sort=((sort, turned),)))
        head["sorted"] = ("descending" if down else "ascending") if is_here else ""
    return head


@dataclass(frozen=True)
class Arrangement:
    """The order and the columns of the list with all there are to choose from; equal ones read alike."""

    sort: tuple[tuple[str, bool], ...]
    columns: tuple[str, ...]

    def places(self) -> list[list[tuple[str, str, bool]]]:
        """The choices of each place of the order: (value, words, chosen)."""
        return [self._choices(n) for n in range(MOST_SORTS)]

    def _choices(self, n: int) -> list[tuple[str, str, bool]]:
        here = self.sort[n] if n < len(self.sort) else None
        choices = [("", _("nothing more"), here is None)] if n else []
        for key, sort in SORTS.items():
            choices.append((key, _("%(what)s, from the lowest") % {"what": sort.label}, here == (key, False)))
            choices.append((f"-{key}", _("%(what)s, from the highest") % {"what": sort.label}, here == (key, True)))
        return choices

    def shown(self) -> list[tuple[str, Any, bool]]:
        return [(key, column.label, key in self.columns) for key, column in COLUMNS.items()]


@dataclass(frozen=True)
class Narrowing:
    """Whose accounts, and in which stage, with the values to choose from; equal ones read alike."""

    owner: str
    stage: str

    def owners(self) -> list[tuple[str, str]]:
        owners = [("", _("Everyone")), ("me", _("Me")), ("team", _("My team")), ("nobody", _("Nobody"))]
        return [*owners, (self.owner, _("One person"))] if self.owner.isdigit() else owners

    def stages(self) -> list[tuple[str, Any]]:
        return [("", _("Current customers")), *Stage.choices, ("all", _("All, also gone ones"))]


def _views(wanted: Wanted, known: Lists, user: User) -> dict[str, Any]:
    """The saved views as tabs; the list as it begins comes first."""
    tabs = [{"name": _("All accounts"), "url": reverse("portfolio"), "here": not wanted.query}]
    for _pk, name, query in known.views:
        url = reverse("portfolio") + (f"?{query}" if query else "")
        tabs.append({"name": name, "url": url, "here": bool(query) and query == wanted.query})
    is_kept = any(tab["here"] for tab in tabs)
    sharing = [choice for choice in Shared.choices if may_share(user, choice[0])]
    return {"tabs": tabs, "is_kept": is_kept, "sharing": sharing}
