"""What people may see, and the settings of the installation."""

from dataclasses import dataclass
from datetime import datetime

from crm.staff import rules
from crm.staff.models import Installation, User


def installation() -> Installation:
    """The settings row; the defaults when nobody has saved one yet (then it is not stored)."""
    return Installation.objects.filter(pk=1).first() or Installation(pk=1)


@dataclass(frozen=True)
class Ground:
    """What every page stands on: the settings, and when the queue's workers last gave a sign of life (None: never)."""

    installation: Installation
    beat_at: datetime | None


_GROUND = """
SELECT site.*, beat.at AS beat_at FROM (SELECT 1 AS pk) AS one
LEFT JOIN crm_installation AS site ON site.id = one.pk LEFT JOIN crm_beat AS beat ON beat.name = 'jobs'
"""


def ground_of(user: User) -> Ground:
    """Settings and heartbeat in one query, kept on the user object, which lives for one request."""
    known: Ground | None = user.__dict__.get("_ground")
    if known is None:
        (row,) = Installation.objects.raw(_GROUND)
        beat_at: datetime | None = row.beat_at  # type: ignore[attr-defined]  # a column of the query, not of the table
        known = Ground(row if row.pk else Installation(pk=1), beat_at)
        user.__dict__["_ground"] = known
    return known


def scope_of(user: User) -> rules.Scope:
    """Whose accounts the user sees now; `crm.accounts` turns it into rows.

    Kept on the user object as well: one page asks often and must get one answer.
    """
    known: rules.Scope | None = user.__dict__.get("_scope")
    if known is None:
        mode = ground_of(user).installation.visibility
        known = rules.scope(user.role, mode, user.pk, user.team_id, active=user.is_active)
        user.__dict__["_scope"] = known
    return known
