"""What every request passes: database trouble as 503, the language, the instant, and what the shell shows."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware, get_user
from django.contrib.messages import get_messages
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.template.loader import get_template, render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language_from_request
from django.utils.translation import gettext_lazy as _
from django.views.defaults import permission_denied

from crm.api.errors import unusable
from crm.lib.db_trouble import is_trouble
from crm.lib.formats import PLAIN, written_as
from crm.lib.places import zone_of
from crm.sign_in.actions import note_denied
from crm.sign_in.rules import SEEN
from crm.staff.models import Density, Theme, User
from crm.staff.queries import ground_of, lacks_second_factor
from crm.staff.views import PLACES, address

type_of_view = Callable[[HttpRequest], HttpResponse]


class trouble:  # noqa: N801 - named like the other middleware, which are functions
    """Turn a restarting, full or read-only database into 503 with Retry-After instead of 500."""

    def __init__(self, get_response: type_of_view) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, (DatabaseError, InterfaceError)) and is_trouble(error):
            return unavailable()
        return None


METHODS = ("GET", "HEAD", "POST", "OPTIONS")
PROGRAMS = ("/api/", "/v1/", "/beacon/v1/", "/sourceConfig")


def methods(get_response: type_of_view) -> type_of_view:
    """Refuse what no page of ours answers, before a view takes it for a GET. What programs call answers for itself."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.method not in METHODS and not request.path.startswith(PROGRAMS):
            return HttpResponseNotAllowed(METHODS)
        return get_response(request)

    return middleware


def unavailable() -> HttpResponse:
    """Say that the database is away for the moment; the connection is dropped so that the next request tries anew."""
    connection.close()
    return HttpResponse(get_template("503.html").render(), status=503, headers={"Retry-After": "5"})


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: errors outside views pass here too, and database trouble among them is a 503."""
    error = sys.exc_info()[1]
    if isinstance(error, (DatabaseError, InterfaceError)) and is_trouble(error):
        return unavailable()
    # Without the request: a context processor must not fail a second time.
    return HttpResponse(get_template("500.html").render(), status=500)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400; what is too big has a status and a page of its own."""
    if request.path.startswith("/api/"):
        return unusable(request)
    if isinstance(exception, RequestDataTooBig):
        return render(request, "413.html", status=413)
    return HttpResponse(get_template("400.html").render(), status=400)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Settings name this view for forms that do not prove where they came from."""
    return render(request, "403_csrf.html", status=403)


def refusals(get_response: type_of_view) -> type_of_view:
    """Give a browser that opens a form's own address a page with words; programs get the bare 405."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not response.content and request.accepts("text/html"):
            response.content = render(request, "405.html").content
        return response

    return middleware


class login_required(LoginRequiredMiddleware):  # noqa: N801 - named like the other middleware
    """Django's, and kind to whoever was at work when the session ended: it leads back to the page, never to a form."""

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> Any:
        login = resolve_url(self.get_login_url(view_func))
        if request.htmx:  # type: ignore[attr-defined]  # set by django_htmx
            path = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]
            return HttpResponse(status=204, headers={"HX-Redirect": f"{login}?{urlencode({'ended': 1, 'next': path})}"})
        if request.method == "POST":
            came_from = urlsplit(request.headers.get("Referer", ""))
            path = came_from._replace(scheme="", netloc="").geturl() if came_from.netloc == request.get_host() else "/"
            return redirect(f"{login}?{urlencode({'ended': 1, 'next': path})}")
        return super().handle_no_permission(request, view_func)


def language(get_response: type_of_view) -> type_of_view:
    """Language, time zone and formats: the person's own; before the login the cookie's language, else the browser's."""

    def middleware(request: HttpRequest) -> HttpResponse:
        user = request.user
        own = user if isinstance(user, User) else None
        asked = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        chosen = own.language if own else asked
        if chosen not in dict(settings.LANGUAGES):
            chosen = get_language_from_request(request)
        zone = zone_of(own.time_zone if own else "UTC")
        with translation.override(chosen), timezone.override(zone), written_as(own.formats if own else PLAIN):
            response = get_response(request)
        response.headers.setdefault("Content-Language", chosen)
        return response

    return middleware


SEEN_EVERY = timedelta(minutes=5)


def last_seen(get_response: type_of_view) -> type_of_view:
    """Note now and then that a session lives. Only those that the login began carry the mark."""

    def middleware(request: HttpRequest) -> HttpResponse:
        now: datetime = request.now  # type: ignore[attr-defined]
        seen = request.session.get(SEEN)
        if seen is not None and now.timestamp() - seen > SEEN_EVERY.total_seconds():
            request.session[SEEN] = now.timestamp()
            UserSession.objects.filter(session_key=request.session.session_key).update(last_seen_at=now)
        return get_response(request)

    return middleware


