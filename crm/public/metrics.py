"""How the installation stands, in figures for Prometheus: its state from the database, requests from the processes."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from hmac import compare_digest
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from crm.lib.metering import registry
from crm.lib.sql_files import load
from crm.staff.views import Request

LOOPBACK = ("127.0.0.1", "::1")
# Figures of metrics.sql: name, what it says, its label.
FIGURES = {
    "beat_age_seconds": ("Since the last sign of life of a loop", "loop"),
    "stage_lag_seconds": ("How far a stage of the pipeline is behind the clock", "stage"),
    "stage_took_seconds": ("How long the last run of a stage took", "stage"),
    "stage_failed": ("1 when the last run of a stage failed", "stage"),
    "inbox_waiting_batches": ("Accepted requests that are not counted yet", ""),
    "inbox_oldest_seconds": ("How long the oldest of them has waited", ""),
    "inbox_parked_batches": ("Requests that five attempts could not count", ""),
    "refused_events_total": ("Events that were refused so far", ""),
    "mails": ("Mails that are not settled, by state", "state"),
    "oldest_due_mail_seconds": ("How long the oldest due mail has waited", ""),
    "erasures_unswept": ("Erasures whose raw data are still being gone through", ""),
    "database_bytes": ("Size of the database", ""),
}


@never_cache
@login_not_required
@require_safe
def metrics(request: Request) -> HttpResponse:
    """For whoever has the token; without a token for this machine alone, and 404 for everybody else."""
    if not _may_ask(request):
        raise Http404
    state = CollectorRegistry()
    state.register(State(request.now))
    return HttpResponse(generate_latest(state) + generate_latest(registry()), content_type=CONTENT_TYPE_LATEST)


def _may_ask(request: HttpRequest) -> bool:
    if token := settings.METRICS_TOKEN:
        return compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode())
    # Behind a proxy on this machine everybody comes from loopback.
    forwarded = {"X-Forwarded-For", "Forwarded", "X-Real-Ip"} & set(request.headers)
    return request.META.get("REMOTE_ADDR") in LOOPBACK and not forwarded


class State(Collector):
    """A database that does not answer is a figure too: `holdfast_up 0`."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def collect(self) -> Iterable[Metric]:
        try:
            rows = figures(self.at)
        except (DatabaseError, InterfaceError):
            connection.close()
            rows = []
        yield GaugeMetricFamily("holdfast_up", "1 when the database answers", value=float(bool(rows)))
        yield from _families(rows)


def _families(rows: list[tuple[str, str, Any]]) -> Iterator[Metric]:
    for name, (words, label) in FIGURES.items():
        family = GaugeMetricFamily(f"holdfast_{name}", words, labels=[label] if label else [])
        for figure, of, value in rows:
            if figure == name and value is not None:
                family.add_metric([of] if label else [], float(value))
        yield family


def figures(at: datetime) -> list[tuple[str, str, Any]]:
    """(figure, what it is of, value) of all, in one question."""
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "metrics"), {"at": at})
        return list(cursor.fetchall())
