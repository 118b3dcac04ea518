"""Drafts: begun as a copy, edited row by row, put aside and taken back."""

from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm.audit import actions as audit
from crm.audit.rules import Actor
from retention.scorecards import rules
from retention.scorecards.actions.checking import check_measure, refuse_published, require_configure
from retention.scorecards.models import (
    Scorecard,
    ScorecardGroup,
    ScorecardMeasure,
    ScorecardVersion,
    State,
    fields_of,
)


@transaction.atomic
def keep_row(row: models.Model, *, at: datetime, by: Actor) -> None:
    """Add or change a scorecard, a draft version, or one of a draft's groups and measures.

    Raises ValidationError for rows of a published version and for a measure that cannot be read.
    """
    require_configure(by)
    refuse_published(row)
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
    refuse_published(row)
    audit.record("scorecard.removed", row, at=at, by=by, before=fields_of(row))
    row.delete()


@transaction.atomic
def start_draft(version: ScorecardVersion, *, at: datetime, by: Actor) -> ScorecardVersion:
    """Copy a version with its groups and measures into the next draft; returns the one that exists, if any.

    A draft that was discarded before is forgotten now.
    """
    require_configure(by)
    card = Scorecard.objects.select_for_update().get(pk=version.scorecard_id)
    versions = ScorecardVersion.objects.filter(scorecard=card)
    found = versions.filter(state=State.DRAFT).first()
    if found:
        return found
    versions.filter(state=State.DISCARDED).exclude(pk=version.pk).delete()
    newest = versions.order_by("-number").values_list("number", flat=True)[0]
    draft = copied(version, card, newest + 1)
    audit.record("scorecard.draft_started", draft, at=at, by=by, after={"from": version.number})
    return draft


def copied(version: ScorecardVersion, card: Scorecard, number: int) -> ScorecardVersion:
    """A draft of the card with the limits, groups and measures of a version."""
    anew = {"scorecard_id": card.pk, "number": number, "state": State.DRAFT, "published_at": None}
    draft = ScorecardVersion.objects.create(**fields_of(version) | anew | {"published_by_id": None})
    groups = {}
    for group in ScorecardGroup.objects.filter(version=version):
        groups[group.pk] = ScorecardGroup.objects.create(**fields_of(group) | {"version_id": draft.pk})
    for row in ScorecardMeasure.objects.filter(version=version):
        own = groups[row.group_id].pk if row.group_id else None
        ScorecardMeasure.objects.create(**fields_of(row) | {"version_id": draft.pk, "group_id": own})
    return draft


@transaction.atomic
def discard_draft(draft: ScorecardVersion, *, at: datetime, by: Actor) -> None:
    """Put a draft aside; `restore_draft` brings it back until another one is started."""
    _turn(draft, State.DRAFT, State.DISCARDED, at=at, by=by)


@transaction.atomic
def restore_draft(draft: ScorecardVersion, *, at: datetime, by: Actor) -> None:
    """Bring a discarded draft back. Raises ValidationError when another one was started meanwhile."""
    if ScorecardVersion.objects.filter(scorecard=draft.scorecard_id, state=State.DRAFT).exists():
        raise ValidationError(_("Another draft was started meanwhile: discard that one first."))
    _turn(draft, State.DISCARDED, State.DRAFT, at=at, by=by)


def _turn(draft: ScorecardVersion, was: State, becomes: State, *, at: datetime, by: Actor) -> None:
    require_configure(by)
    Scorecard.objects.select_for_update().get(pk=draft.scorecard_id)
    if ScorecardVersion.objects.filter(pk=draft.pk, state=was).update(state=becomes):
        audit.record("scorecard.changed", draft, at=at, by=by, before={"state": was}, after={"state": becomes})


@transaction.atomic
def save_draft(draft: ScorecardVersion, rows: Sequence[models.Model], *, at: datetime, by: Actor) -> None:
    """Keep a draft with its groups and measures as they were edited; only what differs is written and recorded."""
    refuse_published(draft)
    for row in (draft, *rows):
        old = type(row)._base_manager.get(pk=row.pk)
        if fields_of(old) != fields_of(row):
            keep_row(row, at=at, by=by)


@transaction.atomic
def add_measure(draft: ScorecardVersion, row: ScorecardMeasure, *, at: datetime, by: Actor) -> ScorecardMeasure:
    """Put a measure at the end of a draft, under a key of its own. Raises ValidationError at the field."""
    held = ScorecardVersion.objects.select_for_update().get(pk=draft.pk)
    taken = list(ScorecardMeasure.objects.filter(version=held).values_list("key", "position"))
    row.version, row.position = held, len(taken) + 1
    row.key = rules.new_key(row.kind, {key for key, _position in taken} | _keys_ever(held))
    keep_row(row, at=at, by=by)
    return row


def _keys_ever(draft: ScorecardVersion) -> set[str]:
    """Keys of the scorecard's other versions: a new measure under one of them would be taken for the old one."""
    rows = ScorecardMeasure.objects.filter(version__scorecard=draft.scorecard_id).exclude(version=draft)
    return set(rows.values_list("key", flat=True))


@transaction.atomic
def remove_measure(row: ScorecardMeasure, *, at: datetime, by: Actor) -> None:
    """Take a measure out of a draft; those behind it move up."""
    remove_row(row, at=at, by=by)
    for place, later in enumerate(ScorecardMeasure.objects.filter(version=row.version_id), 1):
        if later.position != place:
            ScorecardMeasure.objects.filter(pk=later.pk).update(position=place)


@transaction.atomic
def add_group(draft: ScorecardVersion, *, at: datetime, by: Actor) -> ScorecardGroup:
    """A group without members yet, named by its number."""
    names = set(ScorecardGroup.objects.filter(version=draft).values_list("name", flat=True))
    number = next(n for n in range(1, len(names) + 2) if _group_name(n) not in names)
    row = ScorecardGroup(version=draft, name=_group_name(number))
    keep_row(row, at=at, by=by)
    return row


@transaction.atomic
def dissolve_group(row: ScorecardGroup, *, at: datetime, by: Actor) -> None:
    """Take a group out of a draft; its members stand on their own afterwards."""
    ScorecardMeasure.objects.filter(group=row).update(group=None)
    remove_row(row, at=at, by=by)


def _group_name(number: int) -> str:
    return gettext("Group %(number)s") % {"number": number}
