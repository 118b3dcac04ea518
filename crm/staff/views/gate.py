"""The gate of every page: the request as our views see it, the check of the role, and the way to and from a form."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme

from crm.staff.models import User


class Request(HttpRequest):
    """An `HttpRequest` behind the login and clock middleware: who asks, and the one instant of the request."""

    user: User  # LoginRequiredMiddleware turns everyone else away
    now: datetime


View = Callable[..., HttpResponseBase]


def needs(verb: str) -> Callable[[View], View]:
    """Answer 403 to a role that may not do `verb` (crm.staff.rules.RIGHTS) at all."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.may(verb):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def offer_undo(request: HttpRequest, words: object, url: str, **fields: object) -> None:
    """Say what was done, with a button that posts `fields` to `url`: the action that takes it back.

    The toast stands on the next page, or beside the fragment that htmx asked for; it posts that page as `next`
    (`way_back`). Whoever undoes twice or too late is told so, never served a fault.
    """
    messages.success(request, str(words), extra_tags=f"{url}?{urlencode(fields)}")


def way_back(request: HttpRequest, otherwise: str = "/") -> str:
    """The page that a form came from, as it says itself in `next`; `otherwise` where that is missing or not ours."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else otherwise


def form_page(
    request: Request, form: forms.BaseForm, *, slot: str, title: str, submit: str, back_url: str, **more: Any
) -> HttpResponse:
    """A form on a page of its own, or, when htmx asks, as a piece that stands where its link stood.

    `slot` is the piece's id. Whoever saves redirects to a whole page, of which htmx takes the main part; what is
    refused comes back as the piece with its errors, and nothing else on the page is lost.
    """
    in_place = bool(request.htmx)  # type: ignore[attr-defined]  # HtmxMiddleware
    context = {"form": form, "slot": slot, "title": title, "submit": submit, "back_url": back_url, **more}
    response = render(request, "crm/_form_in_place.html" if in_place else "crm/form.html", context)
    patch_vary_headers(response, ["HX-Request"])
    if in_place and request.method == "POST":
        for name, value in (("Retarget", f"#{slot}"), ("Reswap", "outerHTML"), ("Reselect", f"#{slot}")):
            response.headers[f"HX-{name}"] = value
    return response
