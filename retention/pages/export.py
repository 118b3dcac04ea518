"""The lists on screen as CSV files, accounts as a workbook too: the same filter, order and columns, all pages."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db import transaction
from django.http import HttpResponseBase, HttpResponseRedirect, QueryDict, StreamingHttpResponse
from django.utils.text import capfirst
from django.views.decorators.http import require_POST

from crm.accounts.models import Account, Stage
from crm.audit import actions as audit
from crm.audit.actions import note_export
from crm.lib.csv_writing import lines
from crm.lib.days import own_day
from crm.lib.xlsx_writing import XLSX, workbook
from crm.segments.queries import Unusable
from crm.staff.models import User
from crm.staff.queries import ground_of
from crm.staff.views import Request, needs
from crm.templatetags.ui import band_word, points
from retention.forecasts import queries as forecasts
from retention.forecasts.models import Category
from retention.forecasts.queries import Asked, Renewal
from retention.pages import listing, renewals
from retention.pages.conditions import address
from retention.pages.listing import Cursor, Row
from retention.pages.renewal_words import cents, outcome_words
from retention.pages.wanted import COLUMNS, Wanted
from retention.scores.models import Band

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
    "owner": [("held_by", lambda row: row.holder)],
    "next_step": [("next_step", lambda row: row.next_step), ("next_step_on", lambda row: row.next_step_on)],
    "plan": [("plan", lambda row: row.plans)],
    "seats": [("seats", lambda row: row.seats)],
    "last_use": [("last_use_on", lambda row: row.last_use_on)],
    "uses": [("uses_28_days", lambda row: row.uses)],
    "customer_since": [("customer_since", lambda row: row.customer_since)],
    "stage": [("stage", lambda row: Stage(row.stage).label)],
    "segment": [("segment", lambda row: row.segment)],
    "tags": [("tags", lambda row: "; ".join(row.tags))],
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
    as_workbook = request.POST.get("as") == "xlsx"
    body = workbook("accounts", head, rows) if as_workbook else lines(head, rows)
    response = StreamingHttpResponse(body, content_type=XLSX if as_workbook else "text/csv; charset=utf-8")
    ending = "xlsx" if as_workbook else "csv"
    response["Content-Disposition"] = f'attachment; filename="accounts-{day}.{ending}"'
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


RENEWAL_COLUMNS = (
    "external_id", "name", "renews_on", "notice_on", "owner", "health", "score", "currency", "mrr", "forecast",
    "expected_mrr", "outcome", "mrr_after",
)  # fmt: skip


@require_POST
@needs("export")
def export_renewals(request: Request) -> HttpResponseBase:
    """The renewals that the page shows, whole; for whoever may take the list of accounts."""
    day = request.now.date()
    state = QueryDict(request.POST.get("state", ""))
    asked = renewals.Wanted.read(state, request.user, day).asked()
    note_export("renewals", asked={"view": state.urlencode()[:500]}, at=request.now, by=request.user)
    rows = _renewals(request.user, asked, day)
    response = StreamingHttpResponse(lines(RENEWAL_COLUMNS, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="renewals-{day}.csv"'
    return response


def _renewals(user: User, asked: Asked, day: date) -> Iterator[list[object]]:
    """Page by page along the keys, with the names of owners; amounts are a month's, in the reporting currency."""
    currency, words, after = ground_of(user).installation.currency, outcome_words(), None
    while True:
        found = forecasts.renewals(user, asked, day=day, after=after, limit=CHUNK)
        accounts = Account.objects.visible_to(user).select_related("owner", "pool")
        known = accounts.in_bulk([row.account_id for row in found[:CHUNK]])
        for row in found[:CHUNK]:
            yield _renewal(row, known[row.account_id], currency, words)
        if len(found) <= CHUNK:
            return
        after = (found[CHUNK - 1].renews_on, found[CHUNK - 1].account_id)


def _renewal(due: Renewal, account: Account, currency: str, words: dict[str, str]) -> list[object]:
    holder = account.owner or account.pool
    mrr, expected, later = ("" if one is None else f"{cents(one):f}" for one in (due.mrr, due.expected, due.after))
    return [
        account.external_id, account.name, due.renews_on, due.notice_on, holder.name if holder else "",
        capfirst(band_word(Band(due.band).word)), "" if due.points is None else points(due.points), currency, mrr,
        str(Category(due.category).label) if due.category else "", expected, words.get(due.outcome, ""), later,
    ]  # fmt: skip
