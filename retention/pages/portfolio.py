"""The portfolio: all accounts a person sees, worst first, with what each costs and what is planned."""

from datetime import date
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.accounts.models import Stage
from crm.staff.queries import ground_of
from crm.staff.views import Request, needs
from crm.templatetags.ui import band_word
from retention.pages import listing
from retention.pages.listing import BANDS, Cursor, Row, Wanted

RIGHTS = {"write": "write_account", "import": "import", "sources": "read_sources"}


@needs("read")
def portfolio(request: Request) -> HttpResponse:
    """Five queries with the session and the person; the counts beside the bands come in a request of their own."""
    wanted = Wanted.read(request.GET)
    after, before = (Cursor.read(request.GET.get(name, "")) for name in ("after", "before"))
    day = request.now.date()
    page = listing.page(request.user, wanted, after=after, before=before, day=day)
    context = {
        "rows": [_cells(row, day) for row in page.rows],
        "previous": page.previous,
        "next": page.next,
        "wanted": wanted,
        "currency": ground_of(request.user).installation.currency,
        "owners": _owners(request, wanted),
        "stages": [("", _("Current customers")), *Stage.choices, ("all", _("All, also gone ones"))],
        "bands": _chips(wanted),
        "counts_url": f"{reverse('portfolio-bands')}?{_query(wanted)}",
        "first_run": not page.rows and not wanted,
        "may": {name: request.user.may(verb) for name, verb in RIGHTS.items()},
    }
    return render(request, "retention/portfolio.html", context)


@needs("read")
def bands(request: Request) -> HttpResponse:
    """The band chips again, with their counts, for htmx to put in place."""
    wanted = Wanted.read(request.GET)
    counts = listing.band_counts(request.user, wanted)
    return render(request, "retention/_bands.html", {"bands": _chips(wanted, counts)})


def _chips(wanted: Wanted, counts: dict[str, int] | None = None) -> list[dict[str, Any]]:
    everyone = sum(counts.values()) if counts else None
    chips = [{"word": _("all"), "band": "", "count": everyone, "here": not wanted.band, "query": _query(wanted)}]
    for band in BANDS:
        count = counts[band] if counts else None
        query = _query(wanted, band=band)
        chips.append(
            {"word": band_word(band), "band": band, "count": count, "here": wanted.band == band, "query": query}
        )
    return chips


def _query(wanted: Wanted, band: str = "") -> str:
    """The address of the same list under another band, from its beginning."""
    query = QueryDict(mutable=True)
    for name in ("q", "owner", "stage"):
        if value := getattr(wanted, name):
            query[name] = value
    if band:
        query["band"] = band
    return query.urlencode()


def _owners(request: Request, wanted: Wanted) -> list[tuple[str, str]]:
    owners = [("", _("Everyone")), ("me", _("Me")), ("team", _("My team")), ("nobody", _("Nobody"))]
    return [*owners, (wanted.owner, _("One person"))] if wanted.owner.isdigit() else owners


def _cells(row: Row, day: date) -> dict[str, Any]:
    due = row.next_step_on is not None and row.next_step_on < day
    return {
        "row": row,
        "costs": _(row.costliest) if row.costliest else "",
        "renews": in_days(row.renews_on, day),
        "late": due,
    }


def in_days(on: date | None, day: date) -> str:
    """How far off a day is, always in days: "in 85 days"; empty when there is none."""
    if on is None:
        return ""
    days = (on - day).days
    return ngettext("in %(days)s day", "in %(days)s days", days) % {"days": days} if days else _("today")
