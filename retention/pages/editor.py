"""Editing a draft of a scorecard: what it changes is shown beside it, while one types and before anything is kept."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.accounts.models import Account
from crm.lib.fields import refusals_told
from crm.lib.gate import Refused, clean_text
from crm.segments import rules as conditions
from crm.segments.queries import matching
from crm.staff.models import User
from crm.staff.queries import ground_of
from crm.staff.views import Request, needs
from retention.backtests.queries import briefs
from retention.measures.queries import CHANGE, KINDS, PART, WAY
from retention.measures.rules import FEWEST_FOR_PERCENTILES, PERCENTILE
from retention.pages.scorecards import judges
from retention.previews import queries as previews
from retention.previews import rules as proposals
from retention.scorecards import actions, queries
from retention.scorecards.forms import DraftForms, NewMeasureForm, in_percent
from retention.scorecards.models import Scorecard, ScorecardGroup, ScorecardMeasure, ScorecardVersion, State
from retention.scorecards.queries import Edition
from retention.scores.models import Band

MUCH = 0.2  # a measure that so many lack is worth a warning


def draft_of(pk: int) -> ScorecardVersion:
    """The draft of a scorecard, with the scorecard and its segment; 404 where there is none."""
    rows = ScorecardVersion.objects.select_related("scorecard__segment")
    return get_object_or_404(rows, scorecard=pk, state=State.DRAFT)


def _parts(draft: ScorecardVersion) -> tuple[list[ScorecardGroup], list[ScorecardMeasure]]:
    measures = ScorecardMeasure.objects.filter(version=draft).select_related("feature", "group")
    return list(ScorecardGroup.objects.filter(version=draft)), list(measures)


@needs("configure")
def editor(request: Request, pk: int) -> HttpResponse:
    """The draft as it is kept, and what publishing it today would change; a POST keeps it."""
    draft = draft_of(pk)
    groups, measures = _parts(draft)
    forms = DraftForms.of(draft, groups, measures, request.POST if request.method == "POST" else None)
    if request.method == "POST" and forms.is_valid():
        return _saved(request, draft, forms)
    edition = queries.edition(draft) if measures else None
    context = {
        **_head(request, draft),
        "forms": forms,
        "lines": _lines(forms, edition, measures),
        **_told(draft),
        **_previewed(request, edition, request.GET.get("account", "")),
    }
    return render(request, "retention/scorecard_draft.html", context)


def _saved(request: Request, draft: ScorecardVersion, forms: DraftForms) -> HttpResponse:
    """Keep what was typed, and do what the pressed button says besides."""
    version, groups, measures = forms.edited()
    actions.save_draft(version, [*groups, *measures], at=request.now, by=request.user)
    pressed = request.POST.get("then", "")
    here = reverse("scorecard-draft", args=[draft.scorecard_id])
    if pressed == "add":
        return redirect("scorecard-measure", draft.scorecard_id)
    if pressed == "group":
        actions.add_group(draft, at=request.now, by=request.user)
    elif pressed.startswith(("remove-", "dissolve-")):
        _remove(request, pressed, groups, measures)
    elif pressed == "review":
        return redirect("scorecard-review", draft.scorecard_id)
    else:
        messages.success(request, _("The draft is kept. It judges nobody until it is published."))
    chosen = QueryDict(mutable=True)
    if account := request.POST.get("account", ""):
        chosen["account"] = account
    return HttpResponseRedirect(f"{here}?{chosen.urlencode()}" if chosen else here)


def _remove(
    request: Request, pressed: str, groups: Sequence[ScorecardGroup], measures: Sequence[ScorecardMeasure]
) -> None:
    what, _dash, number = pressed.partition("-")
    rows: Sequence[Any] = measures if what == "remove" else groups
    row = next((row for row in rows if str(row.pk) == number), None)
    if isinstance(row, ScorecardMeasure):
        actions.remove_measure(row, at=request.now, by=request.user)
    elif row is not None:
        actions.dissolve_group(row, at=request.now, by=request.user)


def _head(request: Request, draft: ScorecardVersion) -> dict[str, Any]:
    card = draft.scorecard
    order = sorted(Scorecard.objects.filter(retired_at=None), key=queries.placed)
    place = next((n for n, row in enumerate(order, 1) if row.pk == card.pk), None)
    return {"card": card, "draft": draft, "place": place, "places": len(order), **judges(request, card)}


def _told(draft: ScorecardVersion) -> dict[str, Any]:
    """What the past says of the version that counts, and of the draft as it was when it was tested."""
    published = ScorecardVersion.objects.filter(scorecard=draft.scorecard_id, state=State.PUBLISHED)
    versions = [*published.order_by("-number")[:1], draft]
    found = briefs([version.pk for version in versions])
    return {"columns": [(version, found.get(version.pk)) for version in versions], "told": found.get(draft.pk)}


def _lines(forms: DraftForms, edition: Edition | None, measures: Sequence[ScorecardMeasure]) -> list[dict[str, Any]]:
    """The table's lines: the form of each measure, what it reads in words, its share, and what is wrong with it."""
    unfed = actions.features_without_events(measures)
    shares = edition.nominal_shares if edition else []
    return [
        {
            "form": form,
            "row": form.row,
            "kind": str(KINDS[form.row.kind].label),
            "unit": "%" if in_percent(form.row.kind) else form.row.unit,
            "share": float(share),
            "problem": actions.no_events(form.row) if form.row.feature_id in unfed else "",
        }
        for form, share in zip(forms.measures, shares, strict=True)
    ]


