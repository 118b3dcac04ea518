"""The people of an account: listed for whoever sees it, masked for those who may not read contact data."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.accounts.actions import may_write
from crm.accounts.models import Account
from crm.accounts.views import own_account, seen_account, shown
from crm.contacts import actions, forms, queries, rules
from crm.contacts.models import Contact
from crm.lib.fields import refusals, refusals_told
from crm.staff.models import User
from crm.staff.views import Request, form_page, needs, offer_undo

PAGE = 50


@dataclass(frozen=True)
class Line:
    """A contact as this person may see it."""

    row: Contact
    name: str
    email: str
    phone: str

    @property
    def url(self) -> str:
        """The contact's own page; empty where it does not exist."""
        try:
            return reverse("contact", args=[self.row.pk])
        except NoReverseMatch:
            return ""


def line(contact: Contact, user: User) -> Line:
    if user.may("read_contact_data"):
        return Line(contact, contact.name, contact.email, contact.phone)
    masked = rules.masked_name(contact.name), rules.masked_email(contact.email), rules.masked_phone(contact.phone)
    return Line(contact, *masked)


def index(request: Request, account: int) -> HttpResponse:
    """People of one account, those who are still there first, then by name; fifty a page."""
    of = seen_account(request, account)
    rows = Contact.objects.visible_to(request.user).filter(
        Q(account=of) | Q(account__merged_into=of), erased_at=None, merged_into=None
    )
    rows = rows.order_by("name", "pk") if "left" in request.GET else rows.filter(left_on=None).order_by("name", "pk")
    after = request.GET.get("after", "")
    if after.isascii() and after.isdigit() and len(after) < 19:
        place = rows.filter(pk=after).first()
        if place:
            rows = rows.filter(Q(name__gt=place.name) | Q(name=place.name, pk__gt=place.pk))
    found = list(rows[: PAGE + 1])
    lines = [line(contact, request.user) for contact in found[:PAGE]]
    following = found[PAGE - 1].pk if len(found) > PAGE else None
    more: dict[str, Any] = {"lines": lines, "next": following, "with_left": "left" in request.GET}
    if may_write(of, by=request.user):
        more["alike"] = queries.alike(Q(account=of))
    return render(request, "crm/contacts/index.html", shown(request, of, **more))


@needs("write_account")
def new(request: Request, account: int) -> HttpResponse:
    of = own_account(request, account)
    form = forms.ContactForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            row = actions.create_contact(of, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("%(name)s is in the book.") % {"name": row.name})
            return HttpResponseRedirect(contact_address(row))
    words = {"title": _("New contact"), "submit": _("Add the contact"), "back_url": reverse("contacts", args=[of.pk])}
    return render(request, "crm/form.html", shown(request, of, form=form, **words))


DETAILS = ("name", "email", "job_title", "phone", "role", "language", "time_zone")


@needs("write_account")
def edit(request: Request, pk: int) -> HttpResponse:
    contact, of = own_contact(request, pk, merged_into=None)
    form = forms.ContactForm(request.POST or None, initial={name: getattr(contact, name) for name in DETAILS})
    back = contact_address(contact)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.change_contact(contact, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("Saved."))
            return HttpResponseRedirect(back)
    words = {"title": contact.name, "submit": _("Save the contact"), "back_url": back}
    return form_page(request, form, slot="edit-contact", **words, **shown(request, of))


@needs("write_account")
def left(request: Request, pk: int) -> HttpResponse:
    contact, of = own_contact(request, pk, merged_into=None)
    start = {"left_on": contact.left_on or request.now.date()}
    form = forms.LeftForm(request.POST or None, initial=start)
    back = contact_address(contact)
    if request.method == "POST" and form.is_valid():
        was, on = contact.left_on, form.cleaned_data["left_on"]
        with refusals(form):
            actions.mark_left(contact, on=on, at=request.now, by=request.user)
            said = _("%(name)s left.") if on else _("%(name)s is still there.")
            url = reverse("contact-left", args=[contact.pk])
            offer_undo(request, said % {"name": contact.name}, url, left_on=was.isoformat() if was else "")
            return HttpResponseRedirect(back)
    words = {"title": _("Still there?"), "submit": _("Save the day"), "back_url": back}
    return form_page(request, form, slot="edit-left", **words, **shown(request, of))


@needs("write_account")
def merge(request: Request, pk: int) -> HttpResponse:
    """GET with `into`: the two side by side. POST: do it, with the values that were chosen."""
    contact, of = own_contact(request, pk, merged_into=None)
    given = request.POST or (request.GET if "into" in request.GET else None)
    form = forms.MergeForm(given, contact=contact)
    into = form.cleaned_data["into"] if form.is_bound and form.is_valid() else None
    if request.method == "POST" and into is not None:
        with refusals(form, "into"):
            actions.merge_contacts(contact, into=into, taking=form.taking(), at=request.now, by=request.user)
            words = _("%(name)s is merged into %(into)s. You can undo this for 30 days.")
            undo = reverse("contact-undo-merge", args=[contact.pk])
            offer_undo(request, words % {"name": contact.name, "into": into.name}, undo)
            return HttpResponseRedirect(contact_address(into))
    pairs = queries.alike(Q(account=of), most=20)
    like = [other for pair in pairs if contact in pair for other in pair if other != contact]
    context = {"contact": contact, "into": into, "form": form, "like": like, "choices": form.choices(into)}
    return render(request, "crm/contacts/merge.html", shown(request, of, **context))


@require_POST
@needs("write_account")
def undo_merge(request: Request, pk: int) -> HttpResponse:
    contact, _of = own_contact(request, pk)
    with refusals_told(request):
        actions.undo_merge(contact, at=request.now, by=request.user)
        messages.success(request, _("The merge is undone."))
    return HttpResponseRedirect(contact_address(contact))


def contact_address(contact: Contact) -> str:
    """The contact's own page where it exists; crm stands alone without it."""
    try:
        return reverse("contact", args=[contact.pk])
    except NoReverseMatch:
        return reverse("contacts", args=[contact.account_id])


def own_contact(request: Request, pk: int, **more: Any) -> tuple[Contact, Account]:
    rows = Contact.objects.visible_to(request.user).select_related("account__owner", "account__pool")
    contact = get_object_or_404(rows, pk=pk, erased_at=None, **more)
    if not may_write(contact.account, by=request.user):
        raise PermissionDenied
    return contact, contact.account
