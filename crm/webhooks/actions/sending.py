"""Deliveries go out: claimed in a short transaction, sent outside any, settled in another one.

Each endpoint's deliveries are one piece of work, so that a slow one holds up nobody but itself; those that fail have
threads of their own, and are asked for one delivery at a time.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.db import connection, transaction
from orjson import dumps, loads

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib import outgoing
from crm.lib.sql_files import load
from crm.webhooks import rules
from crm.webhooks.models import Delivery, DeliveryState, Endpoint

EACH, THREADS, THREADS_FOR_FAILING = 20, 16, 4
# With the ten seconds that a last call may take, a round stays within the 25 seconds of a tick.
CLAIM_FOR = 12.0
LEASE = timedelta(seconds=60)
REFUSED = "refused"


class Claimed(NamedTuple):
    """A delivery that this process may try; `attempts` includes this one."""

    id: int
    endpoint_id: int
    attempts: int
    message: UUID
    kind: str
    data: Any
    at: datetime

    @property
    def body(self) -> bytes:
        data = loads(self.data) if isinstance(self.data, str) else self.data
        return dumps({"type": self.kind, "timestamp": self.at.isoformat().replace("+00:00", "Z"), "data": data})


class Tried(NamedTuple):
    """What came of one: the status, or a word where there was no answer. Neither: it was not its turn any more."""

    claimed: Claimed
    status: int | None = None
    word: str = ""

    @property
    def was_tried(self) -> bool:
        return self.status is not None or bool(self.word)

    @property
    def is_taken(self) -> bool:
        return self.status is not None and rules.is_taken(self.status)


@dataclass(frozen=True)
class Done:
    """What a round did; `more`: some are due still."""

    delivered: int = 0
    failed: int = 0
    more: bool = False


Clock = Callable[[], datetime]


def deliver(*, clock: Clock, by: Actor, door: outgoing.Door = outgoing.OUTSIDE, seconds: float = CLAIM_FOR) -> Done:
    """Send what is due for about `seconds`, and ten more at most for what is under way then."""
    ends, token = monotonic() + seconds, uuid4()
    under_way: dict[Future[list[Tried]], int] = {}
    failed_at = set[int]()  # whoever does not listen now is not asked again in this round
    delivered = failed = 0
    with ThreadPoolExecutor(THREADS) as healthy, ThreadPoolExecutor(THREADS_FOR_FAILING) as failing:
        while True:
            if monotonic() < ends:
                work = _claim(token, busy=[*under_way.values(), *failed_at], at=clock())
                for endpoint, batch in work:
                    pool = failing if endpoint.failing_since else healthy
                    secrets = endpoint.secrets(clock())
                    future = pool.submit(_send, endpoint.url, secrets, batch, clock, door, ends)
                    under_way[future] = endpoint.pk
            if not under_way:
                break
            finished, _rest = wait(under_way, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in finished:
                del under_way[future]
                for tried in future.result():
                    _settle(tried, token, at=clock(), by=by)
                    delivered += tried.is_taken
                    if not tried.is_taken and tried.was_tried:
                        failed += 1
                        failed_at.add(tried.claimed.endpoint_id)
    return Done(delivered, failed, monotonic() >= ends)


@transaction.atomic
def _claim(token: UUID, *, busy: Sequence[int], at: datetime) -> list[tuple[Endpoint, list[Claimed]]]:
    given: dict[str, Any] = {"token": token, "at": at, "until": at + LEASE, "each": EACH, "busy": list(busy)}
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "../claim"), given)
        rows = [Claimed(*row) for row in cursor.fetchall()]
    batches: dict[int, list[Claimed]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.id):
        batches[row.endpoint_id].append(row)
    return [(endpoint, batches[endpoint.pk]) for endpoint in Endpoint.objects.filter(pk__in=batches).order_by("pk")]


def _send(
    url: str, secrets: Sequence[str], batch: Sequence[Claimed], clock: Clock, door: outgoing.Door, ends: float
) -> list[Tried]:
    """Send one endpoint's deliveries in their order, until one fails or time is up. Touches no database."""
    done: list[Tried] = []
    for n, each in enumerate(batch):
        if monotonic() >= ends or (done and not done[-1].is_taken):
            return done + [Tried(left) for left in batch[n:]]
        done.append(_try(url, secrets, each, clock(), door))
    return done


def _try(url: str, secrets: Sequence[str], each: Claimed, at: datetime, door: outgoing.Door) -> Tried:
    headers = rules.headers(f"msg_{each.message.hex}", int(at.timestamp()), each.body, secrets)
    headers |= {"Content-Type": "application/json", "User-Agent": "Holdfast"}
    try:
        return Tried(each, outgoing.post(url, each.body, headers, door=door))
    except outgoing.Refused:
        return Tried(each, word=REFUSED)
    except outgoing.Failed as failed:
        return Tried(each, word=failed.code)


@transaction.atomic
def _settle(tried: Tried, token: UUID, *, at: datetime, by: Actor) -> None:
    """Keep what came of it, unless the lease ran out and somebody else has it now."""
    mine = Delivery.objects.filter(pk=tried.claimed.id, token=token)
    row = mine.select_for_update().first()
    if row is None:
        return
    row.token = row.leased_until = None
    if not tried.was_tried:
        row.attempts -= 1  # it was not its turn any more
    else:
        row.tries = [*row.tries, {"at": at.isoformat(), "status": tried.status, "word": tried.word}]
        _decide(row, tried, at=at, by=by)
    row.save(update_fields=["state", "due_at", "attempts", "token", "leased_until", "tries", "settled_at"])


def _decide(row: Delivery, tried: Tried, *, at: datetime, by: Actor) -> None:
    endpoints = Endpoint.objects.filter(pk=row.endpoint_id)
    if tried.is_taken:
        row.state, row.settled_at = DeliveryState.DELIVERED, at
        endpoints.exclude(failing_since=None).update(failing_since=None)
        return
    endpoints.filter(failing_since=None).update(failing_since=at)
    wait_for = rules.again_after(row.attempts, tried.claimed.message.hex)
    if wait_for is None or tried.status == rules.GONE:
        row.state, row.settled_at = DeliveryState.GIVEN_UP, at
    else:
        row.due_at = at + wait_for
    dead = endpoints.filter(paused_at=None, failing_since__lte=at - rules.DEAD_AFTER) if wait_for is None else None
    if tried.status == rules.GONE:
        dead = endpoints.filter(paused_at=None)
    if dead is not None and dead.update(paused_at=at):
        why = "gone" if tried.status == rules.GONE else "failing"
        audit.record("webhook.paused", endpoints.get(), at=at, by=by, after={"why": why})
