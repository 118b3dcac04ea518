"""Reading a draft and deciding: approval works only where the full text stands, and names the text that was read."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.accounts.actions import may_write
from crm.lib.fields import refusals
from crm.staff.views import Request, needs
from retention.follow_ups import actions
from retention.follow_ups.models import FollowUp, FollowUpState
from retention.follow_ups.queries import moment_words, zone_of
from retention.pages.forms import ApprovalForm, DraftForm, ReasonForm
from retention.pages.next_step import draft_context, drafts_in_full, progress, progress_words, reviewed


def seen_draft(request: Request, pk: int) -> FollowUp:
    """The draft, if the person sees its account; else 404. Its text is contact data: 403 without that right."""
    draft: FollowUp = get_object_or_404(drafts_in_full(request.user).select_related("mail"), pk=pk)
    if not request.user.may("read_contact_data"):
        raise PermissionDenied
    return draft


def own_draft(request: Request, pk: int) -> FollowUp:
    """The draft, if the person may also change its account; else 403."""
    draft = seen_draft(request, pk)
    if not may_write(draft.account, by=request.user):
        raise PermissionDenied
    return draft


@needs("read")
def draft(request: Request, pk: int) -> HttpResponse:
    return _page(request, seen_draft(request, pk))


def _page(request: Request, row: FollowUp, **more: Any) -> HttpResponse:
    found = reviewed(row, at=request.now)
    own = may_write(row.account, by=request.user)
    context = {
        "account": row.account,
        "draft": draft_context(row, found, request.user, may_write=own),
        "progress": progress_words(progress(row.play_step, row)),
        "waits": row.state == FollowUpState.DRAFT,
    }
    return render(request, "retention/draft.html", context | more)


@require_POST
@needs("read")
def approve(request: Request, pk: int) -> HttpResponse:
    row = seen_draft(request, pk)
    form = ApprovalForm(request.POST)
    if not form.is_valid():
        return _page(request, row, errors=_all_errors(form), override=request.POST.get("override", ""))
    given = form.cleaned_data
    try:
        mail = actions.approve(
            row, displayed=given["displayed"], override=given["override"], at=request.now, by=request.user
        )
    except ValidationError as refused:
        return _page(request, seen_draft(request, pk), errors=refused.messages, override=given["override"])
    words = {"name": row.contact.name, "when": moment_words(mail.due_at, zone_of(row.contact))}
    messages.success(request, _("Approved. It goes to %(name)s: %(when)s.") % words)
    return redirect("account", row.account_id)


def _all_errors(form: ApprovalForm) -> list[str]:
    return [str(error) for errors in form.errors.values() for error in errors]


@needs("read")
def edit(request: Request, pk: int) -> HttpResponse:
    row = own_draft(request, pk)
    if row.state != FollowUpState.DRAFT:
        return redirect("draft", pk)
    form = DraftForm(request.POST or None, initial={"subject": row.subject, "body": row.body})
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.edit(row, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("Saved. Read it once more, then approve it."))
            return redirect("draft", pk)
    words = {"title": _("Edit the draft"), "submit": _("Save"), "back_url": reverse("draft", args=[pk])}
    account = {"account": row.account, "account_url": reverse("account", args=[row.account_id])}
    return render(request, "crm/form.html", {"form": form, **words, **account})


@require_POST
@needs("read")
def not_now(request: Request, pk: int) -> HttpResponse:
    row = own_draft(request, pk)
    form = ReasonForm(request.POST)
    if form.is_valid():
        with refusals(form, "why"):
            actions.dismiss(row, why=form.cleaned_data["why"], at=request.now, by=request.user)
            messages.success(request, _("Put aside. The reason is kept, so that the next draft is better."))
            return redirect("account", row.account_id)
    more = {"why_errors": form.errors.get("why"), "why_given": request.POST.get("why", "")}
    return _page(request, seen_draft(request, pk), **more)
