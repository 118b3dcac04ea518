"""The rows behind one figure of an account's score, so that whoever doubts it can add it up again."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from crm.accounts.views import seen_account, shown
from crm.contacts.rules import masked_name
from crm.staff.queries import installation
from crm.staff.views import Request, needs
from crm.templatetags.ui import day as day_words
from crm.templatetags.ui import money, number
from retention.measures.queries import KINDS, Behind, Part, behind
from retention.scorecards.models import ScorecardMeasure
from retention.scores.queries import Component, why

SHOWN = 200
COUNTS, STAYS_OUT = gettext_lazy("counts"), gettext_lazy("does not count")
# How the rows come to the reading, in one sentence.
HOW = {
    "breadth": gettext_lazy("Key features of the plan in meaningful use, of all that the plan includes."),
    "unused": gettext_lazy("Key features that the plan includes, without meaningful use."),
    "depth": gettext_lazy("People with enough flagged uses, divided by the paid seats; no more than all of them."),
    "reach": gettext_lazy("What was done, added up."),
    "trend": gettext_lazy("What was done in the window, against the window before it."),
    "recency": gettext_lazy("Days since the newest of these; never seen in the window counts as the whole window."),
    "survey": gettext_lazy("The mean of what each person answered last, while the answer is valid."),
    "trait": gettext_lazy("The newest value, while it is valid."),
}


@require_safe
@needs("read")
def reading(request: Request, pk: int, key: str) -> HttpResponse:
    """What a measure of the score that holds now is made of. Where another page has these rows, it leads there."""
    of, found = seen_account(request, pk), why(pk)
    part = next((each for each in found.components if each.key == key), None) if found else None
    if found is None or part is None:
        raise Http404
    if rows := KINDS[part.kind].rows:
        return redirect(rows, pk)
    row = get_object_or_404(ScorecardMeasure.objects.select_related("feature"), version=found.version_id, key=key)
    made = behind(pk, row.spec(), found.day)
    plain = request.user.may("read_contact_data")
    context = {
        "part": part,
        "how": HOW[part.kind],
        "from": found.day - timedelta(part.window),
        "until": found.day - timedelta(1),
        "of_usage": KINDS[part.kind].of_usage,
        "behind": made,
        **(_table(part, made, plain) if made else {}),
        **(_price(row, made) if made and row.per_price else {}),
        "scaled": made.tenure if made and KINDS[part.kind].of_usage and made.tenure < part.window else None,
    }
    return render(request, "retention/reading.html", shown(request, of, **context))


def _table(part: Component, made: Behind, plain: bool) -> dict[str, Any]:
    head, cells = TABLES[part.kind]
    rows = [
        {"name": _name(each, plain), "cells": list(zip(head[1:], cells(each), strict=True)), "counts": each.counts}
        for each in made.parts[:SHOWN]
    ]
    for row, each in zip(rows, made.parts, strict=False):
        row["days"] = [(on, _amount(value)) for on, value in sorted(each.days.items(), reverse=True)]
    more = max(0, len(made.parts) - SHOWN)
    return {"head": head, "rows": rows, "more": more, "seats": _seats(made) if part.kind == "depth" else []}


def _name(part: Part, plain: bool) -> str:
    return masked_name(part.name) if part.contact and not plain else part.name or _("other events")


def _amount(value: Decimal) -> str:
    return number(value, 0 if value == value.to_integral_value() else 2)


def _enough(part: Part) -> list[str]:
    needed = part.needed or Decimal(0)
    return [_amount(part.value), _amount(needed), str(COUNTS if part.counts else STAYS_OUT)]


def _on(part: Part) -> str:
    return day_words(part.on) if part.on else ""


def _judged(part: Part) -> list[str]:
    return [_amount(part.value), _on(part), str(COUNTS if part.counts else STAYS_OUT)]


Cells = Callable[[Part], list[str]]
_FEATURE, _PERSON = gettext_lazy("Feature"), gettext_lazy("Person")
_KEYS = [_FEATURE, gettext_lazy("Used"), gettext_lazy("Meaningful from"), gettext_lazy("So it")]
TABLES: dict[str, tuple[list[Any], Cells]] = {
    "breadth": (_KEYS, _enough),
    "unused": (_KEYS, _enough),
    "depth": ([_PERSON, gettext_lazy("Uses"), gettext_lazy("Active from"), gettext_lazy("So it")], _enough),
    "reach": ([_FEATURE, gettext_lazy("Used")], lambda part: [_amount(part.value)]),
    "trend": (
        [_FEATURE, gettext_lazy("In the window"), gettext_lazy("In the one before")],
        lambda part: [_amount(part.value), _amount(part.before)],
    ),
    "recency": ([_FEATURE, gettext_lazy("Last used")], lambda part: [_on(part)]),
    "survey": ([_PERSON, gettext_lazy("Of 10"), gettext_lazy("Answered"), gettext_lazy("So it")], _judged),
    "trait": (["", gettext_lazy("Value"), gettext_lazy("Since"), gettext_lazy("So it")], _judged),
}


def _seats(made: Behind) -> list[tuple[str, str]]:
    """(plan, its seats) of the lines that are paid on the day."""
    held = [(line.plan, line.seats) for line in made.lines if line.seats]
    return [(plan, ngettext("%(n)s seat", "%(n)s seats", seats) % {"n": number(seats)}) for plan, seats in held]


def _price(row: ScorecardMeasure, made: Behind) -> dict[str, Any]:
    """The lines that were paid in the window, and what they come to for it."""
    currency = installation().currency
    lines = [
        {
            "plan": line.plan,
            "from": line.from_on,
            "until": line.until_on - timedelta(1),
            "days": (line.until_on - line.from_on).days,
            "mrr": _("no rate") if line.mrr is None else money(line.mrr, currency),
        }
        for line in made.lines
        if line.from_on < line.until_on
    ]
    price = None if made.price is None else money(made.price.quantize(Decimal("0.01")), currency)
    return {"lines": lines, "price": price, "window": row.window}
