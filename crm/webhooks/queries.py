"""Endpoints and what came of their deliveries."""

from typing import NamedTuple

from django.db.models import Count, QuerySet

from crm.webhooks.models import Delivery, DeliveryState, Endpoint, EventKind

PAGE = 50


class Line(NamedTuple):
    """An endpoint and how many deliveries wait for it; at most a thousand are counted."""

    endpoint: Endpoint
    waiting: int


MOST_COUNTED = 1_000


def endpoints() -> list[Line]:
    """All of them, those that need somebody first."""
    found = Endpoint.objects.order_by("-is_active", "paused_at", "pk")
    waiting = Delivery.objects.filter(state=DeliveryState.WAITING).order_by().values("endpoint").annotate(n=Count("pk"))
    counts = {row["endpoint"]: min(row["n"], MOST_COUNTED) for row in waiting}
    return [Line(row, counts.get(row.pk, 0)) for row in found]


def listening(kind: str) -> list[int]:
    """Endpoints that are told of this kind; paused ones too, for which it waits."""
    return list(Endpoint.objects.filter(is_active=True, events__contains=[kind]).values_list("pk", flat=True))


def deliveries(endpoint: Endpoint, *, after: int | None = None) -> QuerySet[Delivery]:
    """A page of deliveries, newest first, and one more if there are more; `after`: the last id of the page above."""
    rows = Delivery.objects.filter(endpoint=endpoint).select_related("event").order_by("-pk")
    return (rows.filter(pk__lt=after) if after else rows)[: PAGE + 1]


def kinds_of(endpoint: Endpoint) -> list[EventKind]:
    return [kind for kind in EventKind if kind.value in endpoint.events]
