"""Renewals: by month and owner, what each comes to, what the rep expects of it, and what came of it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from crm.accounts.actions import may_write
from crm.accounts.models import Account
from crm.accounts.views import own_account
from crm.lib.fields import refusals
from crm.staff.models import User
from crm.staff.queries import ground_of
from crm.staff.rules import MANAGER, REP
from crm.staff.views import Request, needs, offer_undo
from crm.templatetags.ui import number
from retention.forecasts import actions, queries
from retention.forecasts.actions import Expected
from retention.forecasts.models import Category, Forecast
from retention.forecasts.queries import Asked, Renewal
from retention.pages.forms import ForecastForm
from retention.pages.put_offs import back
from retention.pages.renewal_words import RowWriter, Sheet, cents
from retention.scores.models import Band

SPANS = (1, 3, 6, 12)
JUDGED_YEAR = timedelta(days=365)
MANY = 5000  # with more renewals than these, a year of everybody's is not judged while the page waits


@dataclass(frozen=True)
class Wanted:
    """What the address asks for; anything unreadable in it asks for nothing."""

    start: date
    months: int
    owner: str
    band: str
    forecast: str

    @classmethod
    def read(cls, given: Any, user: User, day: date) -> "Wanted":
        first = re.fullmatch(r"(20[0-9]{2})-(0[1-9]|1[0-2])", given.get("from", ""), re.ASCII)
        months, owner, band = given.get("months", ""), given.get("owner", ""), given.get("band", "")
        forecast = given.get("forecast", "")
        usual = {REP: "me", MANAGER: "team"}.get(user.role, "all")
        return cls(
            start=date(int(first[1]), int(first[2]), 1) if first else day.replace(day=1),
            months=int(months) if months in map(str, SPANS) else 3,
            owner=owner if owner in ("me", "team", "all") or re.fullmatch(r"[0-9]{1,18}", owner, re.ASCII) else usual,
            band=band if band in {each.word for each in Band} else "",
            forecast=forecast if forecast in (*Category.values, "none") else "",
        )

    def asked(self) -> Asked:
        band = next((each for each in Band if each.word == self.band), None)
        owner = "" if self.owner == "all" else self.owner
        return Asked(self.start, month_after(self.start, self.months), owner, band, self.forecast)

    def earlier(self) -> str:
        return f"{month_after(self.start, -self.months):%Y-%m}"

    def later(self) -> str:
        return f"{month_after(self.start, self.months):%Y-%m}"


def month_after(first: date, months: int) -> date:
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return date(year, month + 1, 1)


def cursor_of(text: str) -> tuple[date, int] | None:
    found = re.fullmatch(r"(20[0-9]{2}-[0-9]{2}-[0-9]{2})\.([0-9]{1,18})", text, re.ASCII)
    try:
        return (date.fromisoformat(found[1]), int(found[2])) if found else None
    except ValueError:
        return None


@needs("read")
def renewals(request: Request) -> HttpResponse:
    """Eight queries with the session and the person, however many renew."""
    day = request.now.date()
    wanted = Wanted.read(request.GET, request.user, day)
    asked = wanted.asked()
    found = queries.renewals(request.user, asked, day=day, after=cursor_of(request.GET.get("after", "")))
    rows, more = found[: queries.PAGE], len(found) > queries.PAGE
    totals = queries.totals(request.user, asked, day=day)
    few = bool(asked.owner) or sum(total.renewals for total in totals) <= MANY
    year = Asked(day - JUDGED_YEAR, day + timedelta(days=1), asked.owner)
    records = queries.records(request.user, year, day=day) if few else None
    sheet = Sheet(totals, records, request.user, day)
    last = rows[-1] if rows else None
    context = {
        "wanted": wanted,
        "rows": written(request, rows),
        "sheet": sheet,
        "next": f"{last.renews_on}.{last.account_id}" if more and last else None,
        "owners": owners(wanted),
        "spans": [(n, ngettext("%(n)s month", "%(n)s months", n) % {"n": number(n)}) for n in SPANS],
        "bands": [each.word for each in Band if each],
        "forecasts": [*Category.choices, ("none", _("No forecast"))],
        "narrowed": wanted.band or wanted.forecast,
    }
    return render(request, "retention/renewals.html", context)


def owners(wanted: Wanted) -> list[tuple[str, str]]:
    found = [("me", _("Me")), ("team", _("My team")), ("all", _("Everyone"))]
    return [*found, (wanted.owner, _("One person"))] if wanted.owner.isdigit() else found


def written(request: Request, rows: Iterable[Renewal]) -> list[dict[str, Any]]:
    """The rows as this person may read and change them; two queries."""
    found = list(rows)
    accounts = Account.objects.system("those of renewals that are seen").select_related("owner", "pool")
    by_id = accounts.in_bulk([row.account_id for row in found])
    history = queries.histories(request.user, found)
    currency = ground_of(request.user).installation.currency
    writer = RowWriter(request.now.date(), currency, history)
    return [
        writer.row(row, by_id[row.account_id], may=may_write(by_id[row.account_id], by=request.user)) for row in found
    ]


@needs("write_account")
def forecast(request: Request, pk: int, on: str) -> HttpResponse:
    """The form of one renewal: a page of its own, or in the place of its row where htmx asks."""
    account = own_account(request, pk)
    due = the_renewal(request, account, on)
    if request.htmx and "row" in request.GET:  # type: ignore[attr-defined]  # django-htmx adds it
        return in_place(request, due, focus=True)
    amount = cents(due.expected) if due.expected is not None and due.category in ("grows", "at_risk") else None
    start = {"category": due.category, "mrr": amount}
    form = ForecastForm(request.POST or None, initial=start)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            expected = Expected(**form.cleaned_data)
            row = actions.record_forecast(
                account, renews_on=due.renews_on, expected=expected, at=request.now, by=request.user
            )
            return recorded(request, account, row)
    words = {"title": _("What do you expect of this renewal?"), "submit": _("Save the forecast")}
    context = {"form": form, "account": account, "due": due, "back_url": month_url(due.renews_on), **words}
    context["currency"] = ground_of(request.user).installation.currency
    in_row = request.htmx  # type: ignore[attr-defined]
    return render(request, "retention/_renewal_form.html" if in_row else "crm/form.html", context)


def the_renewal(request: Request, account: Account, on: str) -> Renewal:
    try:
        day = date.fromisoformat(on)
    except ValueError as unreadable:
        raise Http404 from unreadable
    asked = Asked(day, day + timedelta(days=1))
    found = queries.renewals(request.user, asked, day=request.now.date(), only=account.pk)
    if not found:
        raise Http404
    return found[0]


def recorded(request: Request, account: Account, row: Forecast) -> HttpResponse:
    said = _("%(name)s: %(forecast)s.") % {"name": account.name, "forecast": row.get_category_display()}
    back = request.htmx.current_url_abs_path or month_url(row.renews_on)  # type: ignore[attr-defined]
    offer_undo(request, said, reverse("forecast-undo", args=[row.pk]), next=back)
    if not request.htmx:  # type: ignore[attr-defined]
        return HttpResponseRedirect(month_url(row.renews_on))
    response = in_place(request, the_renewal(request, account, str(row.renews_on)), focus=True)
    response.headers["HX-Trigger"] = "renewals-changed"
    return response


def in_place(request: Request, due: Renewal, *, focus: bool) -> HttpResponse:
    (row,) = written(request, [due])
    return render(request, "retention/_renewal_row.html", {"row": row, "focus": focus})


@require_POST
@needs("write_account")
def undo(request: Request, pk: int) -> HttpResponse:
    rows = Forecast.objects.system("whose account is asked for below").select_related("account__owner")
    row: Forecast = get_object_or_404(rows, pk=pk)
    own_account(request, row.account_id)
    done = actions.take_back(row, at=request.now, by=request.user)
    words = _("The forecast before holds again.") if done else _("It was changed meanwhile, so it stays as it is.")
    messages.success(request, words)
    return HttpResponseRedirect(back(request, month_url(row.renews_on)))


def month_url(on: date) -> str:
    query = QueryDict(mutable=True)
    query["from"] = f"{on:%Y-%m}"
    return f"{reverse('renewals')}?{query.urlencode()}"
