"""How health is judged: which scorecard judges whom, in which order; everyone reads it, ops admins change it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from crm.lib.days import own_day
from crm.lib.doorbell import ring
from crm.lib.fields import refusals, refusals_told
from crm.segments import queries as segments
from crm.staff.queries import ground_of
from crm.staff.views import Request, needs, offer_undo
from crm.templatetags.ui import number, percent
from retention.measures.queries import CHANGE, KINDS, PART, WAY
from retention.measures.rules import PERCENTILE, STEPS
from retention.pages import switching
from retention.scorecards import actions, queries
from retention.scorecards.forms import ScorecardForm
from retention.scorecards.models import Scorecard, ScorecardMeasure, ScorecardVersion, State
from retention.scorecards.queries import Edition
from retention.scores.models import ScoreReading


@dataclass(frozen=True)
class MeasureRow:
    """One line of the table; `share` of all weight, 0..1."""

    measure: ScorecardMeasure
    kind: str
    scale: str
    weight: str
    share: float


@require_safe
@needs("read")
def index(request: Request) -> HttpResponse:
    """Every scorecard in its order, with whom it judges and by what; a fixed number of queries."""
    cards = sorted(Scorecard.objects.select_related("segment"), key=queries.placed)
    current = {version.scorecard_id: version.pk for version in queries.published_versions()}
    editions = queries.editions(current.values())
    may = request.user.may("configure")
    known = segments.lists()
    drafts, counts = (_drafts(), _counts()) if may else ({}, {})
    rows = []
    for card in (card for card in cards if not card.retired_at):
        row = _shown(request, card, editions.get(current.get(card.pk, 0)), known)
        row["draft"] = drafts.get(card.pk)
        row["accounts"] = counts.get(card.pk, 0) if may and row["edition"] else None
        rows.append(row)
    context = {
        "scorecards": rows,
        "retired": [card for card in cards if card.retired_at] if may else [],
        "may_configure": may,
    }
    return render(request, "retention/scorecards.html", context)


def _shown(request: Request, card: Scorecard, edition: Edition | None, known: segments.Lists) -> dict[str, Any]:
    return {
        "card": card,
        "edition": edition,
        "rows": measure_rows(edition) if edition else [],
        **judges(request, card, known),
    }


def judges(request: Request, card: Scorecard, known: segments.Lists | None = None) -> dict[str, Any]:
    """Whom a scorecard judges in words, and what keeps its conditions from choosing anybody."""
    problems = queries.problems_of(card, day=own_day(request.now), known=known)
    says = ""
    if not card.is_default and not problems:
        tree = queries.tree_of(card)
        currency = ground_of(request.user).installation.currency
        says = segments.sentence(tree, known or segments.lists_of(tree), currency)
    return {"says": says, "problems": [segments.refusal(problem) for problem in problems]}


def _drafts() -> dict[int, ScorecardVersion]:
    return {row.scorecard_id: row for row in ScorecardVersion.objects.filter(state=State.DRAFT)}


def _counts() -> Mapping[int, int]:
    """How many accounts each scorecard judges now; for those who see all accounts."""
    rows = ScoreReading.objects.system("how many each scorecard judges").values("version_id").annotate(n=Count("pk"))
    of = dict(ScorecardVersion.objects.values_list("pk", "scorecard_id"))
    found: dict[int, int] = {}
    for row in rows.order_by():
        card = of.get(row["version_id"], 0)
        found[card] = found.get(card, 0) + row["n"]
    return found


@needs("configure")
def new(request: Request) -> HttpResponse:
    """A scorecard for a segment; it begins as a draft like the default one."""
    form = ScorecardForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            card = actions.add_scorecard(**form.cleaned_data, at=request.now, by=request.user)
            messages.success(
                request, _("Begun as a copy of the default scorecard. It judges from when you publish it.")
            )
            return redirect("scorecard-draft", card.pk)
    return _form_page(request, form, _("New scorecard"), _("Begin a draft"))


@needs("configure")
def edit(request: Request, pk: int) -> HttpResponse:
    """A scorecard's name, and the segment that it judges; the segment counts from the next run on."""
    card = get_object_or_404(Scorecard.objects.select_related("segment"), pk=pk)
    start = {"name": card.name, "segment": card.segment_id}
    form = ScorecardForm(request.POST or None, initial=start, is_default=card.is_default)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            if page := _before_segment(request, card, form):
                return page
            actions.change_scorecard(card, **form.cleaned_data, at=request.now, by=request.user)
            ring("pipeline")
            messages.success(request, _("Saved."))
            return redirect("scorecards")
    sentence = " ".join(judges(request, card)["problems"])
    return _form_page(request, form, _("Change a scorecard"), _("Save"), sentence=sentence)


