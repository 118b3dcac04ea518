"""Whether this process lives, and whether the whole installation is fit to work: for monitors, without a login."""

from datetime import datetime
from functools import cache
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from crm.fills.models import Beat
from crm.outbox import queries as outbox
from crm.staff.views import Request

# The supervisor has a cluster that stands still back at work within this time (docs/adr/0004).
SILENT_AFTER = 180  # seconds


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
    if missing := sorted(newest_migrations() - set(MigrationRecorder(connection).applied_migrations())):
        return {"problems": [f"Migrations are not applied up to {app} {name}." for app, name in missing]}
    beat_at = Beat.objects.filter(name="jobs").values_list("at", flat=True).first()
    mail = outbox.due_and_unconfirmed(at)
    silence = seconds(beat_at, at)
    return {
        "problems": [] if silence is not None and silence <= SILENT_AFTER else [silent(silence)],
        "jobs_silent_seconds": silence,
        "oldest_due_mail_seconds": seconds(mail.oldest_due_at, at),
        "unconfirmed_mails": mail.unconfirmed,
    }


def silent(silence: int | None) -> str:
    if silence is None:
        return "Background jobs have never run. Start the worker."
    return f"Background jobs have stood still for {silence} seconds."


def seconds(since: datetime | None, at: datetime) -> int | None:
    return None if since is None else max(0, int((at - since).total_seconds()))


@cache
def newest_migrations() -> frozenset[tuple[str, str]]:
    """The last migration of each app, read from this code's files once a process."""
    return frozenset(MigrationLoader(None).graph.leaf_nodes())
