"""Whom a change of the order, or of a segment, gives to another scorecard: shown before it is made."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from crm.segments.models import Segment
from crm.staff.views import Request
from retention.previews import queries as previews
from retention.scorecards import queries
from retention.scorecards.models import Scorecard, ScorecardVersion

SURE, AFTER = "sure", "after"


def before_order(
    request: Request, order: Sequence[ScorecardVersion], title: str, *, back: str = "scorecards"
) -> HttpResponse | None:
    """The page that shows whom these scorecards, so ordered, would judge otherwise; None: nobody, or it was shown.

    Where nothing is published yet, nobody is judged. `back`: the page of whoever leaves it all as it is, by name.
    """
    if SURE in request.POST or not order:
        return None
    after = place(request.POST.get(AFTER, ""))
    try:
        found = previews.switched(order, request.user, after=after)
        if after and not found.rows:
            found = previews.switched(order, request.user)
    except previews.NotYet:
        return None
    if not found.rows:
        return None
    context = {"title": title, "found": found, "fields": _posted(request.POST), "back_url": reverse(back)}
    return render(request, "retention/scorecard_switch.html", context)


def place(asked: str) -> int:
    """After which account a list goes on; 0: from its beginning."""
    digits = asked.removeprefix("-")
    return int(asked) if digits.isascii() and digits.isdecimal() and len(digits) < 19 else 0


def _posted(given: Mapping[str, Any]) -> dict[str, str]:
    """What was sent, to be sent again by whoever is sure."""
    return {name: value for name, value in given.items() if name not in ("csrfmiddlewaretoken", AFTER)}


def moved(card: Scorecard, *, earlier: bool) -> list[ScorecardVersion]:
    """The order as it would be with the card one place earlier or later; the default stays last."""
    order = queries.published_versions()
    places = [version.scorecard_id for version in order if not version.scorecard.is_default]
    if card.pk in places:
        place = places.index(card.pk)
        other = place - 1 if earlier else place + 1
        if 0 <= other < len(places):
            order[place], order[other] = order[other], order[place]
    return order


def without(card: Scorecard) -> list[ScorecardVersion]:
    return [version for version in queries.published_versions() if version.scorecard_id != card.pk]


def with_back(card: Scorecard) -> list[ScorecardVersion]:
    """The order with a retired card where it stood."""
    version = queries.published_of(card)
    return queries.order_with(version) if version else []


def judging(card: Scorecard, segment: Segment) -> list[ScorecardVersion]:
    """The order with another segment for one card."""
    order = queries.published_versions()
    for version in order:
        if version.scorecard_id == card.pk:
            version.scorecard.segment = segment
    return order


def before_segment(request: Request, segment: Segment) -> HttpResponse | None:
    """What a segment, as it would be, would change for the scorecards that it chooses accounts for."""
    order = queries.published_versions()
    chosen = [version.scorecard for version in order if version.scorecard.segment_id == segment.pk]
    if not chosen or not request.user.may("configure"):
        return None
    for card in chosen:
        card.segment = segment
    title = _("Segment “%(name)s” chooses accounts for a scorecard") % {"name": segment.name}
    return before_order(request, order, title, back="segments")
