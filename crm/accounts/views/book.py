"""An account is added, and all its details are edited at once."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from crm.accounts import actions, forms
from crm.accounts.queries import current_traits, kin, latest_merge, twins
from crm.accounts.rules import UNDO_MERGE_WITHIN
from crm.accounts.views.seeing import address_of, own_account, seen_name, shown
from crm.accounts.views.traits import in_words
from crm.lib.fields import refusals
from crm.staff.queries import installation
from crm.staff.views import Request, needs


@needs("write_account")
def new(request: Request) -> HttpResponse:
    start = {
        "time_zone": request.user.time_zone,
        "language": request.user.language,
        "currency": installation().currency,
    }
    form, found = forms.NewAccountForm(request.POST or None, user=request.user, initial=start), []
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        anyway = given.pop("anyway")
        found = twins(request.user, name=given["name"], domains=given["domains"])
        if not found or anyway:
            with refusals(form):
                row = actions.create_account(**given, at=request.now, by=request.user)
                messages.success(request, _("%(name)s is in the book.") % {"name": row.name})
                return redirect(address_of(row))
        else:
            form.ask_again()
    elif request.method == "POST":
        found = twins(request.user, external_id=str(form.data.get("external_id", "")).strip())
    sentence = _("It is yours from the moment you add it.")
    if request.user.may("configure"):
        sentence = _("It belongs to nobody at first; give it an owner on its page.")
    words = {"title": _("New account"), "submit": _("Add the account"), "sentence": sentence}
    found_rows = [(row, address_of(row)) for row in found]
    return render(request, "crm/accounts/new.html", words | {"form": form, "twins": found_rows})


@needs("write_account")
def edit(request: Request, pk: int) -> HttpResponse:
    account = own_account(request, pk)
    form = forms.AccountForm(request.POST or None, user=request.user, initial=forms.initial(account))
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.change_account(account, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("Saved."))
            return HttpResponseRedirect(address_of(account))
    merge = latest_merge(account) if account.merged_into_id else None
    context: dict[str, Any] = {
        "form": form,
        "traits": [(row, in_words(row)) for row in current_traits(at=request.now, accounts=[account.pk])],
        "kin": kin(account, request.user),
        "may_restrict": request.user.may("reassign"),
        "into": seen_name(request, account.merged_into),
        "undo_until": merge.at + UNDO_MERGE_WITHIN if merge else None,
        "may_undo": merge is not None and request.now - merge.at <= UNDO_MERGE_WITHIN,
    }
    return render(request, "crm/accounts/edit.html", shown(request, account, **context))
