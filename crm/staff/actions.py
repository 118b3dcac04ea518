"""Making and changing our own people."""

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib.constraints import clearly
from crm.staff import rules
from crm.staff.models import Cover, Installation, Team, User


def require(verb: str, *, by: Actor) -> None:
    """Raise PermissionDenied unless the person may do `verb`; the product itself and its sources may."""
    allowed = by.may(verb) if isinstance(by, User) else by.actor_kind in ("system", "source")
    if not allowed:
        raise PermissionDenied


@transaction.atomic
def create_user(
    *, email: str, name: str, role: str, password: str, at: datetime, by: Actor, team: Team | None = None, **more: str
) -> User:
    """Add a user. An address that is taken, compared without regard to case, is a ValidationError at `email`."""
    user = User(email=email.strip(), name=name, role=role, team=team, created_at=at, **more)
    user.set_password(password)
    with clearly(EMAIL_TAKEN):
        user.save(force_insert=True)
    audit.record("user.created", user, at=at, by=by, after={"role": role, "team": team.pk if team else None})
    return user


USER_FIELDS = frozenset(("email", "name", "role", "team", "job_title", "phone", "language", "time_zone", "is_active"))
EMAIL_TAKEN = {"user_email_unique": ("email", _("Somebody else signs in with this address."))}


# What ends with somebody who leaves, in the same transaction: called with the user, `at` and `by`. Later nouns add
# theirs from their app's apps.py.
leaving: list[Callable[..., object]] = []


@transaction.atomic
def change_user(user: User, *, password: str = "", at: datetime, by: Actor, **new: Any) -> User:
    """Change one of us. A new password, another role and a deactivation end all sessions.

    Whoever is deactivated also loses what is `leaving`. Nobody deactivates or demotes themselves, so that there is
    always an admin left.
    """
    require("manage_users", by=by)
    if unknown := set(new) - USER_FIELDS:
        raise TypeError(f"Not a field of a user: {', '.join(sorted(unknown))}")
    user = User.objects.select_for_update().get(pk=user.pk)
    before, after = audit.changes(user, new)
    if isinstance(by, User) and by.pk == user.pk and {"role", "is_active"} & set(after):
        raise ValidationError({"role": _("You cannot take your own rights away. Ask another system admin.")})
    for name, value in new.items():
        setattr(user, name, value)
    if password:
        user.set_password(password)
        after |= {"password": "changed"}
    if {"password", "role", "is_active"} & set(after):
        end_sessions(user)
    if after:
        with clearly(EMAIL_TAKEN):
            user.save()
        audit.record("user.changed", user, at=at, by=by, before=before, after=after)
    if after.get("is_active") is False:
        for end in leaving:
            end(user, at=at, by=by)
    return user


PREFERENCES = frozenset(("language", "time_zone", "place", "dates", "theme", "density"))


@transaction.atomic
def change_preferences(user: User, *, at: datetime, by: User, **new: str) -> User:
    """Change how the pages look and read to one person, on every device; only the person does this."""
    if unknown := set(new) - PREFERENCES:
        raise TypeError(f"Not a preference: {', '.join(sorted(unknown))}")
    if by.pk != user.pk:
        raise PermissionDenied
    user = User.objects.select_for_update().get(pk=user.pk)
    before, after = audit.changes(user, new)
    if after:
        for name, value in new.items():
            setattr(user, name, value)
        user.save(update_fields=list(after))
        audit.record("user.preferences_changed", user, at=at, by=by, before=before, after=after)
    return user


@transaction.atomic
def set_password(user: User, password: str, *, at: datetime, by: Actor) -> User:
    """Set somebody's own password, which ends all sessions; whoever asks goes on in a new one."""
    user.session_round = User.objects.select_for_update().get(pk=user.pk).session_round
    user.set_password(password)
    end_sessions(user)
    user.save(update_fields=["password", "session_round"])
    audit.record("user.password_changed", user, at=at, by=by)
    return user


def end_sessions(user: User) -> None:
    """Begin a new round, which no session outlives, and drop the rows of the old one; the caller saves the user."""
    user.session_round += 1
    rows = UserSession.objects.filter(user_id=user.pk)
    Session.objects.filter(session_key__in=rows.values("session_key")).delete()
    rows.delete()


