"""Typed traits: their definitions, and their values on an account."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.accounts import actions, forms
from crm.accounts.models import Trait, TraitDefinition
from crm.accounts.queries import current_traits
from crm.accounts.views.changing import MEANWHILE
from crm.accounts.views.seeing import address_of, back_to, own_account, shown
from crm.lib.fields import refusals
from crm.lib.formats import grouped
from crm.staff.views import Request, form_page, needs, offer_undo


def in_words(trait: Trait) -> str:
    if trait.number is not None:
        return f"{trait.number.normalize():f}"
    if trait.flag is not None:
        return _("yes") if trait.flag else _("no")
    return trait.text or ""  # a day is written by the template, as days are everywhere


def _typed(trait: Trait | None) -> str:
    """The value as a person would type it."""
    if trait is None:
        return ""
    return trait.day.isoformat() if trait.day else in_words(trait) if trait.flag is None else str(trait.flag).lower()


@needs("write_account")
def set_trait(request: Request, pk: int) -> HttpResponse:
    """The value of one trait, which `?trait=` may name; with `only_if` the undoing of the last change."""
    account = own_account(request, pk)
    held = {row.definition_id: row for row in current_traits(at=request.now, accounts=[account.pk])}
    named = request.GET.get("trait", "")
    wanted = int(named) if named.isascii() and named.isdigit() and len(named) < 19 else None
    start = {"trait": wanted, "value": _typed(held.get(wanted)) if wanted else ""}
    form = forms.TraitForm(request.POST or None, initial=start)
    if request.method == "POST" and form.is_valid():
        trait, value = form.cleaned_data["trait"], form.cleaned_data["value"]
        before = _typed(held.get(trait.pk))
        if request.POST.get("only_if", before) != before:
            messages.error(request, MEANWHILE)
            return back_to(request, account)
        with refusals(form, "value"):
            row = actions.set_trait(account, trait, value, at=request.now, by=request.user)
            said = _("%(trait)s: %(value)s.") % {"trait": trait.label, "value": value}
            if row is None or not before:
                messages.success(request, said)
            else:
                offer_undo(request, said, request.path, trait=trait.pk, value=before, only_if=_typed(row))
            return back_to(request, account)
    words = {"title": _("Trait"), "submit": _("Record the value"), "back_url": address_of(account)}
    return form_page(request, form, slot="edit-trait", **words, **shown(request, account))


def traits(request: Request) -> HttpResponse:
    """Trait definitions, those that incoming data proposed first; who configures may add and mend them."""
    rows = TraitDefinition.objects.order_by("-proposed", "label", "pk")
    return render(request, "crm/accounts/traits.html", {"traits": rows, "may_configure": request.user.may("configure")})


@needs("configure")
def new_trait(request: Request) -> HttpResponse:
    form = forms.NewTraitDefinitionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            row = actions.define_trait(**form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("Accounts can have “%(label)s” now.") % {"label": row.label})
            return redirect("traits")
    words = {"title": _("New trait"), "submit": _("Define it"), "back_url": reverse("traits")}
    return render(request, "crm/form.html", words | {"form": form})


@needs("configure")
def edit_trait(request: Request, pk: int) -> HttpResponse:
    row = get_object_or_404(TraitDefinition, pk=pk)
    start = {"label": row.label, "type": row.type, "unit": row.unit}
    form = forms.TraitDefinitionForm(request.POST or None, initial=start)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            _row, left_out = actions.change_trait(row, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("Saved."))
            if left_out:
                left = ngettext(
                    "The value of %(n)s account does not fit the new type and is not used.",
                    "The values of %(n)s accounts do not fit the new type and are not used.",
                    left_out,
                )
                messages.warning(request, left % {"n": grouped(left_out)})
            return redirect("traits")
    sentence = _("A new type takes over every value that fits it; the old values are kept as history.")
    words = {"title": row.key, "submit": _("Save"), "sentence": sentence, "back_url": reverse("traits")}
    return render(request, "crm/form.html", words | {"form": form})
