"""Sessions that end by somebody's wish, and what of signing in stands in the record."""

from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import models, transaction

from crm.audit import actions as audit
from crm.audit.rules import Actor, System
from crm.staff.actions import end_sessions, require
from crm.staff.models import User

DOOR = System("login")


@transaction.atomic
def end_session(user: User, pk: int, *, at: datetime, by: Actor) -> bool:
    """End one session of the user; False when it is over already, or somebody else's."""
    return _end(user, UserSession.objects.filter(user_id=user.pk, pk=pk), at=at, by=by)


@transaction.atomic
def end_other_sessions(user: User, *, this: str, at: datetime, by: Actor) -> bool:
    """End all sessions of the user but `this`; False when there was no other."""
    return _end(user, UserSession.objects.filter(user_id=user.pk).exclude(session_key=this), at=at, by=by)


def _end(user: User, rows: "models.QuerySet[UserSession]", *, at: datetime, by: Actor) -> bool:
    keys = list(rows.values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    rows.filter(session_key__in=keys).delete()
    if keys:
        audit.record("user.sessions_ended", user, at=at, by=by, after={"sessions": len(keys)})
    return bool(keys)


@transaction.atomic
def remove_second_factors(user: User, *, at: datetime, by: Actor) -> None:
    """For somebody who lost the phone: the next login goes by password alone, and sets a new one up where it must."""
    require("manage_users", by=by)
    user = User.objects.select_for_update().get(pk=user.pk)
    rows = Authenticator.objects.filter(user_id=user.pk)
    kinds = sorted(rows.values_list("type", flat=True))
    rows.delete()
    end_sessions(user)
    user.save(update_fields=["session_round"])
    audit.record("user.second_factors_removed", user, at=at, by=by, before={"kinds": kinds})


@transaction.atomic
def note_login(user: User, *, ip: str, known_device: bool, how: list[str], at: datetime, by: Actor) -> None:
    audit.record("user.logged_in", user, at=at, by=by, after={"ip": ip, "known_device": known_device, "how": how})


@transaction.atomic
def note_failed_login(user: User | None, *, email: str, ip: str, why: str, at: datetime, by: Actor = DOOR) -> None:
    """`why`: password, code or inactive. An address that nobody has is kept as a hash: it may be a typed password."""
    target = user or ("user", "")
    after = {"ip": ip, "why": why} | ({} if user else {"email": email.lower()})
    secret = settings.SECRET_KEY.encode()
    audit.record("user.login_failed", target, at=at, by=by, after=after, personal={"email"}, key=secret)


@transaction.atomic
def note_second_factor(what: str, kind: str, user: User, *, at: datetime, by: Actor) -> None:
    """`what`: added, removed, or renewed, which recovery codes are."""
    audit.record(f"user.second_factor_{what}", user, at=at, by=by, after={"kind": kind})


@transaction.atomic
def note_denied(path: str, *, method: str, at: datetime, by: Actor) -> None:
    """Somebody signed in asked for what the role may not. The path is cut before its query, which may hold names."""
    audit.record("access.denied", ("page", path[:60]), at=at, by=by, after={"method": method})
