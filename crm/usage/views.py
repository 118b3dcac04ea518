"""The page on which events get their meaning: unmapped ones first, many mapped at once."""

from django.contrib import messages
from django.db import connection
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext

from crm.lib.fields import refusals
from crm.lib.formats import grouped
from crm.lib.sql_files import load
from crm.staff.views import Request, needs
from crm.usage.actions import map_events
from crm.usage.forms import MeaningsForm
from crm.usage.models import EventName

A_PAGE = 100


@needs("read_sources")
def events(request: Request) -> HttpResponse:
    """A hundred names a page, those without a feature first; the rest follow by name."""
    search, after = request.GET.get("q", "").strip()[:100], request.GET.get("after", "")
    found = EventName.objects.select_related("feature").order_by(F("feature").asc(nulls_first=True), "name")
    if search:
        found = found.filter(name__istartswith=search)
    start = int(after) if after.isdigit() and len(after) < 6 else 0
    shown = list(found[start : start + A_PAGE + 1])
    form = MeaningsForm(shown[:A_PAGE], request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            changed = map_events(form.meanings(), at=request.now, by=request.user)
            words = ngettext("%(n)s event has a new meaning.", "%(n)s events have a new meaning.", changed)
            messages.success(request, words % {"n": grouped(changed)})
            return redirect(request.get_full_path())
    volumes = _volumes()
    rows = [row | {"volume": volumes.get(row["event"].pk, (0, 0))} for row in form.rows()]
    more = str(start + A_PAGE) if len(shown) > A_PAGE else None
    context = {"form": form, "rows": rows, "search": search, "next": more}
    context["may_configure"] = request.user.may("configure")
    return render(request, "crm/usage/events.html", context)


def _volumes() -> dict[int, tuple[int, int]]:
    """Uses in 28 days and accounts behind them, by event name."""
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "volumes"))
        return {event: (uses or 0, accounts) for event, uses, accounts in cursor.fetchall()}
