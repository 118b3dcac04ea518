"""How somebody finds an account, said in two taps and a reason."""

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.accounts.views import address_of, back_to, own_account, own_row, shown
from crm.lib.fields import refusals
from crm.staff.queries import installation
from crm.staff.views import Request, form_page, needs, offer_undo
from retention.pulses import actions
from retention.pulses.forms import PulseForm
from retention.pulses.models import Pulse


@needs("write_account")
def new(request: Request, account: int) -> HttpResponse:
    of = own_account(request, account)
    form = PulseForm(request.POST or None, days=installation().pulse_days)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            row = actions.record_pulse(of, **form.cleaned_data, at=request.now, by=request.user)
            said = _("Pulse %(value)s of 5 is noted beside the score.") % {"value": row.value}
            offer_undo(request, said, reverse("pulse-undo", args=[row.pk]))
            return back_to(request, of)
    words = {"title": _("Pulse"), "submit": _("Note the pulse"), "back_url": address_of(of)}
    return form_page(request, form, slot="new-pulse", **words, **shown(request, of))


@require_POST
@needs("write_account")
def undo(request: Request, pk: int) -> HttpResponse:
    row = own_row(request, Pulse.objects.visible_to(request.user).select_related("account__owner", "by"), pk)
    done = actions.take_back(row, at=request.now, by=request.user)
    messages.success(request, _("The pulse is taken back.") if done else _("It no longer holds."))
    return back_to(request, row.account)
