"""Browsers that somebody has logged in with: a signed cookie per browser, with one id for each of the last users.

It opens nothing. A known browser only has tries of its own, so that whoever guesses from elsewhere cannot use up
those of the right person.
"""

from hashlib import sha256
from ipaddress import ip_address
from secrets import token_urlsafe

from allauth.core.internal.httpkit import get_client_ip
from allauth.core.internal.ratelimit import truncate_ip
from django.conf import settings
from django.core import signing
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse

from crm.sign_in import rules
from crm.staff.models import User

COOKIE, SALT = "holdfast_device", "crm.login.device"
YEAR = 365 * 24 * 60 * 60
USERS = 5  # one browser remembers
NOWHERE = "0.0.0.0"  # noqa: S104 - stands for an address that nobody told us


def place_of(request: HttpRequest) -> str:
    """The address that a request came from, as far as our own proxies vouch for it."""
    try:
        return str(ip_address((get_client_ip(request) or "").strip()))
    except (ValueError, ImproperlyConfigured):
        return NOWHERE


def keys_of(request: HttpRequest, user: User | None, email: str) -> dict[str, int]:
    """Under which keys a guess is counted, each with its limit.

    An account that exists is counted by its number, whichever way its address is spelt.
    """
    if user and (device := known(request, user)):
        return {f"device:{user.pk}:{device}": rules.GUESSES}
    unknown = sha256(email.strip().lower().encode()).hexdigest()[:32]
    keys = {f"user:{user.pk}" if user else f"address:{unknown}": rules.GUESSES}
    place = place_of(request)
    return keys if place == NOWHERE else keys | {f"place:{truncate_ip(place)}": rules.PLACE_GUESSES}


def known(request: HttpRequest, user: User) -> str:
    """This browser's id for the user; empty where they never logged in."""
    return _read(request).get(str(user.pk), "")


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """The id stays while the cookie does, and so do the tries that were counted under it."""
    ids = _read(request)
    device = ids.pop(str(user.pk), "") or token_urlsafe(9)
    ids = dict(list(ids.items())[1 - USERS :]) | {str(user.pk): device}
    response.set_cookie(
        COOKIE,
        signing.dumps(ids, salt=SALT),
        max_age=YEAR,
        secure=settings.SECURE,
        httponly=True,
        samesite="Lax",
    )


def _read(request: HttpRequest) -> dict[str, str]:
    try:
        ids: dict[str, str] = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=YEAR)
    except signing.BadSignature:
        return {}
    return ids
