"""Recording what a contact agrees to, and what no longer."""

from typing import Any

from django import forms as django_forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from crm.accounts.views import shown
from crm.consents import actions
from crm.consents.forms import ConsentForm, WithdrawalForm
from crm.consents.models import Purpose
from crm.contacts.views import contact_address, own_contact
from crm.lib.fields import refusals
from crm.staff.views import Request, form_page, needs


@needs("write_account")
def grant(request: Request, pk: int) -> HttpResponse:
    return _record(request, pk, ConsentForm, actions.grant_consent, _("Consent"), _("Record the consent"))


@needs("write_account")
def withdraw(request: Request, pk: int) -> HttpResponse:
    return _record(
        request, pk, WithdrawalForm, actions.withdraw_consent, _("Consent withdrawn"), _("Record the withdrawal")
    )


def _record(
    request: Request, pk: int, kind: type[django_forms.Form], action: Any, title: str, submit: str
) -> HttpResponse:
    contact, of = own_contact(request, pk)
    back, wanted = contact_address(contact), request.GET.get("purpose", "")
    start = {"purpose": wanted if wanted in Purpose.values else Purpose.ADVERTISING, "on": request.now.date()}
    form = kind(request.POST or None, initial=start)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            action(contact, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("Recorded."))
            return HttpResponseRedirect(back)
    return form_page(request, form, slot="consent", title=title, submit=submit, back_url=back, **shown(request, of))