@transaction.atomic
def change_team(team: Team, *, name: str, at: datetime, by: Actor) -> Team:
    require("manage_users", by=by)
    team = Team.objects.select_for_update().get(pk=team.pk)
    before, after = audit.changes(team, {"name": name})
    team.name = name
    with clearly(TEAM_TAKEN):
        team.save()
    if after:
        audit.record("team.changed", team, at=at, by=by, before=before, after=after)
    return team


TEAM_TAKEN = {"crm_team_name_key": ("name", _("There is a team with this name already."))}


@transaction.atomic
def create_team(*, name: str, at: datetime, by: Actor) -> Team:
    require("manage_users", by=by)
    team = Team(name=name)
    with clearly(TEAM_TAKEN):
        team.save(force_insert=True)
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


MOST_DAYS = 366


@transaction.atomic
def arrange_cover(
    *,
    covering: User,
    covered: User | None = None,
    pool: Team | None = None,
    from_on: date,
    until_on: date,
    restricted: bool = False,
    at: datetime,
    by: Actor,
) -> Cover:
    """Let one of us stand in for another, or for a team's pool, from the first day until the day of return.

    Days begin at midnight where the one away lives (for a pool: where the one who covers lives); nothing begins
    before `at`. `restricted`: the restricted accounts too, which only ops and the one away may say.
    """
    away = covered or pool
    if away is None or (covered is not None and pool is not None):
        raise TypeError("Cover is for a person or for a pool.")
    _require_arranging(covered, pool, by=by)
    if isinstance(by, User) and not by.may("configure") and covering.team_id != by.team_id:
        raise PermissionDenied
    if restricted and isinstance(by, User) and not by.may("configure") and by != covered:
        raise ValidationError(
            {"restricted": _("Only the person away or an ops admin may include restricted accounts.")}
        )
    zone = ZoneInfo((covered or covering).time_zone)
    from_at, until_at = (datetime.combine(day, time(0), zone) for day in (from_on, until_on))
    errors = {}
    if covering == covered or not covering.may("write_account"):
        errors["covering"] = _("This person cannot stand in. Choose another active rep or manager.")
    if until_on <= from_on or until_at <= at:
        errors["until_on"] = _("The day of return must come after the first day, and after today.")
    elif (until_on - from_on).days > MOST_DAYS:
        errors["until_on"] = _("Cover lasts a year at most. Hand the accounts over instead.")
    User.objects.select_for_update().get(pk=covering.pk)  # two who arrange the same at once take turns
    same = Cover.objects.filter(covering=covering, covered=covered, pool=pool)
    if same.filter(from_at__lt=until_at, until_at__gt=max(from_at, at)).exists():
        errors["covering"] = _("This person stands in on some of these days already. End that first.")
    if errors:
        raise ValidationError(errors)
    row = Cover.objects.create(
        covering=covering,
        covered=covered,
        pool=pool,
        from_at=max(from_at, at),
        until_at=until_at,
        restricted=restricted,
    )
    after: dict[str, Any] = {"covering": covering.pk, "covered": covered and covered.pk, "pool": pool and pool.pk}
    after |= {"from_at": row.from_at, "until_at": until_at, "restricted": restricted}
    audit.record("cover.arranged", row, at=at, by=by, after=after)
    return row


@transaction.atomic
def end_cover(cover: Cover, *, at: datetime, by: Actor) -> bool:
    """End it now, or before it began. Whoever may arrange it may, and who covers. False when it is over already."""
    row = Cover.objects.select_for_update().get(pk=cover.pk)
    if not (isinstance(by, User) and by.is_active and row.covering_id == by.pk):
        _require_arranging(row.covered, row.pool, by=by)
    if row.until_at <= at:
        return False
    before, row.until_at = row.until_at, max(row.from_at, at)
    row.save(update_fields=["until_at"])
    audit.record("cover.ended", row, at=at, by=by, before={"until_at": before}, after={"until_at": row.until_at})
    return True


def _require_arranging(covered: User | None, pool: Team | None, *, by: Actor) -> None:
    require("write_account", by=by)
    if isinstance(by, User) and not may_arrange_cover(by, covered, pool):
        raise PermissionDenied


def may_arrange_cover(by: User, covered: User | None, pool: Team | None) -> bool:
    away = (covered.pk, covered.team_id) if covered else (None, pool.pk if pool else None)
    return by.is_active and rules.may_arrange_cover(by.role, by.pk, by.team_id, away)
