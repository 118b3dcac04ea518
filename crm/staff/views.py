"""The gate of every page: the request as our views see it, and the check of the role."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, wraps
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, get_script_prefix, get_urlconf, reverse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from crm.lib.fields import refusals
from crm.lib.search import cleaned
from crm.staff import actions, queries
from crm.staff.actions import change_installation, change_preferences, change_team, create_team
from crm.staff.forms import CoverForm, InstallationForm, PreferencesForm, TeamForm
from crm.staff.models import Cover, Team, User
from crm.staff.queries import covers


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


# Configuration pages in groups: address name, the right it takes, what it is. Other apps are named by string.
SETTINGS = [
    (
        _("You"),
        [
            ("you", "read", _("How it looks and reads"), _("Language, time zone, numbers and dates, light or dark.")),
            ("mfa_index", "read", _("Login and security"), _("Password, second step, and where you are logged in.")),
            ("keys", "read", _("Keyboard"), _("What can be done without the mouse.")),
        ],
    ),
    (
        _("The account book"),
        [
            ("plans", "read", _("Plans"), _("What customers buy, and the features that each plan includes.")),
            ("features", "read", _("Features"), _("What the product does, and from when on use of it is meaningful.")),
            ("traits", "read", _("Traits"), _("What else is known about accounts, with its type and unit.")),
            ("calendars", "read", _("Hours and holidays"), _("When we are there for whom, by country and weekday.")),
            ("response-targets", "read", _("First answers"), _("How soon customers hear from us, by channel.")),
            ("cover", "write_account", _("Cover"), _("Who looks after whose accounts while somebody is away.")),
            ("tags", "configure", _("Tags"), _("Words that accounts are marked with; rename one everywhere at once.")),
        ],
    ),
    (
        _("Health"),
        [
            ("scorecards", "read", _("Scorecards"), _("Which measures make a score, with their weights and limits.")),
            ("pipeline", "read_sources", _("Pipeline"), _("When each step of the calculation last ran.")),
        ],
    ),
    (
        _("What comes in and goes out"),
        [
            ("events", "read_sources", _("Events"), _("Names that events came under, and the features they feed.")),
            ("sources", "read_sources", _("Sources"), _("Who sends usage, with which keys, and what was refused.")),
            ("api-keys", "read", _("API keys"), _("What other programs come in with, for whom and until when.")),
            (
                "webhooks",
                "manage_keys",
                _("Webhooks"),
                _("Which systems are told what happens here, and what came of it."),
            ),
            ("api-reference", "read", _("API reference"), _("Every call that programs can make, with its fields.")),
            ("imports", "import", _("Imports"), _("Files that were taken over, and their refused rows.")),
            ("exports", "export", _("Exports"), _("Every list as a file, to keep or to work on elsewhere.")),
            ("mail-files", "read_sources", _("Mail"), _("What was sent, or written to files without a server.")),
        ],
    ),
    (
        _("The installation"),
        [
            ("people", "manage_users", _("People"), _("Who works here, with which role, and who is invited.")),
            ("erasures", "erase", _("Erased people"), _("Who was erased at their own wish, and how far it has come.")),
            (
                "teams",
                "manage_users",
                _("Teams"),
                _("Groups of reps under a manager, who may share accounts."),
            ),
            ("installation", "manage_users", _("Names and rights"), _("Our names, who sees what, currency, sending.")),
            ("audit", "read_audit", _("Record"), _("Who did what, when, and what it was before.")),
            ("admin:index", "admin", _("Admin"), _("Every table of the account book, row by row, with its record.")),
            ("gallery", "configure", _("Gallery"), _("The parts that pages are made of, with their states.")),
        ],
    ),
]


UNDER_ACCOUNTS = (
    "portfolio", "renewals", "forecast", "account", "contact", "subscription", "payment", "goal", "task", "promise",
    "segment", "view-", "conversation",
)  # fmt: skip
# The page of each place, its letter after "g", its word, and how the names of the pages within it begin.
PLACES = [
    ("today", "t", _("Today"), ("today", "draft")),
    ("portfolio", "a", _("Accounts"), UNDER_ACCOUNTS),
    ("playbooks", "p", _("Playbooks"), ("playbook",)),
    ("surveys", "s", _("Surveys"), ("survey", "wave")),
    ("numbers", "n", _("Numbers"), ("numbers",)),
]

# Parts that join the menus once they are used; before that, admins find them under Settings.
NOT_YET = [
    ("renewals", _("Renewals"), _("What renews when. It joins the menus once a subscription is known.")),
    ("promises", _("Promises"), _("What we said that we would do. They join the menus with the first one.")),
    ("conversations", _("Conversations"), _("What customers wrote to us. They join the menus with the first one.")),
    ("playbooks", _("Playbooks"), _("Recipes that a signal starts. They join the menus once one has begun.")),
    ("surveys", _("Surveys"), _("What customers say when asked. They join the menus once one is written.")),
]

# What can be done from anywhere: address name, the right it takes, the words, and what is posted (None: it is a page).
DOINGS: list[tuple[str, str, Any, dict[str, str] | None]] = [
    ("renewals", "read", _("Renewals"), None),
    ("promises", "read", _("Promises"), None),
    ("conversations", "read", _("Conversations"), None),
    ("account-new", "write_account", _("New account"), None),
    ("survey-new", "configure", _("New survey"), None),
    ("plan-new", "configure", _("New plan"), None),
    ("feature-new", "configure", _("New feature"), None),
    ("trait-new", "configure", _("New trait"), None),
    ("source-new", "manage_keys", _("New source"), None),
    ("api-key-new", "manage_keys", _("New API key"), None),
    ("set-preferences", "read", _("Appearance: light"), {"theme": "light"}),
    ("set-preferences", "read", _("Appearance: dark"), {"theme": "dark"}),
    ("set-preferences", "read", _("Appearance: as the device"), {"theme": "system"}),
    ("set-preferences", "read", _("Rows: regular"), {"density": "regular"}),
    ("set-preferences", "read", _("Rows: tighter"), {"density": "compact"}),
    *(("set-preferences", "read", name, {"language": code}) for code, name in settings.LANGUAGES),
    ("account_logout", "read", _("Log out"), {}),
]


class Command(NamedTuple):
    """Something to go to, or to do at once when there are `fields` to post."""

    words: str
    url: str
    fields: dict[str, str] | None = None


def commands_for(user: User, q: str) -> list[Command]:
    """Places, actions and, once something is typed, settings that the person may use; all words of `q` are in them."""
    wanted = q.casefold().split()
    site = get_urlconf() or settings.ROOT_URLCONF
    every = _commands(user.role, get_language(), site, queries.ground_of(user).used) if user.is_active else ()
    return [
        command
        for command, words, is_setting in every
        if (q or not is_setting) and all(word in words for word in wanted)
    ]


@lru_cache(maxsize=64)
def _commands(
    role: str, _language: str | None, _site: str, used: frozenset[str]
) -> tuple[tuple[Command, str, bool], ...]:
    """All commands of a role in one language, each with the words that find it, and whether it is a setting."""
    one = User(role=role)
    places = [Command(str(each[2]), address(each[0])) for each in PLACES if in_use(each[0], used)]
    pages = [Command(word, url) for _group, rows in settings_for(one, used) for url, word, _sentence in rows]
    doings = [
        Command(str(words), address(name), fields)
        for name, verb, words, fields in DOINGS
        if one.may(verb) and in_use(name, used)
    ]
    groups = ((places, False), (pages, True), (doings, False))
    return tuple((each, each.words.casefold(), flag) for group, flag in groups for each in group if each.url)


def in_use(name: str, used: frozenset[str]) -> bool:
    """Whether a page is no part that stays hidden until it is used, or one that is."""
    return name not in queries.PARTS or name in used


def settings_for(user: User, used: frozenset[str], q: str = "") -> list[tuple[Any, list[tuple[str, str, str]]]]:
    """(group, its pages as address, word, sentence): those that exist, that the person may open and `q` speaks of.

    Parts that nobody uses yet are there for the admins.
    """
    wanted = q.casefold().split()
    groups = []
    hidden = [(name, "admin", words, sentence) for name, words, sentence in NOT_YET if not in_use(name, used)]
    for group, pages in [*SETTINGS, (_("Not used yet"), hidden)]:
        rows = [
            (at, str(words), str(sentence))
            for name, verb, words, sentence in pages
            if (user.is_staff if verb == "admin" else user.may(verb))
            and (user.is_staff or in_use(name, used))
            and (at := address(name))
        ]
        found = [row for row in rows if all(word in f"{group} {row[1]} {row[2]}".casefold() for word in wanted)]
        if found:
            groups.append((group, found))
    return groups


KEYS = [
    ("/", _("Find anything")),
    ("Ctrl K", _("Find, go somewhere or do something")),
    ("j", _("Next row")),
    ("k", _("Row before")),
    ("Enter", _("Open the row")),
    ("x", _("Select the row")),
    ("e", _("Edit the row, or the page")),
    ("z", _("Undo what was just done")),
    ("?", _("This list")),
    ("Esc", _("Close what is open")),
]


def keys(request: Request) -> HttpResponse:
    """The keyboard map: a page, and a piece of one for the dialog behind "?"."""
    piece = request.htmx  # type: ignore[attr-defined]  # set by django_htmx
    return render(request, "crm/_keys.html" if piece else "crm/keys.html", {"keys": KEYS})


def settings_index(request: Request) -> HttpResponse:
    q = cleaned(request.GET.get("q", ""))
    return render(
        request,
        "crm/settings.html",
        {"groups": settings_for(request.user, queries.ground_of(request.user).used, q), "q": q},
    )


@needs("manage_users")
def teams(request: Request) -> HttpResponse:
    """All teams with how many people are in each, and a form for another one."""
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            create_team(**form.cleaned_data, at=request.now, by=request.user)
        if form.is_valid():
            return redirect("teams")
    return render(request, "crm/people/teams.html", {"teams": queries.teams(), "form": form})


@needs("manage_users")
def team(request: Request, pk: int) -> HttpResponse:
    row = get_object_or_404(Team, pk=pk)
    form = TeamForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            change_team(row, **form.cleaned_data, at=request.now, by=request.user)
        if form.is_valid():
            return redirect("teams")
    context = {"form": form, "title": _("Rename the team"), "submit": _("Save"), "back_url": reverse("teams")}
    return render(request, "crm/form.html", context)


@needs("manage_users")
def installation(request: Request) -> HttpResponse:
    form = InstallationForm(request.POST or None, instance=queries.installation())
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            change_installation(**form.cleaned_data, at=request.now, by=request.user)
        if form.is_valid():
            return redirect("settings")
    context = {"form": form, "title": _("Names and rights"), "submit": _("Save"), "back_url": reverse("settings")}
    return render(request, "crm/form.html", context)


def address(name: str) -> str:
    """The address of a page without parameters; empty where its app is absent."""
    return _address(name, get_urlconf() or settings.ROOT_URLCONF, get_script_prefix())


@lru_cache(maxsize=256)
def _address(name: str, urlconf: str, prefix: str) -> str:
    try:
        return reverse(name, urlconf)
    except NoReverseMatch:
        return ""


def you(request: Request) -> HttpResponse:
    """How the pages look and read to the person who asks."""
    form = PreferencesForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        # The form has written into the row at hand; the action compares with the one that is stored.
        user = change_preferences(request.user, at=request.now, by=request.user, **form.cleaned_data)
        with translation.override(user.language):
            messages.success(request, str(_("Saved. It is like this wherever you sign in.")))
        return _kept(redirect("you"), request, user)
    words = {"title": _("How it looks and reads"), "submit": _("Save"), "back_url": reverse("settings")}
    return render(request, "crm/form.html", {"form": form, **words})


@require_POST
def set_preferences(request: Request) -> HttpResponse:
    """One of the choices in the person's menu, or in the palette; whatever is not a choice is left out."""
    of = PreferencesForm(request.POST, instance=request.user)
    chosen = {name: request.POST[name] for name in of.fields if name in request.POST and name not in of.errors}
    user = change_preferences(request.user, at=request.now, by=request.user, **chosen)
    return _kept(redirect(way_back(request)), request, user)


