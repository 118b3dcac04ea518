"""Accounts change hands; the book keeps who owned them when, and who said so."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.accounts import actions, forms
from crm.accounts.models import Account
from crm.accounts.queries import owner_history
from crm.accounts.views.changing import MEANWHILE
from crm.accounts.views.seeing import address_of, back_to, own_account, seen_account, shown
from crm.lib.fields import refusals
from crm.staff.views import Request, form_page, needs, offer_undo


@needs("write_account")
def change_owner(request: Request, pk: int) -> HttpResponse:
    account = own_account(request, pk)
    form = forms.OwnerForm(request.POST or None, user=request.user, initial={"owner": holder_key(account)})
    if request.method == "POST" and form.is_valid():
        with refusals(form, "owner"):
            _save(request, account, form)
            # Whoever gives an account away may no longer see it.
            seen = Account.objects.visible_to(request.user).filter(pk=account.pk).exists()
            return back_to(request, account) if seen else redirect("settings")
    words = {"title": _("Owner"), "submit": _("Hand over"), "back_url": address_of(account)}
    return form_page(request, form, slot="edit-owner", **words, **shown(request, account))


@transaction.atomic
def _save(request: Request, account: Account, form: forms.OwnerForm) -> None:
    account = actions.require_write(account, by=request.user)
    before = holder_key(account)
    if request.POST.get("only_if", before) != before:
        messages.error(request, MEANWHILE)
        return
    change = actions.change_owner(account, **form.chosen, at=request.now, by=request.user)
    holder = form.chosen["owner"] or form.chosen["pool"] or _("nobody")
    if change is None:
        messages.info(request, _("No change."))
    elif request.user.may("reassign") and before in form.found:
        said = _("The owner is %(owner)s.") % {"owner": holder}
        offer_undo(request, said, request.path, owner=before, only_if=form.cleaned_data["owner"])
    else:
        messages.success(request, _("The owner is %(owner)s.") % {"owner": holder})


def holder_key(account: Account) -> str:
    """The choice of the form that stands for who holds the account now."""
    if account.owner_id:
        return f"user-{account.owner_id}"
    return f"team-{account.pool_id}" if account.pool_id else ""


def owners(request: Request, pk: int) -> HttpResponse:
    """Who owned it from when to when, and who said so."""
    account = seen_account(request, pk)
    more = {"history": owner_history(account, request.user)}
    return render(request, "crm/accounts/owners.html", shown(request, account, **more))


@require_POST
@needs("reassign")
def restrict(request: Request, pk: int) -> HttpResponse:
    account = own_account(request, pk)
    restricted = request.POST.get("restricted") == "1"
    actions.restrict(account, restricted=restricted, at=request.now, by=request.user)
    words = (
        _("Only the owner and the admins see it now.") if restricted else _("It is seen like any other account now.")
    )
    messages.success(request, words)
    seen = Account.objects.visible_to(request.user).filter(pk=account.pk).exists()
    return redirect("account-edit", account.pk) if seen else redirect("settings")
