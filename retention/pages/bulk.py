"""Changing many accounts at once: those ticked in the portfolio, or all that its filter finds; and taking it back."""

from collections.abc import Callable
from datetime import date
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from crm.accounts.forms import OwnerForm
from crm.accounts.models import AccountQuerySet, writable
from crm.bulk_edits import actions
from crm.bulk_edits.actions import MOST, Done
from crm.bulk_edits.models import BulkEdit, EditKind
from crm.lib.days import own_day
from crm.lib.fields import refusals, refusals_told
from crm.lib.formats import grouped
from crm.lib.working_hours import working_day
from crm.segments.queries import Unusable
from crm.staff.views import Request, needs, offer_undo, way_back
from retention.agenda.actions import put_off_many, take_many_back
from retention.pages.conditions import address
from retention.pages.forms import BulkSegmentForm, BulkStepForm, BulkTaskForm, PutOffForm, TagForm
from retention.pages.listing import PAGE, of_ids, wanted_accounts
from retention.pages.wanted import Wanted
from retention.tasks.actions import create_tasks, withdraw_tasks

Change = Callable[..., Done]
CHANGES: dict[str, tuple[type[Form], Change]] = {
    "owner": (OwnerForm, actions.set_owner),
    "add_tag": (TagForm, actions.add_tag),
    "remove_tag": (TagForm, actions.remove_tag),
    "segment": (BulkSegmentForm, actions.set_segment),
    "next_step": (BulkStepForm, actions.set_next_step),
    "tasks": (BulkTaskForm, create_tasks),
    "put_off": (PutOffForm, put_off_many),
}
# What takes a change back that is no column of the accounts.
BACK = {EditKind.TASKS: withdraw_tasks, EditKind.PUT_OFF: take_many_back}


@require_POST
@needs("write_account")
def bulk(request: Request) -> HttpResponse:
    """First what can be done with the selected accounts; then, once `do` says which, doing it."""
    wanted = Wanted.read(QueryDict(request.POST.get("state", "")))
    day = own_day(request.now)
    try:
        rows = _selected(request, wanted, day)
    except Unusable:
        return HttpResponseRedirect(address(wanted))  # the list says what is wrong with the filter
    do = request.POST.get("do", "")
    offered = {key: change for key, change in CHANGES.items() if key != "owner" or request.user.may("reassign")}
    forms = {key: _form(request, key, form, day, given=key == do) for key, (form, _change) in offered.items()}
    if do in forms and forms[do].is_valid():
        form = forms[do]
        with refusals(form):
            given = form.chosen if isinstance(form, OwnerForm) else form.cleaned_data
            done = offered[do][1](rows, **given, at=request.now, by=request.user)
            _say(request, done)
            return HttpResponseRedirect(address(wanted))
    return render(request, "retention/bulk.html", _shown(request, wanted, rows, forms))


def _selected(request: Request, wanted: Wanted, day: date) -> AccountQuerySet:
    if request.POST.get("which") == "all":
        if wanted.lost:
            raise Unusable([wanted.lost])
        return wanted_accounts(request.user, wanted, day=day)
    ids = [int(pk) for pk in request.POST.getlist("id")[:PAGE] if pk.isascii() and pk.isdigit() and len(pk) < 19]
    return of_ids(request.user, ids)


def _form(request: Request, key: str, form: type[Form], day: date, *, given: bool) -> Form:
    more: dict[str, Any] = {"user": request.user} if form is OwnerForm else {}
    more |= {"initial": {"due_on": working_day(day)}} if form is BulkTaskForm else {}
    return form(request.POST if given else None, auto_id=f"{key}-%s", **more)


def _shown(request: Request, wanted: Wanted, rows: AccountQuerySet, forms: dict[str, Form]) -> dict[str, Any]:
    ids = rows.order_by().values("pk")
    selected = ids[: MOST + 1].count()
    own = rows.filter(writable(request.user)).order_by().values("pk")[: MOST + 1].count()
    is_all = request.POST.get("which") == "all"
    return {
        "wanted": wanted,
        "is_all": is_all,
        "ids": [] if is_all else list(rows.order_by("pk").values_list("pk", flat=True)),
        "selected": selected,
        "own": own,
        "others": selected - own,
        "too_many": selected > MOST,
        "forms": forms,
        "back_url": address(wanted),
    }


def _say(request: Request, done: Done) -> None:
    """What was done, with the way back; and who was left out, and why."""
    said = []
    if done.edit:
        words = ngettext("%(n)s account was changed.", "%(n)s accounts were changed.", done.changed)
        said.append(words % {"n": grouped(done.changed)})
    if done.same:
        words = ngettext("%(n)s was so already.", "%(n)s were so already.", done.same)
        said.append(words % {"n": grouped(done.same)})
    if done.skipped:
        words = ngettext(
            "%(n)s is not yours to change and was left out.",
            "%(n)s are not yours to change and were left out.",
            done.skipped,
        )
        said.append(words % {"n": grouped(done.skipped)})
    text = " ".join(said) or _("No account was chosen. Tick some rows first.")
    if done.edit:
        offer_undo(request, text, reverse("portfolio-bulk-undo", args=[done.edit.pk]))
    else:
        messages.warning(request, text)


@require_POST
@needs("write_account")
def undo(request: Request, pk: int) -> HttpResponse:
    """Give back what has not been changed since."""
    edit = get_object_or_404(BulkEdit, pk=pk, by=request.user)
    back = BACK.get(EditKind(edit.kind), actions.undo)
    with refusals_told(request):
        restored = back(edit, at=request.now, by=request.user)
        words = ngettext("%(n)s account is as it was.", "%(n)s accounts are as they were.", restored)
        text = words % {"n": grouped(restored)}
        if kept := edit.changed - restored:
            words = ngettext("%(n)s was changed since and stays so.", "%(n)s were changed since and stay so.", kept)
            text += " " + words % {"n": grouped(kept)}
        messages.success(request, text)
    return HttpResponseRedirect(way_back(request, reverse("portfolio")))
