"""Which scorecards there are, whom they judge, and in which order they are asked."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib.constraints import check_fields, clearly
from crm.segments.models import Segment
from retention.scorecards import queries
from retention.scorecards.actions.checking import check_segment, require_configure
from retention.scorecards.actions.drafting import copied, keep_row
from retention.scorecards.models import (
    Scorecard,
    fields_of,
)

NAME_TAKEN = {"retention_scorecard_name_key": ("name", _("There is a scorecard of this name. Choose another one."))}


@transaction.atomic
def add_scorecard(*, name: str, segment: Segment, at: datetime, by: Actor) -> Scorecard:
    """Make a scorecard for a segment, last but one in the order, with a draft that begins as the default one is."""
    require_configure(by)
    like = queries.default_version()
    if like is None:
        raise ValidationError(_("Publish the default scorecard first: the others stand before it."))
    last = Scorecard.objects.aggregate(last=models.Max("position"))["last"] or 0
    card = Scorecard(name=name, segment=segment, position=last + 1)
    check_fields(card)
    check_segment(card, at)
    with clearly(NAME_TAKEN):
        card.save()
    copied(like, card, 1)
    audit.record("scorecard.created", card, at=at, by=by, after=fields_of(card))
    return card


@transaction.atomic
def change_scorecard(card: Scorecard, *, name: str, segment: Segment | None = None, at: datetime, by: Actor) -> None:
    """Rename a scorecard, or let it judge another segment. Raises ValidationError at the field."""
    held = Scorecard.objects.select_for_update().get(pk=card.pk)
    held.name, held.segment = name, None if held.is_default else segment
    check_fields(held)
    check_segment(held, at)
    with clearly(NAME_TAKEN):
        keep_row(held, at=at, by=by)


@transaction.atomic
def move_scorecard(card: Scorecard, *, earlier: bool, at: datetime, by: Actor) -> None:
    """Let a scorecard change places with the one before or after it; the default stays last."""
    require_configure(by)
    order = list(Scorecard.objects.select_for_update().filter(is_default=False, retired_at=None))
    names = [row.pk for row in order]
    if card.pk not in names:
        return
    place = names.index(card.pk)
    other = place - 1 if earlier else place + 1
    if not 0 <= other < len(order):
        return
    order[place], order[other] = order[other], order[place]
    for position, row in enumerate(order, 1):
        row.position = position
    Scorecard.objects.bulk_update(order, ["position"])
    audit.record("scorecard.moved", card, at=at, by=by, before={"place": place + 1}, after={"place": other + 1})


@transaction.atomic
def retire_scorecard(card: Scorecard, *, at: datetime, by: Actor) -> None:
    """Take a scorecard out of the order: the next one that fits judges its accounts. What it said stays."""
    held = Scorecard.objects.select_for_update().get(pk=card.pk)
    if held.is_default:
        raise ValidationError(_("The default scorecard ends the order and stays."))
    held.retired_at = at
    keep_row(held, at=at, by=by)


@transaction.atomic
def return_scorecard(card: Scorecard, *, at: datetime, by: Actor) -> None:
    held = Scorecard.objects.select_for_update().get(pk=card.pk)
    held.retired_at = None
    keep_row(held, at=at, by=by)