@require_POST
@needs("configure")
def preview(request: Request, pk: int) -> HttpResponse:
    """What publishing would change, for the draft as it stands in the form; keeps nothing."""
    draft = draft_of(pk)
    groups, measures = _parts(draft)
    forms = DraftForms.of(draft, groups, measures, request.POST)
    context: dict[str, Any] = {"card": draft.scorecard, "draft": draft, "is_part": True}
    if measures and forms.is_valid():
        version, _groups, rows = forms.edited()
        edition = previews.unsaved(version, rows, ground_of(request.user).installation.currency)
        shares = zip(rows, edition.nominal_shares, strict=True)
        context["shares"] = [(row.pk, float(share)) for row, share in shares]
        context |= _previewed(request, edition, request.POST.get("account", ""))
    else:
        context["is_wrong"] = True
    return render(request, "retention/_scorecard_preview.html", context)


def _previewed(request: Request, edition: Edition | None, sought: str) -> dict[str, Any]:
    """The draft over the population and over one account, as the preview shows them."""
    if edition is None:
        return {"account_words": sought}
    if edition.card.is_too_fine:
        return {"account_words": sought, "is_wrong": True}
    account = found_account(request.user, sought, request) if sought else None
    context: dict[str, Any] = {"account_words": sought, "is_lost": bool(sought) and account is None}
    try:
        with previews.judged(edition, most=previews.FEW) as of:
            found = previews.summed(edition, of)
            context |= {"preview": found, **said(found, edition)}
            if account is not None:
                context |= {"one": previews.one(edition, account), "account": account}
    except previews.NotYet:
        context["is_early"] = True
    return context


def found_account(user: User, words: str, request: Request) -> Account | None:
    """The account of this external id or number, or the first whose name begins so, among those that the user sees."""
    try:
        words = clean_text(words, 200)
    except Refused:
        return None
    seen = Account.objects.visible_to(user)
    if not words:
        return None
    exact = seen.filter(external_id=words).first()
    if exact is not None:
        return exact
    tree = conditions.Leaf("name", "words", (words,))
    return matching(tree, day=request.now.date(), user=user).order_by("name", "pk").first()


def said(found: proposals.Preview, edition: Edition) -> dict[str, Any]:
    """The preview's figures in the words of the page."""
    lacking = [
        {"name": measure.label, "share": share, "stands_on": 1 - float(nominal)}
        for measure, share, nominal in zip(edition.measures, found.missing, edition.nominal_shares, strict=True)
        if share >= MUCH
    ]
    few = found.of < FEWEST_FOR_PERCENTILES
    ranked = [measure.label for measure in edition.measures if measure.scale == PERCENTILE] if few else []
    moves = [
        {"was": None if was is None else Band(was).word, "would": Band(would).word, "accounts": n}
        for (was, would), n in found.moves.items()
    ]
    return {"moves": moves, "lacking": lacking, "ranked": ranked}


@require_POST
@needs("configure")
def start(request: Request, pk: int) -> HttpResponse:
    """Begin a draft from the newest version, or go on with the one there is."""
    versions = ScorecardVersion.objects.filter(scorecard=pk).order_by("-number")
    newest = versions.exclude(state=State.DISCARDED).first()
    put_aside = versions.filter(state=State.DISCARDED).first()
    if newest is not None:
        actions.start_draft(newest, at=request.now, by=request.user)
    elif put_aside is not None:  # never published, so there is nothing else to begin from
        actions.restore_draft(put_aside, at=request.now, by=request.user)
    else:
        raise Http404
    return redirect("scorecard-draft", pk)


@needs("configure")
def measure(request: Request, pk: int) -> HttpResponse:
    """One measure more: what it reads, then how that spreads over the own accounts, with limits proposed from it."""
    draft = draft_of(pk)
    given = request.POST if request.method == "POST" else request.GET if "kind" in request.GET else None
    form = NewMeasureForm(given)
    context: dict[str, Any] = {"card": draft.scorecard, "draft": draft, "form": form}
    if form.is_bound and form.is_valid():
        row = form.row()
        context |= {"row": row, **_proposed(draft, row)}
        if request.method == "POST":
            with refusals_told(request):
                actions.add_measure(draft, row, at=request.now, by=request.user)
                return redirect("scorecard-draft", pk)
    return render(request, "retention/scorecard_measure.html", context)


def _proposed(draft: ScorecardVersion, row: ScorecardMeasure) -> dict[str, Any]:
    """How the measure spreads, and what follows for its scale, which is put into the row."""
    try:
        found = previews.distribution(draft, row)
    except previews.NotYet:
        return {"is_early": True}
    limits = proposals.proposed(found.spread, fewer_is_better=KINDS[row.kind].fewer)
    if limits is not None:
        row.red, row.green = limits
    if found.threshold is not None:
        row.threshold = found.threshold
    factor = Decimal(100) if in_percent(row.kind) else Decimal(1)
    shown = {name: value * factor for name, value in found.spread._asdict().items() if isinstance(value, Decimal)}
    return {
        "found": found,
        "bins": [(low * factor, high * factor, accounts) for low, high, accounts in found.bins],
        "shown": shown,
        "unit": "%" if KINDS[row.kind].words in (PART, CHANGE, WAY) else row.unit,
        "red": row.red * factor,
        "green": row.green * factor,
        "has_limits": limits is not None,
        "may_rank": found.spread.has_percentiles,
    }
