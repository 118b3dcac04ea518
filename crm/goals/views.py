"""Goals of an account: how far each has come or had come on a day, and what becomes of it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.accounts.views import address_of, back_to, own_account, own_row, seen_account, shown
from crm.goals import actions, forms, queries
from crm.goals.models import Goal, GoalChange
from crm.lib.fields import refusals, refusals_told
from crm.staff.views import Request, form_page, needs, offer_undo


@needs("read")
def index(request: Request, account: int) -> HttpResponse:
    """`day`: as they stood at the end of that day."""
    of = seen_account(request, account)
    form = forms.DayForm(request.GET if "day" in request.GET else None)
    asked = form.cleaned_data["day"] if form.is_bound and form.is_valid() else None
    today = request.now.date()
    stood = asked is not None and asked < today
    goals = queries.progress_on(asked or today, accounts=[of.pk], stood=stood)
    goals.sort(key=lambda one: one.is_dropped)
    context = {"goals": goals, "form": form, "asked": asked}
    return render(request, "crm/goals/index.html", shown(request, of, **context))


@needs("write_account")
def new(request: Request, account: int) -> HttpResponse:
    of = own_account(request, account)
    form = forms.GoalForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.set_goal(of, **form.given, at=request.now, by=request.user)
            messages.success(request, _("Noted. How far it has come is computed from now on."))
            return back_to(request, of)
    words = {"title": _("New goal"), "submit": _("Set the goal"), "back_url": address_of(of)}
    return form_page(request, form, slot="new-goal", **words, **shown(request, of))


def _own(request: Request, pk: int) -> Goal:
    return own_row(request, Goal.objects.visible_to(request.user).select_related("account__owner"), pk)


@needs("write_account")
def change(request: Request, pk: int) -> HttpResponse:
    goal = _own(request, pk)
    turns = GoalChange.objects.system("of a goal that the person may change").filter(goal=goal)
    last = turns.order_by("-on", "-id")[0]
    form = forms.ChangeForm(request.POST or None, initial={"target": last.target.normalize(), "due_on": last.due_on})
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.change_goal(goal, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("Saved. Past days keep the target that they had."))
            return back_to(request, goal.account)
    words = {"title": goal.words, "submit": _("Change the goal"), "back_url": address_of(goal.account)}
    return form_page(request, form, slot=f"goal-{pk}", **words, **shown(request, goal.account))


@needs("write_account")
def drop(request: Request, pk: int) -> HttpResponse:
    goal = _own(request, pk)
    form = forms.DropForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.drop_goal(goal, **form.cleaned_data, at=request.now, by=request.user)
            offer_undo(request, _("Dropped: %(words)s") % {"words": goal.words}, reverse("goal-resume", args=[pk]))
            return back_to(request, goal.account)
    title = _("Why is “%(words)s” no longer a goal?") % {"words": goal.words}
    words = {"title": title, "submit": _("Drop it"), "back_url": address_of(goal.account)}
    return form_page(request, form, slot=f"goal-{pk}", **words, **shown(request, goal.account))


@require_POST
@needs("write_account")
def resume(request: Request, pk: int) -> HttpResponse:
    goal = _own(request, pk)
    with refusals_told(request):
        actions.resume_goal(goal, at=request.now, by=request.user)
        messages.success(request, _("“%(words)s” is a goal again.") % {"words": goal.words})
    return back_to(request, goal.account)
