"""The people of an account: listed for whoever sees it, masked for those who may not read contact data."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.accounts.actions import may_write
from crm.accounts.models import Account
from crm.accounts.views import own_account, seen_account, shown
from crm.contacts import actions, forms, rules
from crm.contacts.models import Contact
from crm.lib.fields import refusals
from crm.staff.models import User
from crm.staff.views import Request, needs

PAGE = 50


@dataclass(frozen=True)
class Line:
    """A contact as this person may see it."""

    row: Contact
    name: str
    email: str
    phone: str


def line(contact: Contact, user: User) -> Line:
    if user.may("read_contact_data"):
        return Line(contact, contact.name, contact.email, contact.phone)
    masked = rules.masked_name(contact.name), rules.masked_email(contact.email), rules.masked_phone(contact.phone)
    return Line(contact, *masked)


def index(request: Request, account: int) -> HttpResponse:
    """People of one account, those who are still there first, then by name; fifty a page."""
    of = seen_account(request, account)
    rows = Contact.objects.visible_to(request.user).filter(Q(account=of) | Q(account__merged_into=of), erased_at=None)
    rows = rows.order_by("name", "pk") if "left" in request.GET else rows.filter(left_on=None).order_by("name", "pk")
    after = request.GET.get("after", "")
    if after.isascii() and after.isdigit() and len(after) < 19:
        place = rows.filter(pk=after).first()
        if place:
            rows = rows.filter(Q(name__gt=place.name) | Q(name=place.name, pk__gt=place.pk))
    found = list(rows[: PAGE + 1])
    lines = [line(contact, request.user) for contact in found[:PAGE]]
    following = found[PAGE - 1].pk if len(found) > PAGE else None
    more = {"lines": lines, "next": following, "with_left": "left" in request.GET}
    return render(request, "crm/contacts/index.html", shown(request, of, **more))


@needs("write_account")
def new(request: Request, account: int) -> HttpResponse:
    of = own_account(request, account)
    form = forms.ContactForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            row = actions.create_contact(of, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("%(name)s is in the book.") % {"name": row.name})
            return redirect("contacts", of.pk)
    words = {"title": _("New contact"), "submit": _("Add the contact"), "back_url": reverse("contacts", args=[of.pk])}
    return render(request, "crm/form.html", shown(request, of, form=form, **words))


@needs("write_account")
def edit(request: Request, pk: int) -> HttpResponse:
    contact, of = _own_contact(request, pk)
    names = ("name", "email", "job_title", "phone", "role", "language", "time_zone")
    form = forms.ContactForm(request.POST or None, initial={name: getattr(contact, name) for name in names})
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.change_contact(contact, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("Saved."))
            return redirect("contacts", of.pk)
    return _edit_page(request, contact, of, form, forms.LeftForm(initial={"left_on": contact.left_on}))


@require_POST
@needs("write_account")
def left(request: Request, pk: int) -> HttpResponse:
    contact, of = _own_contact(request, pk)
    form = forms.LeftForm(request.POST)
    if form.is_valid():
        with refusals(form):
            actions.mark_left(contact, on=form.cleaned_data["left_on"], at=request.now, by=request.user)
            messages.success(request, _("Saved."))
            return redirect("contacts", of.pk)
    names = ("name", "email", "job_title", "phone", "role", "language", "time_zone")
    details = forms.ContactForm(initial={name: getattr(contact, name) for name in names})
    return _edit_page(request, contact, of, details, form)


def _edit_page(
    request: Request, contact: Contact, of: Account, form: forms.ContactForm, left_form: forms.LeftForm
) -> HttpResponse:
    more = {"contact": contact, "form": form, "left_form": left_form}
    return render(request, "crm/contacts/edit.html", shown(request, of, **more))


def _own_contact(request: Request, pk: int) -> tuple[Contact, Account]:
    rows = Contact.objects.visible_to(request.user).select_related("account__owner", "account__pool")
    contact = get_object_or_404(rows, pk=pk, erased_at=None)
    if not may_write(contact.account, by=request.user):
        raise PermissionDenied
    return contact, contact.account
