"""The pinned line of an account, changed where it stands in the list."""

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import escape
from django.utils.translation import gettext as _

from crm.accounts import actions
from crm.accounts.forms import NextStepForm
from crm.accounts.models import Account
from crm.accounts.views import own_account
from crm.lib.days import own_day
from crm.lib.fields import refusals
from crm.staff.views import Request, needs, way_back
from retention.pages.table import Table
from retention.pages.wanted import Wanted


@needs("write_account")
def step(request: Request, pk: int) -> HttpResponse:
    """The form in place of the line, and after it the line again; without a script a page and the way back."""
    account = own_account(request, pk)
    is_part = request.headers.get("HX-Request") == "true"
    start = {"next_step": account.next_step, "next_step_on": account.next_step_on}
    form = NextStepForm(request.POST or None, initial=start, auto_id=f"step-{pk}-%s")
    if request.method == "POST" and form.is_valid():
        text, on = form.cleaned_data["next_step"], form.cleaned_data["next_step_on"]
        with refusals(form, "next_step_on"):
            actions.set_next_step(account, text=text, on=on, at=request.now, by=request.user)
            return _line(request, account) if is_part else HttpResponseRedirect(way_back(request, reverse("portfolio")))
    if is_part:
        if "keep" in request.GET:
            return _line(request, account)
        return render(request, "retention/_step_form.html", {"form": form, "account": account})
    words = {"title": _("Next step"), "submit": _("Pin it"), "back_url": reverse("portfolio")}
    return render(request, "crm/form.html", words | {"form": form})


def _line(request: Request, account: Account) -> HttpResponse:
    """The cell of the list as it stands now."""
    account.refresh_from_db(fields=["next_step", "next_step_on"])
    table = Table(Wanted(), "", own_day(request.now), writes=True)
    return HttpResponse(table.step(account, escape(account.name)))
