"""Setting an account's health by hand, taking that back, and letting the computed one hold again."""

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.accounts.views import address_of, back_to, own_account, own_row, shown
from crm.lib.fields import refusals
from crm.staff.views import Request, form_page, needs, offer_undo
from retention.overrides import actions
from retention.overrides.forms import OverrideForm
from retention.overrides.models import Override


@needs("write_account")
def new(request: Request, account: int) -> HttpResponse:
    of = own_account(request, account)
    form = OverrideForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            row = actions.set_override(of, **form.cleaned_data, at=request.now, by=request.user)
            said = _("Set. The score goes on beside it; lists follow within a minute.")
            offer_undo(request, said, reverse("override-undo", args=[row.pk]))
            return back_to(request, of)
    words = {"title": _("Set the health by hand"), "submit": _("Set it"), "back_url": address_of(of)}
    return form_page(request, form, slot="new-override", **words, **shown(request, of))


@require_POST
@needs("write_account")
def end(request: Request, account: int) -> HttpResponse:
    of = own_account(request, account)
    done = actions.end_override(of, at=request.now, by=request.user)
    messages.success(request, _("The computed health holds again.") if done else _("Nothing was set by hand."))
    return back_to(request, of)


@require_POST
@needs("write_account")
def undo(request: Request, pk: int) -> HttpResponse:
    row = own_row(request, Override.objects.visible_to(request.user).select_related("account__owner", "by"), pk)
    done = actions.take_back(row, at=request.now, by=request.user)
    messages.success(request, _("What held before holds again.") if done else _("It no longer holds."))
    return back_to(request, row.account)
