"""Our own people as a system admin sees them: who is in, who is invited, and the ways back in."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from crm.lib.fields import refusals
from crm.sign_in import actions, queries, rules
from crm.sign_in.forms import InviteForm, PersonForm
from crm.sign_in.models import OneTimeLink
from crm.staff.actions import change_user
from crm.staff.models import User
from crm.staff.rules import SECOND_FACTOR
from crm.staff.views import Request, needs


@needs("manage_users")
def people(request: Request) -> HttpResponse:
    context = {"people": queries.people(), "invitations": queries.invitations(), "needs_more": SECOND_FACTOR}
    return render(request, "crm/people/index.html", context)


@needs("manage_users")
def invite(request: Request) -> HttpResponse:
    form = InviteForm(request.POST or None, initial={"language": request.user.language})
    if request.method == "POST" and form.is_valid():
        link = None
        with refusals(form):
            link = actions.invite_user(**form.cleaned_data, at=request.now, by=request.user)
        if link:
            return _shown_once(request, link)
    return render(request, "crm/people/invite.html", {"form": form})


@require_POST
@needs("manage_users")
def resend(request: Request, pk: str) -> HttpResponse:
    return _shown_once(request, actions.resend_invitation(_open(pk), at=request.now, by=request.user))


@require_POST
@needs("manage_users")
def cancel(request: Request, pk: str) -> HttpResponse:
    actions.cancel_invitation(_open(pk), at=request.now, by=request.user)
    return redirect("people")


def _open(pk: str) -> OneTimeLink:
    """The open invitation of this id; what was used or withdrawn meanwhile is not there any more."""
    try:
        return get_object_or_404(OneTimeLink.objects.unsettled(), purpose=rules.INVITATION, pk=UUID(hex=pk))
    except ValueError as error:
        raise Http404 from error


@needs("manage_users")
def person(request: Request, pk: int) -> HttpResponse:
    row = get_object_or_404(queries.people(), pk=pk)
    form = PersonForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            change_user(row, **form.cleaned_data, at=request.now, by=request.user)
        if form.is_valid():
            return redirect("people")
    context = {"person": get_object_or_404(queries.people(), pk=pk), "form": form, "is_self": pk == request.user.pk}
    return render(request, "crm/people/person.html", context)


@require_POST
@needs("manage_users")
def set_active(request: Request, pk: int) -> HttpResponse:
    """Deactivate, which takes everything away in one transaction, or let back in."""
    row = get_object_or_404(User, pk=pk)
    if row.pk != request.user.pk:
        change_user(row, is_active=request.POST.get("active") == "1", at=request.now, by=request.user)
    return redirect("person", pk)


@require_POST
@needs("manage_users")
def password_link(request: Request, pk: int) -> HttpResponse:
    row = get_object_or_404(User, pk=pk, is_active=True)
    return _shown_once(request, actions.new_password_link(row, at=request.now, by=request.user))


@require_POST
@needs("manage_users")
def forget_second_factor(request: Request, pk: int) -> HttpResponse:
    row = get_object_or_404(User, pk=pk)
    actions.remove_second_factors(row, at=request.now, by=request.user)
    return redirect("person", pk)


@never_cache
def _shown_once(request: Request, link: OneTimeLink) -> HttpResponse:
    """The link, this once: only its id is kept, and nobody but the product can sign that."""
    titles = {rules.INVITATION: _("The invitation is on its way"), rules.PASSWORD: _("A link for a new password")}
    context = {"link": link, "url": queries.url_of(link), "title": titles[link.purpose]}
    return render(request, "crm/people/link.html", context)
