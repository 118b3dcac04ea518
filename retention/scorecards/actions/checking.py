"""What must hold before a scorecard can judge; each refusal stands at its field and says what to do."""

from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import TraitType
from crm.audit.rules import Actor
from crm.segments.queries import refusal
from crm.staff.models import User
from crm.usage.models import EventName
from retention.measures.queries import KINDS
from retention.measures.rules import LINEAR, STEPS
from retention.scorecards import queries
from retention.scorecards.models import (
    Scorecard,
    ScorecardMeasure,
    ScorecardVersion,
    State,
)


def require_configure(by: Actor) -> None:
    if isinstance(by, User) and not by.may("configure"):
        raise PermissionDenied


def refuse_published(row: models.Model) -> None:
    version = row if isinstance(row, ScorecardVersion) else getattr(row, "version", None)
    if version is None or version.pk is None:
        return
    if ScorecardVersion.objects.filter(pk=version.pk, state=State.PUBLISHED).exists():
        raise ValidationError(_("A published version is never changed: start a draft from it."))


def check_measure(row: ScorecardMeasure) -> None:
    """Raise ValidationError at the field that keeps a measure from being read or placed on its scale."""
    kind = KINDS.get(row.kind)
    if kind is None:
        raise ValidationError({"kind": _("There is no such kind of measure.")})
    if row.scale == LINEAR and row.red == row.green:
        raise ValidationError({"green": _("Red and green are the same value: give two different ones.")})
    if row.scale == STEPS:
        limits = [limit for limit, worth in row.steps]
        if not limits or limits != sorted(set(limits)) or any(not 0 <= worth <= 100 for _limit, worth in row.steps):
            raise ValidationError({"steps": _("Give steps with ascending values, each worth 0 to 100 points.")})
    if row.per_price and not kind.is_amount:
        raise ValidationError({"per_price": _("Only an amount can be taken per price paid.")})
    if kind.of_threshold and not row.threshold:
        raise ValidationError({"threshold": _("Say from how many uses a person counts as active.")})
    if kind.of_trait != (row.trait_id is not None):
        wanted, not_wanted = _("Choose the trait that it reads."), _("This kind reads no trait: leave it empty.")
        raise ValidationError({"trait": wanted if kind.of_trait else not_wanted})
    if row.trait is not None and row.trait.type != TraitType.NUMBER:
        raise ValidationError({"trait": _("Only a trait that is a number can be measured.")})
    if kind.window and row.window != kind.window:
        raise ValidationError({"window": _("This kind is read over %(window)s days.") % {"window": kind.window}})
    if row.feature_id and not kind.of_feature:
        raise ValidationError({"feature": _("This kind looks at all features: leave the feature empty.")})


def check_segment(card: Scorecard, at: datetime) -> None:
    """Raise ValidationError at the segment that cannot say which accounts a scorecard judges."""
    if problems := queries.problems_of(card, day=at.date()):
        raise ValidationError({"segment": [refusal(problem) for problem in problems]})


def features_without_events(rows: Sequence[ScorecardMeasure]) -> set[int]:
    """Features of these measures that no event feeds: everybody would read as not using them."""
    wanted = {row.feature_id for row in rows if row.feature_id is not None}
    return wanted - set(EventName.objects.filter(feature__in=wanted).values_list("feature_id", flat=True))


def no_events(row: ScorecardMeasure) -> str:
    words = _("No event feeds “%(feature)s”, so everybody would be red. Map its events first, or remove the measure.")
    return words % {"feature": row.feature}
