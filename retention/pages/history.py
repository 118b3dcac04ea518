"""How an account's score moved: the curve, the rows of the ledger, and what changed between two days."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from crm.accounts.actions import may_write
from crm.staff.views import Request, needs
from crm.templatetags.charts import band_of
from crm.templatetags.ui import signed
from retention.outcomes.queries import story
from retention.pages import telling
from retention.pages.forms import SinceForm
from retention.pages.seen import seen_account
from retention.scores.queries import Changes, changed_since, why

CURVE_DAYS, ROWS = 365, 30


@needs("read")
def history(request: Request, pk: int) -> HttpResponse:
    of, day = seen_account(request, pk), request.now.date()
    start = day - timedelta(days=CURVE_DAYS)
    now, told = why(pk), story(pk, start, day)
    limits = tuple(limit // 10 for limit in now.limits) if now else (40, 60, 80)
    since = {"since": day - timedelta(days=28), "until": day}
    form = SinceForm(request.GET if "since" in request.GET else None, initial=since)
    chosen = form.cleaned_data if form.is_bound and form.is_valid() else since
    context: dict[str, Any] = {
        "account": of,
        "may_write": may_write(of, by=request.user),
        "history": telling.curve(told.history, now),
        "events": telling.marks(told.events, start, request.user),
        "until": day if now and now.day >= day else now.day if now else day,
        "limits": limits,
        "rows": [_row(when, tenths, limits) for when, tenths in reversed(told.history)][:ROWS],
        "more": max(0, len(told.history) - ROWS),
        "form": form,
        "chosen": chosen,
        **_compared(changed_since(pk, chosen["since"], chosen["until"]) if not form.errors else None),
        "now": now,
    }
    return render(request, "retention/history.html", context)


def _compared(changes: Changes | None) -> dict[str, Any]:
    """The lines with their tenths printed, so that one can add them up to the sum below them."""
    if changes is None or changes.before is None or changes.after is None:
        return {"changes": changes}
    lines = [{"line": line, "tenths": _tenths(line.change)} for line in changes.lines]
    return {"changes": changes, "lines": lines, "total": _tenths(changes.after - changes.before)}


def _tenths(change: int) -> str:
    return signed(Decimal(change) / 10, 1)


def _row(when: Any, tenths: int | None, limits: tuple[int, ...]) -> dict[str, Any]:
    return {"day": when, "points": tenths, "band": band_of(tenths, limits)}
