"""Changing how health is judged: the default scorecard, and publishing a version."""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, models, transaction
from django.utils.translation import gettext_lazy as _

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.plans.actions import change_feature
from crm.plans.models import Feature
from crm.staff.models import User
from retention.measures.queries import KINDS
from retention.measures.rules import LINEAR, PERCENTILE, STEPS
from retention.scorecards import queries, rules
from retention.scorecards.models import (
    Scorecard,
    ScorecardGroup,
    ScorecardMeasure,
    ScorecardVersion,
    State,
    fields_of,
)

PEOPLE_ACTIVE_FROM = 5


def require_configure(by: Actor) -> None:
    if isinstance(by, User) and not by.may("configure"):
        raise PermissionDenied


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
    """Fix a draft for good and let it count from the next run. Raises ValidationError when it cannot judge."""
    require_configure(by)
    held = ScorecardVersion.objects.select_for_update().get(pk=version.pk)
    if held.is_published:
        return held
    edition = _checked(held)
    held.state, held.published_at = State.PUBLISHED, at
    held.published_by = by if isinstance(by, User) else None
    held.save(update_fields=["state", "published_at", "published_by"])
    after = {"version": fields_of(held), "measures": [fields_of(row) for row in edition.measures]}
    audit.record("scorecard.published", held, at=at, by=by, after=after)
    return held


def _checked(version: ScorecardVersion) -> queries.Edition:
    rows = list(ScorecardMeasure.objects.filter(version=version).select_related("feature"))
    if not rows:
        raise ValidationError(_("A scorecard needs at least one measure."))
    if [row.position for row in rows] != list(range(1, len(rows) + 1)):
        raise ValidationError(_("The positions of the measures must run from 1 on without gaps."))
    for row in rows:
        check_measure(row)
    edition = queries.edition(version)
    if sum(edition.card.whole_shares) > rules.FINEST:
        raise ValidationError(_("The weights are too finely divided: use rounder numbers."))
    return edition


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
    if row.feature_id and not kind.of_feature:
        raise ValidationError({"feature": _("This kind looks at all features: leave the feature empty.")})


@transaction.atomic
def keep_row(row: models.Model, *, at: datetime, by: Actor) -> None:
    """Add or change a scorecard, a draft version, or one of a draft's groups and measures.

    Raises ValidationError for rows of a published version and for a measure that cannot be read.
    """
    require_configure(by)
    _refuse_published(row)
    if isinstance(row, ScorecardMeasure):
        check_measure(row)
    old = type(row)._base_manager.filter(pk=row.pk).first() if row.pk else None
    row.save()
    before = fields_of(old) if old else {}
    after = fields_of(row)
    changed = {name for name in after if before.get(name) != after[name]}
    audit.record(
        "scorecard.changed",
        row,
        at=at,
        by=by,
        before={name: before[name] for name in before if name in changed},
        after={name: after[name] for name in after if name in changed},
    )


@transaction.atomic
def remove_row(row: models.Model, *, at: datetime, by: Actor) -> None:
    """Remove a draft version or one of its groups and measures; what was published stays for good."""
    require_configure(by)
    _refuse_published(row)
    audit.record("scorecard.removed", row, at=at, by=by, before=fields_of(row))
    row.delete()


def _refuse_published(row: models.Model) -> None:
    version = row if isinstance(row, ScorecardVersion) else getattr(row, "version", None)
    if version is None or version.pk is None:
        return
    if ScorecardVersion.objects.filter(pk=version.pk, state=State.PUBLISHED).exists():
        raise ValidationError(_("A published version is never changed: start a draft from it."))


@transaction.atomic
def start_draft(version: ScorecardVersion, *, at: datetime, by: Actor) -> ScorecardVersion:
    """Copy a version with its groups and measures into the next draft; returns the one that exists, if any."""
    require_configure(by)
    card = Scorecard.objects.select_for_update().get(pk=version.scorecard_id)
    versions = ScorecardVersion.objects.filter(scorecard=card)
    found = versions.filter(state=State.DRAFT).first()
    if found:
        return found
    newest = versions.order_by("-number").values_list("number", flat=True)[0]
    copied = {"number": newest + 1, "state": State.DRAFT, "published_at": None, "published_by_id": None}
    draft = ScorecardVersion.objects.create(**fields_of(version) | copied)
    groups = {}
    for group in ScorecardGroup.objects.filter(version=version):
        groups[group.pk] = ScorecardGroup.objects.create(**fields_of(group) | {"version_id": draft.pk})
    for row in ScorecardMeasure.objects.filter(version=version):
        own = groups[row.group_id].pk if row.group_id else None
        ScorecardMeasure.objects.create(**fields_of(row) | {"version_id": draft.pk, "group_id": own})
    audit.record("scorecard.draft_started", draft, at=at, by=by, after={"from": version.number})
    return draft


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
