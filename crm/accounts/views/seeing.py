"""The account of an address, for whoever sees it or may change it, and the way back to its page."""

from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import NoReverseMatch, reverse

from crm.accounts import actions
from crm.accounts.models import Account
from crm.staff.views import Request, way_back

R = TypeVar("R", bound=Model)


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


def own_row(request: Request, rows: "QuerySet[R]", pk: int) -> R:
    """One of the rows that are seen (else 404), if the person may change its account (else 403)."""
    row = get_object_or_404(rows, pk=pk)
    if not actions.may_write(row.account, by=request.user):  # type: ignore[attr-defined]  # rows of accounts have one
        raise PermissionDenied
    return row


def address_of(account: Account) -> str:
    """The account's own page where it exists; crm stands alone without it."""
    try:
        return reverse("account", args=[account.pk])
    except NoReverseMatch:
        return reverse("account-edit", args=[account.pk])


def back_to(request: Request, account: Account) -> HttpResponseRedirect:
    """To the page that sent the form, else to the account's."""
    return HttpResponseRedirect(way_back(request, address_of(account)))


def shown(request: Request, account: Account, **more: Any) -> dict[str, Any]:
    """What every page about one account shows in its head."""
    own, reads = actions.may_write(account, by=request.user), request.user.may("read_contact_data")
    return {"account": account, "account_url": address_of(account), "may_write": own, "may_record": reads} | more


def seen_name(request: Request, other: Account | None) -> str:
    """The name of another account, if the person sees that one too; else nothing."""
    seen = other is not None and Account.objects.visible_to(request.user).filter(pk=other.pk).exists()
    return other.name if other is not None and seen else ""
