"""The pages of our own house: settings, keyboard, teams, the installation, how it looks to oneself, cover."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from crm.lib.fields import refusals
from crm.lib.search import cleaned
from crm.staff import actions, queries
from crm.staff.actions import change_installation, change_preferences, change_team, create_team
from crm.staff.forms import CoverForm, InstallationForm, PreferencesForm, TeamForm
from crm.staff.models import Cover, Team, User
from crm.staff.queries import covers
from crm.staff.views.gate import Request, needs, way_back
from crm.staff.views.menus import settings_for

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
