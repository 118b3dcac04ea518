"""Taking a merge back; what a merge would do is a page of retention, which sees all that would move."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.accounts import actions
from crm.accounts.views.seeing import address_of, own_account
from crm.lib.fields import refusals_told
from crm.staff.views import Request, needs


@require_POST
@needs("write_account")
def undo_merge(request: Request, pk: int) -> HttpResponse:
    account = own_account(request, pk)
    with refusals_told(request):
        actions.undo_merge(account, at=request.now, by=request.user)
        messages.success(request, _("The merge is undone."))
    return HttpResponseRedirect(address_of(account))
