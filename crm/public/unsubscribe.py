"""The page behind an unsubscribe link. Reading it changes nothing: mail gateways open every link."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from crm.outbox import actions
from crm.staff.queries import installation
from crm.staff.views import Request


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: Request, token: str) -> HttpResponse:
    """Show a button; on POST stop the mails at once, without cookie or CSRF token, as RFC 8058 asks.

    Tokens that we never made look the same, so that nobody learns which exist.
    """
    everything = request.POST.get("all") == "1"
    if request.method == "POST":
        actions.unsubscribe(token, everything=everything, at=request.now)
    context = {"company": installation().company_name, "done": request.method == "POST", "everything": everything}
    response = render(request, "public/unsubscribe.html", context)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response
