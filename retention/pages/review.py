"""Before a draft counts: exactly whom it moves, and then publishing it, or putting it aside."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from crm.lib.doorbell import ring
from crm.lib.fields import refusals_told
from crm.staff.views import Request, needs, offer_undo
from retention.pages.editor import draft_of, said
from retention.pages.scorecards import judges
from retention.pages.switching import place
from retention.previews import queries as previews
from retention.scorecards import actions, queries
from retention.scorecards.models import ScorecardMeasure, ScorecardVersion, State
from retention.scores.models import Band


@require_safe
@needs("configure")
def review(request: Request, pk: int) -> HttpResponse:
    """Every account that changes its band, a page at a time, before and after; nothing is published yet."""
    return render(request, "retention/scorecard_review.html", _context(request, draft_of(pk)))


def _context(request: Request, draft: ScorecardVersion) -> dict[str, Any]:
    context: dict[str, Any] = {"card": draft.scorecard, "draft": draft, **judges(request, draft.scorecard)}
    if not ScorecardMeasure.objects.filter(version=draft).exists():
        return context
    edition = queries.edition(draft)
    if edition.card.is_too_fine:
        return context | {"refused": [_("The weights are too finely divided: use rounder numbers.")]}
    after = place(request.GET.get("after", ""))
    try:
        with previews.judged(edition) as of:
            found = previews.summed(edition, of)
            rows = previews.moved(request.user, after=after, limit=previews.PAGE + 1)
        others = _staying(request, draft)
    except previews.NotYet:
        return context | {"is_early": True}
    page = rows[: previews.PAGE]
    reds = sum(n for (was, would), n in found.moves.items() if would == Band.LEAVING and was != Band.LEAVING)
    return context | {
        "preview": found,
        **said(found, edition),
        "rows": page,
        "next": page[-1].account_id if len(rows) > previews.PAGE else None,
        "reds": reds,
        "others": others,
    }


def _staying(request: Request, draft: ScorecardVersion) -> previews.Switching | None:
    """Whom a new scorecard moves among those it does not judge, as it takes away whom they are ranked among."""
    if any(version.scorecard_id == draft.scorecard_id for version in queries.published_versions()):
        return None
    after = place(request.GET.get("others", ""))
    return previews.switched(queries.order_with(draft), request.user, after=after, staying=True)


@require_POST
@needs("configure")
def publish(request: Request, pk: int) -> HttpResponse:
    """Fix the draft for good. What keeps it from judging is said, and nothing is published."""
    draft = draft_of(pk)
    try:
        actions.publish(draft, at=request.now, by=request.user)
    except ValidationError as refused:
        return render(
            request, "retention/scorecard_review.html", {**_context(request, draft), "refused": refused.messages}
        )
    ring("pipeline")
    messages.success(request, _("%(version)s counts from the next run on, within a minute.") % {"version": draft})
    return redirect("scorecards")


@require_POST
@needs("configure")
def discard(request: Request, pk: int) -> HttpResponse:
    draft = draft_of(pk)
    actions.discard_draft(draft, at=request.now, by=request.user)
    undo = reverse("scorecard-draft-restore", args=[pk])
    offer_undo(request, _("The draft of “%(name)s” is put aside.") % {"name": draft.scorecard}, undo)
    return redirect("scorecards")


@require_POST
@needs("configure")
def restore(request: Request, pk: int) -> HttpResponse:
    """Take back that a draft was put aside."""
    draft = get_object_or_404(ScorecardVersion, scorecard=pk, state=State.DISCARDED)
    with refusals_told(request):
        actions.restore_draft(draft, at=request.now, by=request.user)
        messages.success(request, _("The draft is back."))
    return redirect("scorecards")
