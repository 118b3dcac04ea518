"""The page on which everyone can read how health is judged."""

from dataclasses import dataclass
from decimal import Decimal

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from crm.staff.views import Request, needs
from crm.templatetags.ui import percent
from retention.measures.queries import CHANGE, KINDS, PART
from retention.measures.rules import PERCENTILE, STEPS
from retention.scorecards import queries
from retention.scorecards.models import ScorecardMeasure
from retention.scorecards.queries import Edition


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
    """Every scorecard that judges now, with its measures and the share that each weight has; two queries."""
    editions = queries.editions(version.pk for version in queries.published_versions())
    shown = [(edition, _rows(edition)) for edition in editions.values()]
    return render(request, "retention/scorecards.html", {"scorecards": shown})


def _rows(edition: Edition) -> list[MeasureRow]:
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
            _("from %(value)s: %(points)s points") % {"value": _value(measure, limit), "points": _plain(worth)}
            for limit, worth in measure.steps
        )
        return " · ".join(steps)
    limits = {"red": _value(measure, measure.red), "green": _value(measure, measure.green)}
    return _("%(red)s → %(green)s, linear") % limits


def _value(measure: ScorecardMeasure, value: Decimal) -> str:
    is_share = KINDS[measure.kind].words in (PART, CHANGE)
    return percent(value * 100, _digits(value * 100)) if is_share else _plain(value)


def _digits(value: Decimal) -> int:
    """How many decimals a value has without trailing zeros."""
    return max(0, -int(value.normalize().as_tuple().exponent))


def _plain(value: Decimal) -> str:
    """A number without trailing zeros."""
    whole = value.to_integral_value()
    return number_format(whole if value == whole else value.normalize())
