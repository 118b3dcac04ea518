"""Erasing a person and handing them their data, for system admins; and how far erasures have come."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.accounts.views import shown
from crm.contacts.models import Contact
from crm.contacts.views import contact_address
from crm.erasures import actions, forms, queries
from crm.erasures.models import Erasure
from crm.staff.views import Request, needs

SHOWN = 50


def asked_about(request: Request, pk: int) -> Contact:
    rows = Contact.objects.visible_to(request.user).select_related("account__owner", "account__pool")
    contact: Contact = get_object_or_404(rows, pk=pk, erased_at=None)
    return contact


@needs("erase")
def erase(request: Request, pk: int) -> HttpResponse:
    contact = asked_about(request, pk)
    form = forms.SureForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        actions.erase(contact, at=request.now, by=request.user)
        messages.success(request, _("Erased. Raw data and files are being gone through; nothing is left of them soon."))
        return HttpResponseRedirect(reverse("erasures"))
    same = queries.same_address(contact).filter(erased_at=None).exclude(pk=contact.pk).select_related("account")
    here = {"contact": contact, "form": form, "same": list(same), "back_url": contact_address(contact)}
    return render(request, "crm/erasures/erase.html", shown(request, contact.account, **here))


@require_POST
@needs("erase")
def hand_out(request: Request, pk: int) -> HttpResponse:
    """The file for the person. It is a POST, since it leaves a line in the record."""
    contact = asked_about(request, pk)
    actions.note_handed_out(contact, at=request.now, by=request.user)
    response = HttpResponse(queries.archive(contact, at=request.now), content_type="application/zip")
    name = f"person-{contact.pk}-{request.now:%Y-%m-%d}.zip"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


@needs("erase")
def index(request: Request) -> HttpResponse:
    rows = list(Erasure.objects.order_by("-pk")[:SHOWN])
    return render(request, "crm/erasures/index.html", {"rows": rows})
