"""The record of who did what: searched by admins, exported, and shown beside an account to whoever sees it."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from crm.accounts.views import seen_account, shown
from crm.audit.models import AuditRow
from crm.exports.rules import Asked, Table, Unusable
from crm.lib.fields import Day, Text
from crm.staff.models import User
from crm.staff.views import Request, needs
from retention.pages.record_words import told

PAGE, BLOCK = 50, 2_000
COLUMNS = ("at", "actor_kind", "actor_id", "actor_label", "on_behalf_of", "action", "object_kind", "object_id",
           "object_label", "before", "after")  # fmt: skip


class RecordForm(forms.Form):
    """What the record is searched by; `who` and `of` are kind and id, as "user:3" or "account:12"."""

    who = forms.ChoiceField(label=_("Who"), required=False)
    action = Text(label=_("What"), limit=80, required=False)
    of = Text(label=_("On what"), limit=120, required=False)
    from_on = Day(label=_("From the day"), required=False)
    until_on = Day(label=_("Through the day"), required=False)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        people = [(f"user:{row.pk}", row.name) for row in User.objects.order_by("name", "pk")]
        asked = str(self.data.get("who", ""))
        others = [(asked, asked)] if ":" in asked and asked not in dict(people) else []
        self.fields["who"].choices = [("", _("Anybody")), *others, *people]  # type: ignore[attr-defined]  # as above

    def rows(self, zone: ZoneInfo) -> QuerySet[AuditRow]:
        """The rows asked for, the newest first; all while nothing is asked, none while it cannot be read."""
        rows = AuditRow.objects.order_by("-at", "-id")
        if not self.is_bound:
            return rows
        if not self.is_valid():
            return rows.none()
        given = self.cleaned_data
        for field, kind, pk in (("who", "actor_kind", "actor_id"), ("of", "object_kind", "object_id")):
            if given[field]:
                rows = rows.filter(**dict(zip((kind, pk), given[field].partition(":")[::2], strict=True)))
        if given["action"]:
            rows = rows.filter(action=given["action"])
        if given["from_on"]:
            rows = rows.filter(at__gte=datetime.combine(given["from_on"], time(0), zone))
        if given["until_on"]:
            rows = rows.filter(at__lt=datetime.combine(given["until_on"] + timedelta(days=1), time(0), zone))
        return rows


def older(rows: QuerySet[AuditRow], at: datetime, pk: int) -> QuerySet[AuditRow]:
    """Those that come after this place; the first condition is what the index is read by."""
    return rows.filter(Q(at__lt=at) | Q(pk__lt=pk), at__lte=at)


def _page(rows: QuerySet[AuditRow], after: str) -> tuple[list[AuditRow], str]:
    """One page, and the cursor of the next; an unreadable cursor begins anew."""
    micros, _dot, pk = after.partition(".")
    if micros.isascii() and micros.isdigit() and len(micros) < 18 and pk.isascii() and pk.isdigit() and len(pk) < 18:
        rows = older(rows, datetime.fromtimestamp(int(micros) // 10**6, ZoneInfo("UTC")).replace(
            microsecond=int(micros) % 10**6), int(pk))  # fmt: skip
    found = list(rows[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    cursor = f"{int(last.at.timestamp()) * 10**6 + last.at.microsecond}.{last.pk}" if last else ""
    return found[:PAGE], cursor


@needs("read_audit")
def audit(request: Request) -> HttpResponse:
    """Never counted: a page is read along an index, however long the record is."""
    form = RecordForm(request.GET or None)
    rows, following = _page(form.rows(ZoneInfo(request.user.time_zone)), request.GET.get("after", ""))
    context = {
        "form": form,
        "lines": told(rows, user=request.user, now=request.now),
        "next": following,
        "narrowed": form.is_bound,
    }
    return render(request, "retention/audit.html", context)


def record_table(asked: Asked) -> Table:
    """What the filter shows, whole; that it was taken stands in the record itself."""
    form = RecordForm(asked.state)
    rows = form.rows(ZoneInfo(asked.user.time_zone))
    if not form.is_valid():
        raise Unusable
    return Table(COLUMNS, _cells(rows))


def _cells(rows: QuerySet[AuditRow]) -> Iterator[list[object]]:
    """Block by block along the keys: nothing is held open while a slow reader takes the file."""
    block = list(rows[:BLOCK])
    while block:
        for row in block:
            yield [row.at.isoformat(), *(getattr(row, name) for name in COLUMNS[1:])]
        block = list(older(rows, block[-1].at, block[-1].pk)[:BLOCK])


@needs("read")
def account_record(request: Request, pk: int) -> HttpResponse:
    """What was done to one account, for whoever sees it; the read-only role reads no changes of data it sees masked."""
    account = seen_account(request, pk)
    if not request.user.may("read_contact_data"):
        raise PermissionDenied
    rows = AuditRow.objects.filter(object_kind="account", object_id=str(pk)).order_by("-at", "-id")
    found, following = _page(rows, request.GET.get("after", ""))
    return render(
        request,
        "retention/audit.html",
        shown(request, account, lines=told(found, user=request.user, now=request.now), next=following),
    )
