"""The filter above the portfolio: what it says, and adding a condition step by step; every step is an address."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from crm.lib.gate import Refused
from crm.segments import rules
from crm.segments.queries import (
    EVERY,
    Field,
    Lists,
    choices_of,
    comparisons,
    fields,
    in_words,
    lists,
    refusal,
    sentence,
)
from crm.segments.rules import Group, Leaf
from crm.staff.views import Request, needs
from retention.pages.wanted import Wanted

FEW = 12  # up to so many choices are boxes to tick, more are a list


@dataclass(frozen=True)
class Said:
    """One condition, or a group that is said in one sentence, with the list without it."""

    label: str
    asked: str
    without: str


@dataclass(frozen=True)
class Chip:
    """One part of the filter: alternatives, and the page that adds another one."""

    alternatives: list[Said]
    add_url: str


def address(wanted: Wanted) -> str:
    query = wanted.query
    return reverse("portfolio") + (f"?{query}" if query else "")


def chips(wanted: Wanted, known: Lists, currency: str) -> list[Chip]:
    """What the filter says, each part with the way to take it out and to add an alternative."""
    found = []
    for n, part in enumerate(rules.both(wanted.where).parts):
        is_choice = isinstance(part, Group) and part.how == rules.ANY and len(part.parts) > 1
        alternatives = part.parts if isinstance(part, Group) and is_choice else (part,)
        said = [
            Said(*_said(each, known, currency), address(wanted.but(where=rules.without(wanted.where, n, m))))
            for m, each in enumerate(alternatives)
        ]
        found.append(Chip(said, _builder(wanted, beside=str(n))))
    return found


def _said(tree: rules.Tree, known: Lists, currency: str) -> tuple[str, str]:
    return in_words(tree, known, currency) if isinstance(tree, Leaf) else ("", sentence(tree, known, currency))


def _builder(wanted: Wanted, **more: str) -> str:
    given = QueryDict(mutable=True)
    given.update({"state": wanted.query} | more)
    return f"{reverse('portfolio-condition')}?{given.urlencode()}"


def add_url(wanted: Wanted) -> str:
    return _builder(wanted)


@needs("read")
def condition(request: Request) -> HttpResponse:
    """Choose a field, how it is compared and with what; then back to the list that is narrowed by it."""
    wanted = Wanted.read(QueryDict(request.GET.get("state", "")))
    known = lists(EVERY)
    there_are = fields(known)
    field = there_are.get(request.GET.get("field", ""))
    problem = ""
    op = request.GET.get("op", "")
    if field is not None and op not in rules.OPERATORS[field.kind]:
        op = next(iter(rules.OPERATORS[field.kind]))
    if field is not None and "add" in request.GET:
        leaf = Leaf(field.key, op, _values(request.GET, field, op))
        try:
            rules.typed(field.kind, leaf, str(field.label))
            where = rules.within_limits(rules.added(wanted.where, leaf, _number(request.GET.get("beside", ""))))
            return HttpResponseRedirect(address(wanted.but(where=where)))
        except Refused as refused:
            problem = refusal(refused)
    context = _shown(request, wanted, there_are, field, op, known) | {"problem": problem, "back_url": address(wanted)}
    is_part = request.headers.get("HX-Request") == "true"
    return render(request, "retention/_condition.html" if is_part else "retention/condition.html", context)


def _shown(
    request: Request, wanted: Wanted, there_are: dict[str, Field], field: Field | None, op: str, known: Lists
) -> dict[str, Any]:
    choices = choices_of(field, known) if field else []
    return {
        "state": wanted.query,
        "beside": request.GET.get("beside", ""),
        "fields": sorted(
            ((key, str(each.label)) for key, each in there_are.items()), key=lambda pair: pair[1].casefold()
        ),
        "field": field,
        "op": op,
        "comparisons": comparisons(field) if field else [],
        "inputs": _inputs(field, op) if field else "",
        "choices": choices,
        "few": len(choices) <= FEW,
        "given": request.GET,
        "chosen": request.GET.getlist("choice"),
    }


def _inputs(field: Field, op: str) -> str:
    """Which inputs the comparison takes: days, day, two_days, number, two_numbers, choices, words, text or nothing."""
    shape = rules.OPERATORS[field.kind][op]
    if shape == rules.NOTHING:
        return "nothing"
    if op in rules.IN_DAYS:
        return "days"
    one = {rules.DATE: "day", rules.NUMBER: "number"}.get(field.kind)
    if one:
        return f"two_{one}s" if shape == rules.TWO else one
    if field.choices:
        return "choices"
    return "words" if shape == rules.MANY else "text"


def _values(given: QueryDict, field: Field, op: str) -> tuple[str, ...]:
    inputs = _inputs(field, op)
    if inputs == "choices":
        return tuple(given.getlist("choice"))
    first, second = given.get("first", "").strip(), given.get("second", "").strip()
    if inputs == "words":
        return tuple(word.strip() for word in first.split(",") if word.strip())
    return (first, second) if inputs.startswith("two_") else (first,) if inputs != "nothing" else ()


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else None


def lost_words(wanted: Wanted, problems: list[Refused]) -> list[str]:
    """Why the filter cannot be run, in sentences."""
    found = [wanted.lost] if wanted.lost else []
    return [refusal(problem) for problem in [*found, *problems]] or [_("The filter cannot be run.")]
