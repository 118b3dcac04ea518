"""The person's own capture address, and the mails that nobody knew where to put: for that person alone."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.captures import actions, forms, queries
from crm.captures.models import CapturedMail
from crm.lib.fields import refusals, refusals_told
from crm.staff.views import Request, needs

LATELY = timedelta(days=30)


@needs("write_account")
def index(request: Request) -> HttpResponse:
    rows = list(queries.unmatched(request.user)[: queries.MOST])
    context = {
        "address": queries.address_of(request.user),
        "senders": sorted(queries.addresses_of(request.user)),
        "caught": queries.caught_since(request.user, request.now - LATELY),
        "mails": rows,
    }
    return render(request, "crm/captures/index.html", context)


@require_POST
@needs("write_account")
def make_new(request: Request) -> HttpResponse:
    actions.make_new_address(at=request.now, by=request.user)
    messages.success(request, _("This is your new address. The old one takes nothing in any more."))
    return redirect("captures")


@needs("write_account")
def assign(request: Request, pk: int) -> HttpResponse:
    """Say to which account a mail belongs."""
    mail = own(request, pk)
    form = forms.AssignForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        with refusals(form, "account"):
            talk = actions.assign(mail, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("It is in the conversation now."))
            return redirect("conversation", talk)
    words = {"title": str(mail), "submit": _("Put it there"), "back_url": reverse("captures")}
    return render(request, "crm/form.html", words | {"form": form})


@require_POST
@needs("write_account")
def look_again(request: Request, pk: int) -> HttpResponse:
    mail = own(request, pk)
    with refusals_told(request):
        if actions.look_again(mail, at=request.now, by=request.user):
            messages.success(request, _("It is in the conversation now."))
        else:
            messages.info(request, _("Still none of the addresses is a contact of an account that you write."))
    return redirect("captures")


@require_POST
@needs("write_account")
def discard(request: Request, pk: int) -> HttpResponse:
    mail = own(request, pk)
    with refusals_told(request):
        actions.discard(mail, at=request.now, by=request.user)
        messages.success(request, _("Discarded."))
    return redirect("captures")


def own(request: Request, pk: int) -> CapturedMail:
    return get_object_or_404(CapturedMail, pk=pk, user=request.user)
