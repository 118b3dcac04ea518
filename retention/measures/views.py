"""Features that an account does not need: which ones, why, and counting one again."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.accounts.views import back_to, own_account, seen_account, shown
from crm.lib.fields import refusals
from crm.plans.models import Feature
from crm.staff.views import Request, needs
from retention.measures import actions
from retention.measures.forms import SpareForm
from retention.measures.queries import not_needed


@needs("read")
def spared(request: Request, account: int) -> HttpResponse:
    """GET: what is left out, and the form to leave out one more. POST: leave it out."""
    if request.method == "POST" and not request.user.may("write_account"):
        raise PermissionDenied
    of = own_account(request, account) if request.method == "POST" else seen_account(request, account)
    held = not_needed(request.now.date(), accounts=[of.pk]).values()
    form = SpareForm(request.POST or None, left_out=[each.feature_id for each in held])
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.spare(of, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("Noted. It leaves the score within a minute."))
            return back_to(request, of)
    names = Feature.objects.in_bulk([each.feature_id for each in held])
    rows = sorted(((names[each.feature_id], each) for each in held), key=lambda pair: pair[0].name)
    return render(request, "retention/spared.html", shown(request, of, rows=rows, form=form))


@require_POST
@needs("write_account")
def need_again(request: Request, account: int, feature: int) -> HttpResponse:
    of = own_account(request, account)
    row = get_object_or_404(Feature, pk=feature)
    done = actions.need_again(of, feature=row, at=request.now, by=request.user)
    words = _("%(name)s counts again.") if done else _("%(name)s was not left out.")
    messages.success(request, words % {"name": row.name})
    return back_to(request, of)
