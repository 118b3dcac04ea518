"""Who holds which link, who is signed in where, and what our people's doors look like."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.signing import BadSignature, Signer
from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse

from crm.sign_in import rules
from crm.sign_in.models import Guesses, OneTimeLink
from crm.staff.models import Role, User

PAGES = {rules.FIRST_ADMIN: "first-admin", rules.INVITATION: "invitation", rules.PASSWORD: "new-password"}


def token_of(link: OneTimeLink) -> str:
    return _signer(link.purpose).sign(link.pk.hex)


def url_of(link: OneTimeLink) -> str:
    return f"{settings.SITE_URL}{reverse(PAGES[link.purpose], args=[token_of(link)])}"


def link_of(purpose: str, token: str, *, at: datetime) -> OneTimeLink | None:
    """The usable link behind a token; unknown, forged, used, withdrawn and expired ones are None alike."""
    try:
        pk = UUID(hex=_signer(purpose).unsign(token))
    except (BadSignature, ValueError):
        return None
    rows = OneTimeLink.objects.usable(at).select_related("user", "made_by", "team")
    link = rows.filter(purpose=purpose, pk=pk).first()
    return None if link and link.purpose == rules.FIRST_ADMIN and has_admin() else link


def _signer(purpose: str) -> Signer:
    return Signer(salt=f"crm.sign_in.{purpose}")


def has_admin() -> bool:
    return User.objects.filter(role=Role.SYSTEM_ADMIN, is_active=True).exists()


def user_at(email: str) -> User | None:
    """The user of an address, compared as the unique index does."""
    try:
        return User.objects.get_by_natural_key(email.strip())
    except User.DoesNotExist:
        return None


def free_at(key: str, limit: int) -> datetime | None:
    """When the next guess under a key that was refused will be admitted."""
    row = Guesses.objects.filter(pk=key).first()
    return sorted(row.tried_at)[-limit] + rules.WINDOW if row and len(row.tried_at) >= limit else None


def has_second_factor(user: User) -> bool:
    return bool(_second_factors().filter(user_id=user.pk).exists())


def _second_factors() -> Any:
    return Authenticator.objects.filter(type__in=[Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN])


def people() -> "QuerySet[User]":
    """Everybody with an account of ours, the active ones first; each knows `second_factor`."""
    known = Exists(_second_factors().filter(user_id=OuterRef("pk")))
    return User.objects.select_related("team").annotate(second_factor=known).order_by("-is_active", "name", "pk")


def invitations() -> "QuerySet[OneTimeLink]":
    """Invitations that nobody has taken up yet, the expired ones too, since somebody should look at them."""
    rows = OneTimeLink.objects.unsettled().filter(purpose=rules.INVITATION)
    return rows.select_related("team", "made_by").order_by("-created_at", "pk")


@dataclass(frozen=True)
class SignedIn:
    """A session of one of us. `browser` and `system` are empty where the browser named none that we know."""

    pk: int
    browser: str
    system: str
    ip: str
    since: datetime
    seen_at: datetime
    is_this: bool


def sessions_of(user: User, *, this: str, at: datetime) -> list[SignedIn]:
    """The living sessions of a user, the asking one first, then by when they were last seen."""
    alive = Session.objects.filter(expire_date__gt=at).values("session_key")
    rows = UserSession.objects.filter(user_id=user.pk, session_key__in=alive).order_by("-last_seen_at", "pk")
    found = [
        SignedIn(
            cast(int, row.pk), *rules.device(row.user_agent), row.ip, row.created_at, row.last_seen_at,
            row.session_key == this,
        )
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda each: not each.is_this)
