"""Not now: whatever waits on an account is put off until a day, for a reason, and can be brought back."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.accounts.actions import may_write
from crm.accounts.views import own_account
from crm.lib.fields import refusals
from crm.staff.views import Request, needs, offer_undo
from crm.templatetags.ui import day as day_words
from retention.agenda import actions
from retention.agenda.models import PutOff
from retention.pages.forms import PutOffForm


@require_POST
@needs("write_account")
def put_off(request: Request, pk: int) -> HttpResponse:
    account = own_account(request, pk)
    form = PutOffForm(request.POST)
    if form.is_valid():
        with refusals(form):
            row = actions.put_off(account, **form.cleaned_data, at=request.now, by=request.user)
            words = {"name": account.name, "day": day_words(row.until, request.now)}
            said = _("%(name)s is put off until %(day)s.") % words
            offer_undo(request, said, reverse("put-off-undo", args=[row.pk]), next=back(request))
            return HttpResponseRedirect(back(request))
    words = {"title": _("Not now: %(name)s") % {"name": account.name}, "submit": _("Put it off")}
    return render(request, "crm/form.html", {"form": form, "account": account, "back_url": back(request), **words})


@require_POST
@needs("write_account")
def undo(request: Request, pk: int) -> HttpResponse:
    rows = PutOff.objects.visible_to(request.user).select_related("account__owner")
    row: PutOff = get_object_or_404(rows, pk=pk)
    if not may_write(row.account, by=request.user):
        raise PermissionDenied
    done = actions.take_back(row, at=request.now, by=request.user)
    said = _("%(name)s is back in the list.") if done else _("%(name)s was back already.")
    messages.success(request, said % {"name": row.account.name})
    return HttpResponseRedirect(back(request))


def back(request: Request, otherwise: str = "") -> str:
    """The page that sent the form, else another one, which is Today unless told."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if wanted and safe else otherwise or reverse("today")
