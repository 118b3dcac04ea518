"""Whether this process lives, and whether the whole installation is fit to work: for monitors, without a login."""

from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from crm.fills.queries import behind, seconds, silence, stands_still
from crm.outbox import queries as outbox
from crm.staff.views import Request


@never_cache
@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers. The database is not asked: restarting us would not mend it."""
    return JsonResponse({"alive": True})


@never_cache
@login_not_required
@require_safe
def readyz(request: Request) -> HttpResponse:
    """200 when the database answers, its tables fit this code and the jobs run; else 503 with the reasons.

    Late and unconfirmed mail is told and does no harm to readiness: the first may be meant, the second waits
    for a person.
    """
    try:
        found = state(request.now)
    except (DatabaseError, InterfaceError):
        connection.close()
        found = {"problems": ["The database does not answer."]}
    ready = not found["problems"]
    return JsonResponse({"ready": ready, **found}, status=200 if ready else 503)


def state(at: datetime) -> dict[str, Any]:
    """Ages in whole seconds; null: there is no such thing. Without its tables nothing else can be asked."""
    if problems := behind():
        return {"problems": problems}
    mail, silent = outbox.due_and_unconfirmed(at), silence("jobs", at)
    return {
        "problems": stands_still(silent),
        "jobs_silent_seconds": silent,
        "oldest_due_mail_seconds": seconds(mail.oldest_due_at, at),
        "unconfirmed_mails": mail.unconfirmed,
    }
