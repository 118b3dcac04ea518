"""Tasks: added on an account, changed, done, or put aside with a reason; and taken back."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.accounts.actions import may_write
from crm.accounts.queries import colleagues
from crm.accounts.views import own_account, shown
from crm.lib.fields import refusals, refusals_told
from crm.lib.working_hours import working_day
from crm.staff.views import Request, form_page, needs, offer_undo, way_back
from retention.pages.forms import ReasonForm, TaskForm
from retention.tasks import actions
from retention.tasks.models import Task


def own_task(request: Request, pk: int) -> Task:
    """The task, if the person sees its account (else 404) and may settle it (else 403)."""
    related = ("account__owner", "account__pool", "play_step", "risk_signal__account", "assignee")
    task: Task = get_object_or_404(Task.objects.visible_to(request.user).select_related(*related), pk=pk)
    if task.assignee_id != request.user.pk and not may_write(task.account, by=request.user):
        raise PermissionDenied
    return task


@needs("write_account")
def new(request: Request, pk: int) -> HttpResponse:
    account = own_account(request, pk)
    start = {"due_on": working_day(request.now.date()), "assignee": None if account.owner_id else request.user.pk}
    form = TaskForm(request.POST or None, initial=start, people=colleagues(account, request.user))
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.create_task(account, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("Added."))
            return redirect("account", account.pk)
    url = reverse("account", args=[account.pk])
    words = {"title": _("New task"), "submit": _("Add the task"), "back_url": url}
    return form_page(request, form, slot="new-task", **shown(request, account, **words))


@needs("write_account")
def edit(request: Request, pk: int) -> HttpResponse:
    task = own_task(request, pk)
    said = _(task.title)  # a recipe's title is stored in English and read in every language
    start = {"title": said, "due_on": task.due_on, "assignee": task.assignee_id, "detail": task.detail}
    form = TaskForm(request.POST or None, initial=start, people=colleagues(task.account, request.user))
    url = reverse("account", args=[task.account_id])
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        given["title"] = task.title if given["title"] == said else given["title"]
        with refusals(form):
            actions.change_task(task, **given, at=request.now, by=request.user)
            messages.success(request, _("Saved."))
            return HttpResponseRedirect(way_back(request, url))
    words = {"title": said, "submit": _("Save the task"), "back_url": url}
    return form_page(request, form, slot=f"task-{pk}", **shown(request, task.account, **words))


@require_POST
@needs("write_account")
def done(request: Request, pk: int) -> HttpResponse:
    task = own_task(request, pk)
    if actions.finish_task(task, at=request.now, by=request.user):
        _settled(request, task, _("Done: %(title)s.") % {"title": _(task.title)})
    else:
        messages.info(request, _("It was settled already."))
    return back(request, task)


@needs("write_account")
def dismiss(request: Request, pk: int) -> HttpResponse:
    task = own_task(request, pk)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if actions.dismiss_task(task, why=form.cleaned_data["why"], at=request.now, by=request.user):
            _settled(request, task, _("Put aside: %(title)s.") % {"title": _(task.title)})
        else:
            messages.info(request, _("It was settled already."))
        return back(request, task)
    url = reverse("account", args=[task.account_id])
    title = _("Why is “%(task)s” not needed?") % {"task": _(task.title)}
    words = {"title": title, "submit": _("Put it aside"), "back_url": url}
    return form_page(request, form, slot=f"aside-{pk}", **shown(request, task.account, **words))


def _settled(request: Request, task: Task, words: str) -> None:
    task.refresh_from_db(fields=["done_at", "dismissed_at"])
    if actions.can_reopen(task):
        offer_undo(request, words, reverse("task-reopen", args=[task.pk]))
    else:
        messages.success(request, words)


@require_POST
@needs("write_account")
def reopen(request: Request, pk: int) -> HttpResponse:
    task = own_task(request, pk)
    with refusals_told(request):
        actions.reopen_task(task, at=request.now, by=request.user)
        messages.success(request, _("“%(title)s” is open again.") % {"title": _(task.title)})
    return back(request, task)


def back(request: Request, task: Task) -> HttpResponseRedirect:
    """To the page that sent the form, else to the account's."""
    return HttpResponseRedirect(way_back(request, reverse("account", args=[task.account_id])))
