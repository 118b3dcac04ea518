"""The list on screen as a CSV file: the same filter, order and columns, all of its pages."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db import transaction
from django.http import HttpResponseBase, HttpResponseRedirect, QueryDict, StreamingHttpResponse
from django.utils.text import capfirst
from django.views.decorators.http import require_POST

from crm.accounts.models import Stage
from crm.audit import actions as audit
from crm.lib.csv_writing import lines
from crm.lib.days import own_day
from crm.segments.queries import Unusable
from crm.staff.models import User
from crm.staff.views import Request, needs
from crm.templatetags.ui import band_word, points
from retention.pages import listing
from retention.pages.conditions import address
from retention.pages.listing import Cursor, Row
from retention.pages.wanted import COLUMNS, Wanted

CHUNK = 2_000
# One column of the list may be several of a file: figures without their words, so that a spreadsheet can add them up.
FILED: dict[str, list[tuple[str, Any]]] = {
    "health": [
        ("health", lambda row: capfirst(band_word(row.band))),
        ("score", lambda row: "" if row.points is None else points(row.points)),
        ("score_change_28_days", lambda row: "" if row.change is None else str(row.change / 10)),
    ],
    "costs": [("costs_most", lambda row: row.costliest)],
    "mrr": [("mrr", lambda row: "" if row.mrr is None else f"{row.mrr:f}")],
    "renewal": [("renews_on", lambda row: row.renews_on)],
    "owner": [("owner", lambda row: row.holder)],
    "next_step": [("next_step", lambda row: row.next_step), ("next_step_on", lambda row: row.next_step_on)],
    "plan": [("plan", lambda row: row.plans)],
    "seats": [("seats", lambda row: row.seats)],
    "last_use": [("last_use_on", lambda row: row.last_use_on)],
    "uses": [("uses_28_days", lambda row: row.uses)],
    "customer_since": [("customer_since", lambda row: row.customer_since)],
    "stage": [("stage", lambda row: Stage(row.stage).label)],
    "segment": [("segment", lambda row: row.segment)],
    "tags": [("tags", lambda row: ", ".join(row.tags))],
}
assert FILED.keys() | {"external_id"} == COLUMNS.keys()


@require_POST
@needs("export")
def export(request: Request) -> HttpResponseBase:
    """Managers take their team's accounts, ops all: what `visible_to` shows them, in the columns on screen."""
    wanted = Wanted.read(QueryDict(request.POST.get("state", "")))
    day = own_day(request.now)
    try:
        if wanted.lost:
            raise Unusable([wanted.lost])
        # The first page tells whether the filter can be run, before anything is promised.
        first = listing.page(request.user, wanted, day=day, limit=CHUNK)
    except Unusable:
        return HttpResponseRedirect(address(wanted))
    with transaction.atomic():
        audit.record(
            "accounts.exported", ("accounts", "list"), at=request.now, by=request.user, after={"view": wanted.query}
        )
    head, rows = _table(request.user, wanted, first, day)
    response = StreamingHttpResponse(lines(head, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="accounts-{day}.csv"'
    return response


def _table(user: User, wanted: Wanted, first: listing.Page, day: date) -> tuple[list[str], Iterator[list[object]]]:
    filed = [pair for key in wanted.columns for pair in FILED.get(key, [])]
    head = ["external_id", "name", *(name for name, _read in filed)]
    rows = (
        [row.external_id, row.name, *(read(row) for _name, read in filed)] for row in _rows(user, wanted, first, day)
    )
    return head, rows


def _rows(user: User, wanted: Wanted, page: listing.Page, day: date) -> Iterator[Row]:
    """All pages of the list, one after the other by their keys."""
    yield from page.rows
    while page.next:
        after = Cursor.read(page.next, wanted.sort)
        page = listing.page(user, wanted, day=day, after=after, limit=CHUNK)
        yield from page.rows
