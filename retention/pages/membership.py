"""Why is this account in? Each condition of a filter, told by the account's own figures."""

from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import render

from crm.accounts.views import seen_account, shown
from crm.lib.days import own_day
from crm.lib.gate import Refused
from crm.segments import rules
from crm.segments.queries import Unusable, current, lists, problems, reasons, refusal, segments_of, tree_of
from crm.staff.queries import ground_of
from crm.staff.views import Request, needs
from retention.pages.conditions import address
from retention.pages.wanted import Wanted

MOST = 50


@needs("read")
def membership(request: Request, pk: int) -> HttpResponse:
    """The list that the person comes from, if any, and the segments they see; all conditions in one query."""
    account = seen_account(request, pk)
    day, known = own_day(request.now), lists()
    wanted = Wanted.read(QueryDict(request.GET.get("state", "")))
    asked: list[tuple[str, rules.Group, str]] = []
    lost: list[dict[str, Any]] = []
    if wanted:
        asked.append(("", wanted.tree, address(wanted)))
    for row in segments_of(request.user)[:MOST]:
        try:
            tree = tree_of(row)
            found = problems(tree, day=day, user=request.user, known=known)
        except Unusable as unusable:
            found, tree = unusable.problems, rules.EVERYTHING
        if found:
            lost.append({"name": row.name, "problems": _words(found)})
        else:
            asked.append((row.name, current(tree), address(Wanted(where=tree))))
    try:
        currency = ground_of(request.user).installation.currency
        whole = rules.Group(rules.ANY, tuple(tree for _name, tree, _url in asked))
        told = reasons(account, whole, day=day, user=request.user, known=known, currency=currency).parts
    except Unusable as unusable:
        told, asked = (), []
        lost.append({"name": "", "problems": _words(unusable.problems)})
    rows: list[dict[str, Any]] = [
        {"name": name, "url": url, "reason": reason} for (name, _tree, url), reason in zip(asked, told, strict=True)
    ]
    context = {
        "here": [row for row in rows if not row["name"]],
        "inside": [row for row in rows if row["name"] and row["reason"].holds],
        "outside": [row for row in rows if row["name"] and not row["reason"].holds],
        "lost": lost,
    }
    return render(request, "retention/membership.html", shown(request, account, **context))


def _words(found: list[Refused]) -> list[str]:
    return [refusal(problem) for problem in found]