# What somebody reaches who must set up a second factor and has not: the pages to do so, and the way out.
SET_UP = {"mfa_index", "mfa_activate_totp", "mfa_add_webauthn", "mfa_view_recovery_codes", "account_reauthenticate"}
SET_UP |= {"account_logout", "set-preferences"}


class second_factor:  # noqa: N801 - named like the other middleware, which are functions
    """Send an admin without a second factor to the page that sets one up, from wherever a login is needed."""

    def __init__(self, get_response: type_of_view) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: type_of_view, *_args: Any) -> HttpResponse | None:
        user = request.user
        open_to_all = not getattr(view, "login_required", True)
        here = request.resolver_match.view_name if request.resolver_match else ""
        if open_to_all or not user.is_authenticated or here in SET_UP or not lacks_second_factor(user):
            return None
        return HttpResponseRedirect(reverse("mfa_index"))


def denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403: what one of us was denied is in the record. A form without its token is no denial."""
    if request.user.is_authenticated:
        at: datetime = request.now  # type: ignore[attr-defined]
        note_denied(request.path, method=request.method or "", at=at, by=request.user)
    return permission_denied(request, exception)


def clock(get_response: type_of_view) -> type_of_view:
    """Read the clock once; views take `request.now`, so that one request has one instant, and so does who asks."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.now = now = datetime.now(UTC)  # type: ignore[attr-defined]  # declared in crm.staff.views.Request
        if hasattr(request, "user"):
            # Still lazy, since public pages do not look for a session; and one veil instead of two.
            request.user = SimpleLazyObject(lambda: asking_at(get_user(request), now))  # type: ignore[assignment]
        return get_response(request)

    return middleware


def toasts(get_response: type_of_view) -> type_of_view:
    """Put what was said beside the fragment that htmx asked for; whole pages show it themselves."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not request.htmx or response.streaming or response.status_code != 200 or MOVES & set(response.headers):  # type: ignore[attr-defined]
            return response
        said = get_messages(request)
        if len(said) and not getattr(said, "used", False) and response["Content-Type"].startswith("text/html"):
            response.write(render_to_string("_parts/toasts.html", {"messages": said, "apart": True}, request))
        return response

    return middleware


# Answers after which htmx loads another page, which will show what was said.
MOVES = {"HX-Redirect", "HX-Refresh", "HX-Location"}


def asking_at(user: Any, at: datetime) -> Any:
    """The person, who from now on knows when they ask: cover for others begins and ends with the instant."""
    user.asks_at = at
    return user


STANDING_STILL = timedelta(minutes=3)


def here(request: HttpRequest) -> str:
    """The name of the page."""
    return request.resolver_match.view_name if request.resolver_match else ""


def shell(request: HttpRequest) -> dict[str, Any]:
    """What base.html shows around every page."""
    name_here = here(request)
    if "_" in name_here:  # a name of allauth's, such as account_login, which has no place in the bar
        name_here = ""
    return {
        "place": next((name for name, _key, _label, beginnings in PLACES if name_here.startswith(beginnings)), ""),
        "used": ground_of(user).used if isinstance(user := getattr(request, "user", None), User) else frozenset(),
        "search_url": address("search"),
        "sought": request.GET.get("q", ""),
        "palette_url": address("palette"),
        "begin_url": address("begin"),
        "layout": "base.html" if isinstance(getattr(request, "user", None), User) else "base_public.html",
        **_looks(request),
        **_banners(request),
    }


def _looks(request: HttpRequest) -> dict[str, str]:
    """Theme and density, known before the first byte so that no page flashes: the person's, else this browser's."""
    if isinstance(user := getattr(request, "user", None), User):
        return {"theme": user.theme, "density": user.density}
    theme = request.COOKIES.get("theme", "")
    return {"theme": theme if theme in Theme.values else Theme.SYSTEM, "density": Density.REGULAR}


def _banners(request: HttpRequest) -> dict[str, Any]:
    """The sentences above a page, from the query that every page needs; public and error pages have none."""
    user, now = getattr(request, "user", None), getattr(request, "now", None)
    if now is None or user is None or not user.is_authenticated:
        return {}
    ground = ground_of(user)
    beat_at, is_demo = ground.beat_at, ground.installation.is_demo
    still = beat_at is not None and now - beat_at > STANDING_STILL
    return {
        "jobs_banner": str(_("Background jobs stand still: scores and mails wait. Start the worker.")) if still else "",
        "webhook_banner": "webhook paused" in ground.used
        and user.may("manage_keys")
        and not here(request).startswith("webhook"),
        "banner_demo": str(_("This is the demo company. Its people and figures are made up.")) if is_demo else "",
    }
