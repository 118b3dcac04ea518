"""What happened becomes rows, in the transaction of what caused it; what was told is told again when somebody asks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.core.exceptions import PermissionDenied
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib import doorbell
from crm.lib.sql_files import load
from crm.staff.actions import require
from crm.webhooks import rules
from crm.webhooks.models import Delivery, DeliveryState, Endpoint, WebhookEvent
from crm.webhooks.queries import listening

AT_ONCE = 5_000


@transaction.atomic
def emit(kind: str, events: Mapping[str, Mapping[str, Any]], *, at: datetime, by: Actor) -> int:
    """Tell every endpoint that listens of these events, by subject; returns how many deliveries that makes.

    Call it in the transaction of what happened, which leaves the audit row: both stand, or neither.
    """
    assert kind in rules.EVENTS
    endpoints = listening(kind) if events else []
    if not endpoints:
        return 0
    made = 0
    with connection.cursor() as cursor:
        pairs = list(events.items())
        for start in range(0, len(pairs), AT_ONCE):
            told = DjangoJSONEncoder().encode(dict(pairs[start : start + AT_ONCE]))
            cursor.execute(load(__file__, "../emit"), {"kind": kind, "at": at, "endpoints": endpoints, "events": told})
            made += cursor.fetchall()[0][0]
    doorbell.ring("webhooks")
    return made


@transaction.atomic
def send_test(endpoint: Endpoint, *, at: datetime, by: Actor) -> Delivery:
    """Tell one endpoint of nothing at all, to see whether it listens."""
    require("manage_keys", by=by)
    data = {"message": "This is a test. Nothing happened."}
    event = WebhookEvent.objects.create(kind=rules.TEST, subject=str(uuid4()), data=data, at=at)
    row = Delivery.objects.create(endpoint=endpoint, event=event, due_at=at)
    audit.record("webhook.tested", endpoint, at=at, by=by)
    doorbell.ring("webhooks")
    return row


@transaction.atomic
def redeliver(delivery: Delivery, *, at: datetime, by: Actor) -> Delivery:
    """Tell it once more from the beginning, under the same id, so that a receiver knows it for the same."""
    require("manage_keys", by=by)
    row = Delivery.objects.select_for_update().get(pk=delivery.pk)
    row.state, row.due_at, row.attempts, row.settled_at = DeliveryState.WAITING, at, 0, None
    row.token = row.leased_until = None
    row.save(update_fields=["state", "due_at", "attempts", "settled_at", "token", "leased_until"])
    audit.record("webhook.redelivered", row.endpoint, at=at, by=by, after={"delivery": row.pk})
    doorbell.ring("webhooks")
    return row


@transaction.atomic
def hold_deliveries(*, at: datetime, by: Actor) -> int:
    """After a restore: what waited may have been told since, so nothing goes until somebody has it told again."""
    waiting = Delivery.objects.filter(state=DeliveryState.WAITING)
    held = waiting.update(state=DeliveryState.GIVEN_UP, settled_at=at, token=None, leased_until=None)
    if held:
        audit.record("webhooks.held", ("endpoint", "all"), at=at, by=by, after={"held": held})
    return held


@transaction.atomic
def tidy(*, at: datetime, by: Actor) -> int:
    """Forget what happened over 30 days ago, with its deliveries; returns how many events."""
    if by.actor_kind != "system":
        raise PermissionDenied
    old = WebhookEvent.objects.filter(at__lte=at - rules.KEPT)
    gone, _kinds = Delivery.objects.filter(event__in=old).delete()
    old.delete()
    return gone
