"""Who comes in: a key in the Authorization header and nothing else, counted, and held to its scopes."""

from typing import Any

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from crm.api.errors import Wrong
from crm.keys import actions, rules
from crm.keys.queries import key_of

SAFE = ("GET", "HEAD")


class ByKey(BaseAuthentication):
    """`Authorization: Bearer hfk_…`: the user is the key's owner, `request.auth` the key.

    A session opens nothing here, and a key opens no page.
    """

    def authenticate(self, request: Any) -> tuple[Any, Any]:
        scheme, _blank, secret = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise Wrong(401, "no_key", "There is no API key. Send it as: Authorization: Bearer hfk_…")
        found = key_of(secret.strip(), at=request.now)
        if found is None:
            raise Wrong(401, "unknown_key", "This key is not known here, or it was revoked or has expired.")
        key, owner = found
        limit = settings.API_CALLS_PER_MINUTE
        calls = actions.note_call(key, at=request.now, by=owner)
        request._request.__dict__["rate"] = limit, max(0, limit - calls), 60 - request.now.second
        if calls > limit:
            raise Wrong(429, "rate_limited", f"More than {limit} calls in this minute. Go on when the next one begins.")
        return owner, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Holdfast"'


class InScope(BasePermission):
    """The key's scopes name the group of the view's noun. What its owner may do is the actions' matter."""

    def has_permission(self, request: Any, view: Any) -> bool:
        verb = rules.READ if request.method in SAFE else rules.WRITE
        if not rules.opens(request.auth.scopes, view.group, verb):
            scope = rules.scope(view.group, verb)
            raise Wrong(403, "scope_missing", f"This key lacks the scope {scope}. An admin can make one that has it.")
        return True


class AlwaysJson(BaseContentNegotiation):
    """There is one form of answer, so what a caller would rather have is not asked."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


def rate_headers(request: Any) -> dict[str, str]:
    """How many calls there are a minute, how many are left, and in how many seconds it begins anew."""
    rate = getattr(request, "_request", request).__dict__.get("rate")
    if rate is None:
        return {}
    limit, left, seconds = rate
    found = {"RateLimit-Limit": str(limit), "RateLimit-Remaining": str(left), "RateLimit-Reset": str(seconds)}
    return found | ({"Retry-After": str(seconds)} if left == 0 else {})
