"""The gate of every page: the request as our views see it, and the check of the role."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
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


# Pages that configure something: address name, the right it takes, what it is. Other apps are named by string.
SETTINGS = [
    ("plans", "read", _("Plans"), _("What customers buy, and the features that each plan includes.")),
    ("features", "read", _("Features"), _("What the product does, and from when on use of it is meaningful.")),
    ("traits", "read", _("Traits"), _("What else is known about accounts, with its type and unit.")),
    ("scorecards", "read", _("Scorecards"), _("Which measures make a score, with their weights and limits.")),
    ("events", "read_sources", _("Events"), _("Names that events came under, and the features they feed.")),
    ("sources", "read_sources", _("Sources"), _("Who sends usage, with which keys, and what was refused.")),
    ("imports", "import", _("Imports"), _("Files that were taken over, and their refused rows.")),
    ("pipeline", "read_sources", _("Pipeline"), _("When each step of the calculation last ran.")),
    ("mail-files", "read_sources", _("Mail"), _("What was sent, or written to files while no server is set.")),
]


def settings_index(request: Request) -> HttpResponse:
    """The configuration pages that exist and that the person's role may open."""
    rows = [(address(name), words, sentence) for name, verb, words, sentence in SETTINGS if request.user.may(verb)]
    more = {
        "rows": [row for row in rows if row[0]],
        "admin_url": address("admin:index") if request.user.is_staff else "",
    }
    return render(request, "crm/settings.html", more)


def address(name: str) -> str:
    """The address of a page without parameters; empty where its app is absent."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


LOOKS = {"theme": ("light", "dark", "system"), "density": ("regular", "compact")}


@require_POST
def set_theme(request: Request) -> HttpResponse:
    """Keep theme and density in cookies that base.html reads, so that no page flashes."""
    response = HttpResponseRedirect(way_back(request))
    for name, choices in LOOKS.items():
        if request.POST.get(name) in choices:
            response.set_cookie(
                name, request.POST[name], max_age=31_536_000, samesite="Lax", secure=request.is_secure()
            )
    return response
