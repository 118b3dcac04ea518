"""The gate of every page: the request as our views see it, and the check of the role."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from crm.staff.models import User


class Request(HttpRequest):
    """An `HttpRequest` behind the login and clock middleware: who asks, and the one instant of the request."""

    user: User  # LoginRequiredMiddleware turns everyone else away
    now: datetime


View = Callable[..., HttpResponse]


def needs(verb: str) -> Callable[[View], View]:
    """Answer 403 to a role that may not do `verb` (crm.staff.rules.RIGHTS) at all."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.may(verb):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate


LOOKS = {"theme": ("light", "dark", "system"), "density": ("regular", "compact")}


@require_POST
def set_theme(request: Request) -> HttpResponse:
    """Keep theme and density in cookies that base.html reads, so that no page flashes."""
    back = request.POST.get("next", "/")
    safe = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    response = HttpResponseRedirect(back if safe else "/")
    for name, choices in LOOKS.items():
        if request.POST.get(name) in choices:
            response.set_cookie(
                name, request.POST[name], max_age=31_536_000, samesite="Lax", secure=request.is_secure()
            )
    return response