def _before_segment(request: Request, card: Scorecard, form: ScorecardForm) -> HttpResponse | None:
    """What another segment would change, where it can choose accounts; what is wrong with it, the action says."""
    segment = form.cleaned_data.get("segment")
    if segment is None or segment.pk == card.segment_id:
        return None
    tried = Scorecard(pk=card.pk, name=card.name, segment=segment)
    if queries.problems_of(tried, day=own_day(request.now)):
        return None
    words = _("“%(name)s” for the segment “%(segment)s”") % {"name": card, "segment": segment.name}
    return switching.before_order(request, switching.judging(card, segment), words)


def _form_page(request: Request, form: ScorecardForm, title: str, submit: str, **more: Any) -> HttpResponse:
    words = {"title": title, "submit": submit, "back_url": reverse("scorecards")}
    return render(request, "crm/form.html", words | {"form": form} | more)


@require_POST
@needs("configure")
def move(request: Request, pk: int) -> HttpResponse:
    """One place earlier or later in the order."""
    card = get_object_or_404(Scorecard, pk=pk)
    earlier = request.POST.get("to") == "earlier"
    title = _("“%(name)s” earlier in the order") if earlier else _("“%(name)s” later in the order")
    if page := switching.before_order(request, switching.moved(card, earlier=earlier), title % {"name": card}):
        return page
    actions.move_scorecard(card, earlier=earlier, at=request.now, by=request.user)
    ring("pipeline")
    return redirect("scorecards")


@require_POST
@needs("configure")
def retire(request: Request, pk: int) -> HttpResponse:
    card = get_object_or_404(Scorecard, pk=pk)
    title = _("Without “%(name)s”") % {"name": card}
    if not card.is_default and (page := switching.before_order(request, switching.without(card), title)):
        return page
    with refusals_told(request):
        actions.retire_scorecard(card, at=request.now, by=request.user)
        ring("pipeline")
        words = _("“%(name)s” judges nobody any more.") % {"name": card}
        offer_undo(request, words, reverse("scorecard-return", args=[pk]))
    return redirect("scorecards")


@require_POST
@needs("configure")
def come_back(request: Request, pk: int) -> HttpResponse:
    """Let a retired scorecard judge again, where it stood in the order."""
    card = get_object_or_404(Scorecard, pk=pk)
    title = _("“%(name)s” back in the order") % {"name": card}
    if page := switching.before_order(request, switching.with_back(card), title):
        return page
    actions.return_scorecard(card, at=request.now, by=request.user)
    ring("pipeline")
    messages.success(request, _("“%(name)s” judges again.") % {"name": card})
    return redirect("scorecards")


def measure_rows(edition: Edition) -> list[MeasureRow]:
    return [
        MeasureRow(measure, str(KINDS[measure.kind].label), scale_words(measure), _plain(measure.weight), float(share))
        for measure, share in zip(edition.measures, edition.nominal_shares, strict=True)
    ]


def scale_words(measure: ScorecardMeasure) -> str:
    """A scale as people read it: "20 % → 70 %, linear"."""
    if measure.scale == PERCENTILE:
        fewer = measure.red > measure.green
        return _("percentile among the accounts, fewer is better") if fewer else _("percentile among the accounts")
    if measure.scale == STEPS:
        steps = (
            ngettext("from %(value)s: %(points)s point", "from %(value)s: %(points)s points", 1 if worth == 1 else 2)
            % {"value": _value(measure, limit), "points": _plain(worth)}
            for limit, worth in measure.steps
        )
        return " · ".join(steps)
    limits = {"red": _value(measure, measure.red), "green": _value(measure, measure.green)}
    return _("%(red)s → %(green)s, linear") % limits


def _value(measure: ScorecardMeasure, value: Decimal) -> str:
    is_share = KINDS[measure.kind].words in (PART, CHANGE, WAY)
    return percent(value * 100, _digits(value * 100)) if is_share else _plain(value)


def _digits(value: Decimal) -> int:
    """How many decimals a value has without trailing zeros."""
    return max(0, -int(value.normalize().as_tuple().exponent))


def _plain(value: Decimal) -> str:
    """A number without trailing zeros."""
    return number(value, _digits(value))
