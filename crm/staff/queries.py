"""What people may see, and the settings of the installation."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from crm.staff import rules
from crm.staff.models import Installation, Team, User


def installation() -> Installation:
    """The settings row; the defaults when nobody has saved one yet (then it is not stored)."""
    return Installation.objects.filter(pk=1).first() or Installation(pk=1)


def teams() -> "QuerySet[Team]":
    """All teams by name; each knows `people`, how many active ones belong to it."""
    active = Count("pk", filter=Q(is_active=True))
    people = User.objects.filter(team=OuterRef("pk")).order_by().values("team").annotate(n=active).values("n")
    return Team.objects.annotate(people=Coalesce(Subquery(people), 0)).order_by("name")


@dataclass(frozen=True)
class Ground:
    """What every page stands on: the settings, and when the queue's workers last gave a sign of life (None: never).

    `second_factor`: whether the person has set one up, an authenticator app or a passkey.
    """

    installation: Installation
    beat_at: datetime | None
    second_factor: bool = False


_GROUND = """
SELECT site.*, beat.at AS beat_at,
    EXISTS (SELECT FROM mfa_authenticator WHERE user_id = %s AND type IN ('totp', 'webauthn')) AS second_factor
FROM (SELECT 1 AS pk) AS one
LEFT JOIN crm_installation AS site ON site.id = one.pk LEFT JOIN crm_beat AS beat ON beat.name = 'jobs'
"""


def ground_of(user: User) -> Ground:
    """Settings, heartbeat and second factor in one query, kept on the user object, which lives for one request."""
    known: Ground | None = user.__dict__.get("_ground")
    if known is None:
        (row,) = Installation.objects.raw(_GROUND, [user.pk])
        more: dict[str, Any] = {name: getattr(row, name) for name in ("beat_at", "second_factor")}
        known = Ground(row if row.pk else Installation(pk=1), **more)
        user.__dict__["_ground"] = known
    return known


def lacks_second_factor(user: User) -> bool:
    """Whether the role asks for a second factor that the person has not set up; the demo asks nobody."""
    ground = ground_of(user)
    return user.role in rules.SECOND_FACTOR and not ground.second_factor and not ground.installation.is_demo


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
