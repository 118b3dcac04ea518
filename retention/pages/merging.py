"""Two records of one customer: what a merge would move, which value stays on the pages, and doing it."""

from typing import Any, NamedTuple

from django.db import connection
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.accounts import actions
from crm.accounts.forms import MergeForm
from crm.accounts.models import Account
from crm.accounts.queries import twins
from crm.accounts.views import own_account, shown
from crm.lib.fields import refusals
from crm.lib.sql_files import load
from crm.staff.views import Request, needs, offer_undo
from crm.templatetags.ui import number


@needs("write_account")
def merge(request: Request, pk: int) -> HttpResponse:
    """GET with `into`: what it would do. POST: do it."""
    account = own_account(request, pk)
    given = request.POST or (request.GET if "into" in request.GET else None)
    form = MergeForm(given, user=request.user)
    into = _other(request, form, account)
    if request.method == "POST" and into is not None:
        with refusals(form, "into"):
            actions.merge_accounts(account, into=into, at=request.now, by=request.user)
            words = _("%(name)s is merged into %(into)s. You can undo this for 30 days.")
            undo = reverse("account-undo-merge", args=[account.pk])
            offer_undo(request, words % {"name": account.name, "into": into.name}, undo)
            return redirect("account", account.pk)
    context: dict[str, Any] = {"form": form, "into": into}
    if into is None:
        same = twins(request.user, name=account.name, domains=account.domains)
        context["like"] = [other for other in same if other.pk != account.pk]
    else:
        context |= {"moves": moves(account), "values": values(account, into)}
    return render(request, "retention/merge.html", shown(request, account, **context))


def _other(request: Request, form: MergeForm, account: Account) -> Account | None:
    """The account that is to take over, where the form names one that the person may change."""
    if not form.is_bound or not form.is_valid():
        return None
    into: Account = form.cleaned_data["into"]
    if into.pk == account.pk:
        form.add_error("into", _("An account cannot be merged into itself."))
    elif not actions.may_write(into, by=request.user):
        form.add_error("into", _("You see this account but may not change it. Ask its owner or an admin."))
    else:
        return into
    return None


class Moves(NamedTuple):
    """How much of an account would count for the other one."""

    contacts: int
    subscriptions: int
    people: int
    tasks: int
    drafts: int
    merged: int


def moves(account: Account) -> list[str]:
    """What would move, in words; what there is none of is left out."""
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "merging"), {"account": account.pk})
        found = Moves(*cursor.fetchone())
    said = [
        (found.contacts, ngettext("%(n)s contact", "%(n)s contacts", found.contacts)),
        (found.subscriptions, ngettext("%(n)s subscription", "%(n)s subscriptions", found.subscriptions)),
        (found.people, ngettext("the use of %(n)s person", "the use of %(n)s people", found.people)),
        (found.tasks, ngettext("%(n)s open task", "%(n)s open tasks", found.tasks)),
        (found.drafts, ngettext("%(n)s draft", "%(n)s drafts", found.drafts)),
        (found.merged, ngettext("%(n)s merged account", "%(n)s merged accounts", found.merged)),
    ]
    return [words % {"n": number(n)} for n, words in said if n]


def values(account: Account, into: Account) -> list[tuple[str, str, str]]:
    """(label, what stays, what is put away) where the two differ."""
    pairs = zip(_told(account), _told(into), strict=True)
    return [(label, stays, put_away) for (label, put_away), (_label, stays) in pairs if put_away and put_away != stays]


def _told(account: Account) -> list[tuple[str, str]]:
    return [
        (_("Name"), account.name),
        (_("Owner"), str(account.owner or account.pool or "")),
        (_("Stage"), str(account.get_stage_display())),
        (_("Segment"), account.segment),
        (_("Tags"), ", ".join(account.tags)),
        (_("Domains"), ", ".join(account.domains)),
        (_("Next step"), account.next_step),
    ]
