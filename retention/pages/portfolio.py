"""The portfolio: all accounts a person sees, worst first, with what each costs and what is planned."""

from datetime import date
from html import escape
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.template.loader import get_template
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
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
        "rows": Table(currency, day).rows(page.rows),
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


class Table:
    """Writes the rows: one template filled per account, a tenth of what Django's own loop over it takes.

    Whatever people wrote is escaped here; the template's own text and the bands' shapes are markup.
    """

    def __init__(self, currency: str, day: date) -> None:
        self.currency, self.day = currency, day
        self.text = get_template("retention/_portfolio_row.html").render({})
        self.address = reverse("account", args=[0])
        self.bands = {word: (band_mark(word), escape(capfirst(band_word(word)))) for word in BANDS}
        self.measures: dict[str, str] = {"": DASH}
        self.spoken = f'<span class="seen-by-readers"> {escape(_("in 28 days"))}</span>'

    def rows(self, rows: list[Row]) -> SafeString:
        return mark_safe("".join(self.text.format(**self._cells(row)) for row in rows))  # noqa: S308 - escaped below

    def _cells(self, row: Row) -> dict[str, str]:
        if row.costliest not in self.measures:
            self.measures[row.costliest] = escape(_(row.costliest))
        return {
            "url": self.address.replace("0", str(row.pk)),
            "name": escape(row.name),
            "band": self._band(row),
            "change": f' <span class="quiet">{signed_points(row.change)}{self.spoken}</span>' if row.change else "",
            "costs": self.measures[row.costliest],
            "mrr": escape(money(row.mrr, self.currency)) if row.is_paid else DASH,
            "renews": escape(in_days(row.renews_on, self.day)) or DASH,
            "holder": escape(row.holder) or DASH,
            "step": self._step(row) if row.next_step else DASH,
        }

    def _band(self, row: Row) -> str:
        """What _parts/band.html prints."""
        mark, word = self.bands[row.band]
        figure = "" if row.points is None else f" {points(row.points)}"
        return f'<span class="band is-{row.band}">{mark}<span>{word}{figure}</span></span>'

    def _step(self, row: Row) -> str:
        late = row.next_step_on is not None and row.next_step_on < self.day
        when = (
            f'<span class="quiet{" is-at_risk" if late else ""}">{escape(day_words(row.next_step_on, self.day))}</span>'
        )
        return f"<span>{escape(row.next_step)} {when}</span>"


def in_days(on: date | None, day: date) -> str:
    """How far off a day is, always in days: "in 85 days"; empty when there is none."""
    if on is None:
        return ""
    days = (on - day).days
    return ngettext("in %(days)s day", "in %(days)s days", days) % {"days": days} if days else _("today")
