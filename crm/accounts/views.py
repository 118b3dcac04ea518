"""Pages that write accounts. Reading them together with their health is a page of retention."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from crm.accounts import actions, forms
from crm.accounts.models import Account, Trait, TraitDefinition
from crm.accounts.queries import current_traits, latest_merge, owner_history
from crm.accounts.rules import UNDO_MERGE_WITHIN
from crm.lib.fields import refusals
from crm.staff.queries import installation
from crm.staff.views import Request, needs


def seen_account(request: Request, pk: int) -> Account:
    """The account, if the person sees it; else 404, as if there were none."""
    rows = Account.objects.visible_to(request.user).select_related("owner", "pool", "parent", "merged_into")
    return get_object_or_404(rows, pk=pk)


def own_account(request: Request, pk: int) -> Account:
    """The account, if the person may also change it; else 403."""
    account = seen_account(request, pk)
    if not actions.may_write(account, by=request.user):
        raise PermissionDenied
    return account


def address_of(account: Account) -> str:
    """The account's own page where it exists; crm stands alone without it."""
    try:
        return reverse("account", args=[account.pk])
    except NoReverseMatch:
        return reverse("account-edit", args=[account.pk])


def back_to(request: Request, account: Account) -> HttpResponseRedirect:
    """To the page that sent the form, else to the account's."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(wanted if wanted and safe else address_of(account))


def shown(request: Request, account: Account, **more: Any) -> dict[str, Any]:
    """What every page about one account shows in its head."""
    own, reads = actions.may_write(account, by=request.user), request.user.may("read_contact_data")
    return {"account": account, "account_url": address_of(account), "may_write": own, "may_record": reads} | more


@needs("write_account")
def new(request: Request) -> HttpResponse:
    start = {
        "time_zone": request.user.time_zone,
        "language": request.user.language,
        "currency": installation().currency,
    }
    form = forms.NewAccountForm(request.POST or None, user=request.user, initial=start)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            row = actions.create_account(**form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("%(name)s is in the book.") % {"name": row.name})
            return redirect(address_of(row))
    sentence = _("It is yours from the moment you add it.")
    if request.user.may("configure"):
        sentence = _("It belongs to nobody at first; give it an owner on its edit page.")
    words = {"title": _("New account"), "submit": _("Add the account"), "sentence": sentence}
    return render(request, "crm/form.html", words | {"form": form})


@needs("write_account")
def edit(request: Request, pk: int) -> HttpResponse:
    account = own_account(request, pk)
    form = forms.AccountForm(request.POST or None, user=request.user, initial=forms.initial(account))
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.change_account(account, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("Saved."))
            return HttpResponseRedirect(address_of(account))
    return _edit_page(request, account, form=form)


def _edit_page(request: Request, account: Account, **changed: Any) -> HttpResponse:
    """The edit page with all its small forms; `changed` holds the one that did not pass."""
    merge = latest_merge(account) if account.merged_into_id else None
    context = {
        "form": forms.AccountForm(user=request.user, initial=forms.initial(account)),
        "stage_form": forms.StageForm(initial={"stage": account.stage}),
        "owner_form": forms.OwnerForm(user=request.user, initial={"owner": _holder_key(account)}),
        "trait_form": forms.TraitForm(),
        "merge_form": forms.MergeForm(user=request.user),
        "traits": [(row, _in_words(row)) for row in current_traits(at=request.now, accounts=[account.pk])],
        "history": owner_history(account, request.user)[:20],
        "may_restrict": request.user.may("reassign"),
        "into": _seen_name(request, account.merged_into),
        "undo_until": merge.at + UNDO_MERGE_WITHIN if merge else None,
        "may_undo": merge is not None and request.now - merge.at <= UNDO_MERGE_WITHIN,
    }
    return render(request, "crm/accounts/edit.html", shown(request, account, **context | changed))


def _seen_name(request: Request, other: Account | None) -> str:
    """The name of another account, if the person sees that one too; else nothing."""
    seen = other is not None and Account.objects.visible_to(request.user).filter(pk=other.pk).exists()
    return other.name if other is not None and seen else ""


def _in_words(trait: Trait) -> str:
    if trait.number is not None:
        return f"{trait.number.normalize():f}"
    if trait.flag is not None:
        return _("yes") if trait.flag else _("no")
    return trait.text or ""  # a day is written by the template, as days are everywhere


def _holder_key(account: Account) -> str:
    if account.owner_id:
        return f"user-{account.owner_id}"
    return f"team-{account.pool_id}" if account.pool_id else ""


@require_POST
@needs("write_account")
def change_owner(request: Request, pk: int) -> HttpResponse:
    account = own_account(request, pk)
    form = forms.OwnerForm(request.POST, user=request.user)
    if form.is_valid():
        with refusals(form, "owner"):
            change = actions.change_owner(account, **form.chosen, at=request.now, by=request.user)
            holder = form.chosen["owner"] or form.chosen["pool"] or _("nobody")
            messages.success(request, _("The owner is %(owner)s.") % {"owner": holder} if change else _("No change."))
            # Whoever gives an account away may no longer see it.
            seen = Account.objects.visible_to(request.user).filter(pk=account.pk).exists()
            return back_to(request, account) if seen else redirect("settings")
    return _edit_page(request, account, owner_form=form)


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


@require_POST
@needs("write_account")
def next_step(request: Request, pk: int) -> HttpResponse:
    account = own_account(request, pk)
    form = forms.NextStepForm(request.POST)
    if form.is_valid():
        text, on = form.cleaned_data["next_step"], form.cleaned_data["next_step_on"]
        with refusals(form):
            actions.set_next_step(account, text=text, on=on, at=request.now, by=request.user)
            return back_to(request, account)
    words = {"title": _("Next step"), "submit": _("Pin it"), "form": form, "back_url": address_of(account)}
    return render(request, "crm/form.html", shown(request, account, **words))


@require_POST
@needs("write_account")
def set_stage(request: Request, pk: int) -> HttpResponse:
    account = own_account(request, pk)
    form = forms.StageForm(request.POST)
    if form.is_valid():
        with refusals(form):
            actions.set_stage(account, stage=form.cleaned_data["stage"], at=request.now, by=request.user)
            messages.success(request, _("Saved."))
            return back_to(request, account)
    return _edit_page(request, account, stage_form=form)


@require_POST
@needs("write_account")
def set_trait(request: Request, pk: int) -> HttpResponse:
    account = own_account(request, pk)
    form = forms.TraitForm(request.POST)
    if form.is_valid():
        trait, value = form.cleaned_data["trait"], form.cleaned_data["value"]
        with refusals(form, "value"):
            actions.set_trait(account, trait, value, at=request.now, by=request.user)
            messages.success(request, _("Saved."))
            return redirect("account-edit", account.pk)
    return _edit_page(request, account, trait_form=form)


@require_POST
@needs("write_account")
def merge(request: Request, pk: int) -> HttpResponse:
    account = own_account(request, pk)
    form = forms.MergeForm(request.POST, user=request.user)
    if form.is_valid():
        into = form.cleaned_data["into"]
        if not actions.may_write(into, by=request.user):
            form.add_error("into", _("You see this account but may not change it. Ask its owner or an admin."))
            return _edit_page(request, account, merge_form=form)
        with refusals(form, "into"):
            actions.merge_accounts(account, into=into, at=request.now, by=request.user)
            words = _("%(name)s is merged into %(into)s. You can undo this for 30 days.")
            messages.success(request, words % {"name": account.name, "into": into.name})
            return redirect("account-edit", account.pk)
    return _edit_page(request, account, merge_form=form)


@require_POST
@needs("write_account")
def undo_merge(request: Request, pk: int) -> HttpResponse:
    account = own_account(request, pk)
    try:
        actions.undo_merge(account, at=request.now, by=request.user)
        messages.success(request, _("The merge is undone."))
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("account-edit", account.pk)


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
                messages.warning(request, left % {"n": left_out})
            return redirect("traits")
    sentence = _("A new type takes over every value that fits it; the old values are kept as history.")
    words = {"title": row.key, "submit": _("Save"), "sentence": sentence, "back_url": reverse("traits")}
    return render(request, "crm/form.html", words | {"form": form})
