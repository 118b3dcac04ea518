"""The portfolio: all accounts a person sees, worst first, with what each costs and what is planned."""

from datetime import date
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.template.loader import get_template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.accounts.models import Stage
from crm.staff.queries import ground_of
from crm.staff.views import Request, needs
from crm.templatetags.ui import DASH, band_mark, band_word, money, points, signed_points
from crm.templatetags.ui import day as day_words
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
    currency = ground_of(request.user).installation.currency
    context = {
        "page": page,
        "rows": written(page.rows, currency, day),
        "previous": page.previous,
        "next": page.next,
        "wanted": wanted,
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


def written(rows: list[Row], currency: str, day: date) -> SafeString:
    """The table's rows: one template filled per account, which takes a fifth of Django's own loop over it."""
    text = get_template("retention/_portfolio_row.html").render({})
    address = reverse("account", args=[0])
    return format_html_join("\n", "{}", ((format_html(text, **_cells(row, address, currency, day)),) for row in rows))


def _cells(row: Row, address: str, currency: str, day: date) -> dict[str, str]:
    change = ""
    if row.change:
        spoken = _("in 28 days")
        moved = signed_points(row.change)
        change = format_html(' <span class="quiet">{}<span class="seen-by-readers"> {}</span></span>', moved, spoken)
    step = DASH
    if row.next_step:
        late = row.next_step_on is not None and row.next_step_on < day
        when = day_words(row.next_step_on, day)
        how = "quiet is-at_risk" if late else "quiet"
        step = format_html('<span>{} <span class="{}">{}</span></span>', row.next_step, how, when)
    return {
        "url": address.replace("0", str(row.pk)),
        "name": row.name,
        "band": band(row.band, row.points),
        "change": change,
        "costs": _(row.costliest) if row.costliest else DASH,
        "mrr": money(row.mrr, currency) if row.is_paid else DASH,
        "renews": in_days(row.renews_on, day) or DASH,
        "holder": row.holder or DASH,
        "step": step,
    }


def band(word: str, tenths: int | None) -> SafeString:
    """What _parts/band.html prints."""
    said = band_word(word)
    figure = "" if tenths is None else f" {points(tenths)}"
    mark = band_mark(word)
    return format_html('<span class="band is-{}">{}<span>{}{}</span></span>', word, mark, capfirst(said), figure)


def in_days(on: date | None, day: date) -> str:
    """How far off a day is, always in days: "in 85 days"; empty when there is none."""
    if on is None:
        return ""
    days = (on - day).days
    return ngettext("in %(days)s day", "in %(days)s days", days) % {"days": days} if days else _("today")
