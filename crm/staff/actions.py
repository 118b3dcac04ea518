"""Making and changing our own people."""

from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.staff.models import Installation, Team, User


def require(verb: str, *, by: Actor) -> None:
    """Raise PermissionDenied unless the person may do `verb`; the product itself and its sources may."""
    allowed = by.may(verb) if isinstance(by, User) else by.actor_kind in ("system", "source")
    if not allowed:
        raise PermissionDenied


@transaction.atomic
def create_user(
    *, email: str, name: str, role: str, password: str, at: datetime, by: Actor, team: Team | None = None, **more: str
) -> User:
    """Add a user. Raises IntegrityError when the address, compared without regard to case, is taken."""
    user = User(email=email.strip(), name=name, role=role, team=team, created_at=at, **more)
    user.set_password(password)
    user.save(force_insert=True)
    audit.record("user.created", user, at=at, by=by, after={"role": role, "team": team.pk if team else None})
    return user


@transaction.atomic
def create_team(*, name: str, at: datetime, by: Actor) -> Team:
    team = Team.objects.create(name=name)
    audit.record("team.created", team, at=at, by=by, after={"name": name})
    return team


@transaction.atomic
def change_installation(*, at: datetime, by: Actor, **new: object) -> Installation:
    """Change settings of the installation; unknown names are a TypeError."""
    row, _ = Installation.objects.get_or_create(pk=1)
    row = Installation.objects.select_for_update().get(pk=1)
    unknown = set(new) - {field.name for field in Installation._meta.fields}
    if unknown:
        raise TypeError(f"Not a setting: {', '.join(sorted(unknown))}")
    before, after = audit.changes(row, new)
    for name, value in new.items():
        setattr(row, name, value)
    row.save()
    if after:
        audit.record("installation.changed", row, at=at, by=by, before=before, after=after)
    return row