def _kept(response: HttpResponse, request: Request, user: User) -> HttpResponse:
    """Keep language and theme in this browser too, for the pages before the login."""
    for name, value in ((settings.LANGUAGE_COOKIE_NAME, user.language), ("theme", user.theme)):
        response.set_cookie(name, value, max_age=31_536_000, samesite="Lax", secure=request.is_secure())
    return response


@needs("write_account")
def cover(request: Request) -> HttpResponse:
    """Who stands in for whom, now and to come, and the form that arranges more."""
    start = {"away": f"user-{request.user.pk}"}
    form = CoverForm(request.POST or None, user=request.user, initial=start)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            row = actions.arrange_cover(**form.chosen, at=request.now, by=request.user)
            messages.success(request, _("Arranged: %(who)s stands in.") % {"who": row.covering.name})
            return redirect("cover")
    rows = [(row, row.from_at <= request.now, _may_end(request, row)) for row in covers(request.user, at=request.now)]
    return render(request, "crm/staff/cover.html", {"rows": rows, "form": form})


def _may_end(request: Request, row: Cover) -> bool:
    return row.covering_id == request.user.pk or actions.may_arrange_cover(request.user, row.covered, row.pool)


@require_POST
@needs("write_account")
def end_cover(request: Request, pk: int) -> HttpResponse:
    row = get_object_or_404(covers(request.user, at=request.now), pk=pk)
    actions.end_cover(row, at=request.now, by=request.user)
    messages.success(request, _("Ended."))
    return redirect("cover")
