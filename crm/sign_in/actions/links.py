"""One-time links: made, withdrawn, and used once by whoever holds them."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from crm.audit import actions as audit
from crm.audit.rules import Actor, System
from crm.lib.constraints import clearly
from crm.lib.doorbell import ring
from crm.sign_in import queries, rules
from crm.sign_in.models import OneTimeLink
from crm.staff.actions import EMAIL_TAKEN, create_user, require, set_password
from crm.staff.models import Role, Team, User

BY_LINK = System("one-time link")
OVER = _("This link has been used, withdrawn or is past its time. Ask for a new one.")
INVITED = {"invitation_open_once": ("email", _("This address has an open invitation. Send that one again instead."))}


@transaction.atomic
def first_admin_link(*, at: datetime, by: Actor) -> OneTimeLink | None:
    """A new link for making the first admin, which voids the one before; None once there is an admin."""
    _one_at_a_time()
    if queries.has_admin():
        return None
    OneTimeLink.objects.unsettled().filter(purpose=rules.FIRST_ADMIN).update(withdrawn_at=at)
    return _make(rules.FIRST_ADMIN, at=at, by=by)


@transaction.atomic
def make_first_admin(
    link: OneTimeLink, *, name: str, email: str, password: str, language: str, at: datetime, by: Actor = BY_LINK
) -> User:
    """Raises ValidationError when somebody was faster."""
    _one_at_a_time()
    if queries.has_admin():
        raise ValidationError(OVER)
    _use(link, at=at)
    return create_user(
        email=email, name=name, role=Role.SYSTEM_ADMIN, password=password, language=language, at=at, by=by
    )


def _one_at_a_time() -> None:
    """Two first admins at the same moment would each see no other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('crm.sign_in.first_admin'))")


@transaction.atomic
def invite_user(
    *, email: str, name: str, role: str, team: Team | None, language: str, at: datetime, by: Actor
) -> OneTimeLink:
    """Invite somebody, by a mail and by the link that whoever invites is shown. Raises ValidationError at `email`."""
    require("manage_users", by=by)
    email = email.strip()
    if queries.user_at(email) is not None:
        raise ValidationError({"email": EMAIL_TAKEN["user_email_unique"][1]})
    more = {"email": email, "name": name, "role": role, "team": team, "language": language}
    with clearly(INVITED):
        return _make(rules.INVITATION, mail=True, at=at, by=by, **more)


@transaction.atomic
def resend_invitation(link: OneTimeLink, *, at: datetime, by: Actor) -> OneTimeLink:
    """The same invitation under a new link with its full time; the old link is void."""
    require("manage_users", by=by)
    _withdraw(link, at=at)
    kept = ("email", "name", "role", "team", "language")
    return _make(rules.INVITATION, mail=True, at=at, by=by, **{name: getattr(link, name) for name in kept})


@transaction.atomic
def cancel_invitation(link: OneTimeLink, *, at: datetime, by: Actor) -> None:
    require("manage_users", by=by)
    _withdraw(link, at=at)
    audit.record("link.withdrawn", link, at=at, by=by)


@transaction.atomic
def accept_invitation(link: OneTimeLink, password: str, *, at: datetime, by: Actor = BY_LINK) -> User:
    """Make the invited user. Raises ValidationError when the link is over, or the address was taken meanwhile."""
    _use(link, at=at)
    return create_user(
        email=link.email, name=link.name, role=link.role, team=link.team, language=link.language, password=password,
        at=at, by=by,
    )  # fmt: skip


@transaction.atomic
def ask_for_password(user: User, *, at: datetime, by: Actor) -> OneTimeLink:
    """Mail a link to whoever forgot the password; links made before stay good, the first one used voids the rest."""
    return _make(rules.PASSWORD, mail=True, at=at, by=by, **_of(user))


@transaction.atomic
def new_password_link(user: User, *, at: datetime, by: Actor) -> OneTimeLink:
    """A link that an admin hands over in person."""
    require("manage_users", by=by)
    return _make(rules.PASSWORD, at=at, by=by, **_of(user))


def _of(user: User) -> dict[str, Any]:
    return {"user": user, "email": user.email, "name": user.name, "language": user.language}


@transaction.atomic
def choose_password(link: OneTimeLink, password: str, *, at: datetime, by: Actor = BY_LINK) -> User:
    """Set the password, end all sessions and void the user's other links. Raises ValidationError when it is over."""
    _use(link, at=at)
    user = link.user
    if user is None or not user.is_active:
        raise ValidationError(OVER)
    OneTimeLink.objects.unsettled().filter(user=user).update(withdrawn_at=at)
    return set_password(user, password, at=at, by=by)


def withdraw_links_of(user: User, *, at: datetime, by: Actor) -> None:
    """Void what somebody who leaves might still get in by, and the invitations that they made."""
    rows = OneTimeLink.objects.unsettled()
    if withdrawn := (rows.filter(user=user) | rows.filter(made_by=user)).update(withdrawn_at=at):
        audit.record("user.links_withdrawn", user, at=at, by=by, after={"links": withdrawn})


@transaction.atomic
def withdraw_all_links(*, at: datetime, by: Actor) -> int:
    """Void every link that still opens something: after a restore one that was used since would open it again."""
    withdrawn = OneTimeLink.objects.unsettled().update(withdrawn_at=at, mail_waits=False)
    if withdrawn:
        audit.record("links.withdrawn", ("onetimelink", "all"), at=at, by=by, after={"links": withdrawn})
    return withdrawn


def _make(purpose: str, *, mail: bool = False, at: datetime, by: Actor, **more: Any) -> OneTimeLink:
    maker = by if isinstance(by, User) else None
    until = at + rules.LIFETIMES[purpose]
    link = OneTimeLink.objects.create(
        purpose=purpose, created_at=at, expires_at=until, mail_waits=mail, made_by=maker, **more
    )
    named = {name: more[name] for name in ("email", "role") if more.get(name)}
    audit.record(f"link.{purpose}_made", link, at=at, by=by, after={"expires_at": until, **named})
    if mail:
        ring("send")
    return link


def _use(link: OneTimeLink, *, at: datetime) -> None:
    """Spend the link; of two that try at once, the second finds it spent. Raises ValidationError."""
    if not OneTimeLink.objects.usable(at).filter(pk=link.pk).update(used_at=at, mail_waits=False):
        raise ValidationError(OVER)


def _withdraw(link: OneTimeLink, *, at: datetime) -> None:
    if not OneTimeLink.objects.unsettled().filter(pk=link.pk).update(withdrawn_at=at, mail_waits=False):
        raise ValidationError(OVER)
