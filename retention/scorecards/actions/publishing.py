"""Publishing a version for good, and the scorecards that a beginner gets."""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.plans.actions import change_feature
from crm.plans.models import Feature
from crm.staff.models import User
from retention.measures.rules import LINEAR, PERCENTILE
from retention.scorecards import queries, rules
from retention.scorecards.actions.checking import (
    check_measure,
    check_segment,
    features_without_events,
    no_events,
    require_configure,
)
from retention.scorecards.actions.drafting import keep_row, remove_row, start_draft
from retention.scorecards.models import (
    Scorecard,
    ScorecardGroup,
    ScorecardMeasure,
    ScorecardVersion,
    State,
    fields_of,
)

PEOPLE_ACTIVE_FROM = 5


@transaction.atomic
def ensure_default_scorecard(
    *, at: datetime, by: Actor, reach_limits: tuple[Decimal, Decimal] | None = None
) -> Scorecard:
    """Make and publish the default scorecard of breadth, depth and reach per price, unless one exists.

    Reach per price has no red and green that hold for every business, so its scale is the percentile among
    the own accounts unless `reach_limits` gives (red, green).
    """
    require_configure(by)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('default scorecard'))")
    found = Scorecard.objects.filter(is_default=True).first()
    if found:
        return found
    made = Scorecard.objects.create(name="Health", is_default=True)
    version = ScorecardVersion.objects.create(scorecard=made, number=1)
    red, green = reach_limits or (Decimal(0), Decimal(100))
    ScorecardMeasure.objects.bulk_create(
        [
            ScorecardMeasure(
                version=version, key="breadth", name="Key features used", kind="breadth", position=1,
                red=Decimal("0.1"), green=Decimal("0.8"), unit="key features",
            ),
            ScorecardMeasure(
                version=version, key="depth", name="Active people ÷ seats", kind="depth", position=2,
                threshold=PEOPLE_ACTIVE_FROM, red=Decimal("0.2"), green=Decimal("0.7"), unit="active people",
            ),
            ScorecardMeasure(
                version=version, key="reach", name="Uses per price paid, all features", kind="reach", position=3,
                per_price=True, scale=LINEAR if reach_limits else PERCENTILE, red=red, green=green, unit="uses",
            ),
        ]
    )  # fmt: skip
    audit.record("scorecard.created", made, at=at, by=by, after={"name": made.name})
    publish(version, at=at, by=by)
    return made


@transaction.atomic
def publish(version: ScorecardVersion, *, at: datetime, by: Actor) -> ScorecardVersion:
    """Fix a draft for good and let it count from the next run. Raises ValidationError when it cannot judge.

    A published version stays what it is, and a discarded one must be taken back first.
    """
    require_configure(by)
    rows = ScorecardVersion.objects.select_for_update(of=("self",)).select_related("scorecard__segment")
    held = rows.get(pk=version.pk)
    if held.is_published:
        return held
    if held.state != State.DRAFT:
        raise ValidationError(_("This draft was discarded: take it back first."))
    edition = _checked(held, at)
    held.state, held.published_at = State.PUBLISHED, at
    held.published_by = by if isinstance(by, User) else None
    held.save(update_fields=["state", "published_at", "published_by"])
    after = {"version": fields_of(held), "measures": [fields_of(row) for row in edition.measures]}
    audit.record("scorecard.published", held, at=at, by=by, after=after)
    return held


def _checked(version: ScorecardVersion, at: datetime) -> queries.Edition:
    rows = list(ScorecardMeasure.objects.filter(version=version).select_related("feature"))
    if not rows:
        raise ValidationError(_("A scorecard needs at least one measure."))
    if [row.position for row in rows] != list(range(1, len(rows) + 1)):
        raise ValidationError(_("The positions of the measures must run from 1 on without gaps."))
    unfed = features_without_events(rows)
    for row in rows:
        check_measure(row)
        if row.feature_id in unfed:
            raise ValidationError({"feature": no_events(row)})
    check_segment(version.scorecard, at)
    edition = queries.edition(version)
    if edition.card.is_too_fine:
        raise ValidationError(_("The weights are too finely divided: use rounder numbers."))
    return edition


@transaction.atomic
def begin_with(
    chosen: Sequence[str], *, rhythm: str, size: str, features: Collection[Feature], at: datetime, by: Actor
) -> ScorecardVersion:
    """Publish a scorecard of three outcomes out of a preset, and say which features matter.

    Whatever the default scorecard measured before stays in its older versions.
    """
    require_configure(by)
    offered = rules.outcomes(rhythm, size)
    if len(chosen) != 3 or len(set(chosen) & offered.keys()) != 3:
        raise ValidationError(_("Choose three outcomes."))
    for feature in features:
        change_feature(feature, is_key=True, threshold=rules.meaningful(rhythm, size), at=at, by=by)
    card = ensure_default_scorecard(at=at, by=by)
    draft = start_draft(ScorecardVersion.objects.filter(scorecard=card).order_by("-number")[0], at=at, by=by)
    for row in [*ScorecardMeasure.objects.filter(version=draft), *ScorecardGroup.objects.filter(version=draft)]:
        remove_row(row, at=at, by=by)
    for position, key in enumerate((key for key in offered if key in chosen), 1):
        outcome = offered[key]
        keep_row(
            ScorecardMeasure(
                version=draft, key=key, name=outcome.words, kind=outcome.kind, window=outcome.window,
                red=outcome.red, green=outcome.green, unit=outcome.unit, position=position,
                threshold=PEOPLE_ACTIVE_FROM if key == "depth" else None,
            ),
            at=at,
            by=by,
        )  # fmt: skip
    return publish(draft, at=at, by=by)
