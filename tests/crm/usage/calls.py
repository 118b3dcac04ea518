"""Requests as the door stores them, and what the roll-ups hold, for tests of the drain."""

from datetime import UTC, date, datetime
from typing import Any

from django.db import connection
from orjson import dumps

from crm.accounts.models import Account
from crm.audit.rules import System
from crm.lib import partitions
from crm.sources.models import InboxBatch, Reject, Source
from crm.usage.actions import drain
from crm.usage.models import PersonDay, UsageDay
from crm.usage.rules import Drained
from tests.factories import NOW

BY = System("drain")
DAY = date(2026, 11, 20)


def at(hour: int, minute: int = 0, day: int = 20) -> str:
    """A time in November 2026 as an SDK writes it."""
    return f"2026-11-{day:02}T{hour:02}:{minute:02}:00.000Z"


def when(hour: int, minute: int = 0, day: int = 20) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def track(message: str, user: str | None = "ann", event: str | None = "Report opened", **more: Any) -> dict[str, Any]:
    call = {"type": "track", "messageId": message, "userId": user, "event": event, "timestamp": at(9)}
    return {key: value for key, value in (call | more).items() if value is not None}


def group(message: str, user: str = "ann", account: str = "acme", **more: Any) -> dict[str, Any]:
    call = {"type": "group", "messageId": message, "userId": user, "groupId": account, "timestamp": at(8)}
    return {key: value for key, value in (call | more).items() if value is not None}


def identify(message: str, user: str = "ann", **more: Any) -> dict[str, Any]:
    return {"type": "identify", "messageId": message, "userId": user, "timestamp": at(8)} | more


def receive(
    source: Source, *events: Any, received: datetime = NOW, call: str = "batch", sent: str | None = None
) -> int:
    """Store one request, as the door does, and return its id."""
    partitions.ensure_days("crm_inbox_batch", [received.date()])
    body = ({"batch": list(events)} | ({"sentAt": sent} if sent else {})) if call == "batch" else events[0]
    return receive_bytes(source, dumps(body), received=received, call=call, events=len(events))


def receive_bytes(
    source: Source, body: bytes, *, received: datetime = NOW, call: str = "batch", events: int = 1
) -> int:
    partitions.ensure_days("crm_inbox_batch", [received.date()])
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO crm_inbox_batch (received_on, received_at, source_id, call, body, events)"
            " VALUES (%s, %s, %s, %s, %s, %s) RETURNING id",
            [received.date(), received, source.pk, call, body, events],
        )
        return int(cursor.fetchall()[0][0])


def run(**more: Any) -> Drained:
    given: dict[str, Any] = {"at": NOW, "by": BY}
    return drain(**given | more)


def usage() -> dict[tuple[str, date, str], tuple[int, int]]:
    """(account, day, event) → (uses, amount) of all roll-ups."""
    names = dict(Account.objects.system("test").values_list("pk", "external_id"))
    rows = UsageDay.objects.values_list("account_id", "day", "event__name", "uses", "amount")
    return {(names[a], day, event): (uses, int(amount)) for a, day, event, uses, amount in rows}


def people() -> dict[tuple[str, date, str], int]:
    """(account, day, person) → uses of all roll-ups."""
    names = dict(Account.objects.system("test").values_list("pk", "external_id"))
    rows = PersonDay.objects.values_list("account_id", "day", "person__external_id", "uses")
    return {(names[a], day, person): uses for a, day, person, uses in rows}


def rejects() -> list[tuple[int, str, str]]:
    """(position, message id, reason) of all that was put aside."""
    return list(Reject.objects.order_by("id").values_list("position", "message_id", "reason"))


def batch(batch_id: int) -> InboxBatch:
    return InboxBatch.objects.get(id=batch_id)
