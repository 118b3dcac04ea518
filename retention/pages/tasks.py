"""Tasks: added on an account, done, or put aside with a reason."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.accounts.actions import may_write
from crm.accounts.views import own_account
from crm.lib.fields import refusals
from crm.lib.working_hours import working_day
from crm.staff.views import Request, needs
from retention.pages.forms import ReasonForm, TaskForm
from retention.tasks import actions
from retention.tasks.models import Task


def own_task(request: Request, pk: int) -> Task:
    """The task, if the person sees its account (else 404) and may settle it (else 403)."""
    related = ("account__owner", "play_step", "risk_signal__account")
    task: Task = get_object_or_404(Task.objects.visible_to(request.user).select_related(*related), pk=pk)
    if task.assignee_id != request.user.pk and not may_write(task.account, by=request.user):
        raise PermissionDenied
    return task


@needs("write_account")
def new(request: Request, pk: int) -> HttpResponse:
    account = own_account(request, pk)
    start = {"due_on": working_day(request.now.date()), "mine": account.owner_id is None}
    form = TaskForm(request.POST or None, initial=start)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        assignee = request.user if given.pop("mine") else None
        with refusals(form):
            actions.create_task(account, **given, assignee=assignee, at=request.now, by=request.user)
            messages.success(request, _("Added."))
            return redirect("account", account.pk)
    words = {"title": _("New task"), "submit": _("Add the task")}
    url = reverse("account", args=[account.pk])
    return render(
        request, "crm/form.html", {"form": form, "account": account, "account_url": url, "back_url": url, **words}
    )


@require_POST
@needs("write_account")
def done(request: Request, pk: int) -> HttpResponse:
    task = own_task(request, pk)
    settled = actions.finish_task(task, at=request.now, by=request.user)
    messages.success(
        request, _("Done: %(title)s.") % {"title": _(task.title)} if settled else _("It was settled already.")
    )
    return back(request, task)


@require_POST
@needs("write_account")
def dismiss(request: Request, pk: int) -> HttpResponse:
    task = own_task(request, pk)
    form = ReasonForm(request.POST)
    if form.is_valid():
        actions.dismiss_task(task, why=form.cleaned_data["why"], at=request.now, by=request.user)
        messages.success(request, _("Put aside: %(title)s.") % {"title": _(task.title)})
        return back(request, task)
    words = {"title": _("Why is “%(task)s” not needed?") % {"task": _(task.title)}, "submit": _("Put it aside")}
    url = reverse("account", args=[task.account_id])
    context = {"form": form, "account": task.account, "account_url": url, "back_url": url, **words}
    return render(request, "crm/form.html", context)


def back(request: Request, task: Task) -> HttpResponseRedirect:
    """To the page that sent the form, else to the account's."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(wanted if wanted and safe else reverse("account", args=[task.account_id]))
