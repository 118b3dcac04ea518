"""What one call of the tracking API means: who, what, when, and the id that makes it count once.

Pure: the raw event, its place and the time of receipt go in; an `Event` comes out or `Refused` is raised
with a sentence for whoever sent it.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from crm.lib.gate import (
    AHEAD,
    DEPTH,
    EARLIEST,
    KEY_LIMIT,
    NO_INSTANT,
    NUMBER_LIMIT,
    Refused,
    check_value,
    clean_text,
    read_instant,
)

EVENT_LIMIT = 32 * 1024  # bytes of one event
ON_TIME = timedelta(minutes=5)
ID_LIMIT = 255
NAME_LIMIT = 200
EXCERPT = 500
REFUSALS_KEPT = 500  # of one request; the last one says how many more there were
_DAY = timedelta(days=1)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)
COUNTED = ("track", "page", "screen")  # calls that are usage; the others say who somebody is
CALLS = (*COUNTED, "identify", "group", "alias")
REFUSED_MARK = "$refused"  # left by the door for an event whose bytes could not be kept


class Event(NamedTuple):
    """One good call. Empty text means: not given.

    `at` is corrected for the sender's clock and storable; `key_day` and `hash64` are the seen id, from the
    uncorrected time. `by_receipt`: there was no such time, so a retry after midnight has the next key day.
    """

    call: str
    source_id: int
    received_at: datetime
    position: int
    message_id: str
    user_id: str
    anonymous_id: str
    group_id: str
    previous_id: str
    name: str
    at: datetime
    key_day: date
    hash64: int
    by_receipt: bool
    payload: dict[str, Any]


class SeenId(NamedTuple):
    """What makes an event count once; for `by_receipt` see `Event`."""

    key_day: date
    hash64: int
    by_receipt: bool = False


class Envelope(NamedTuple):
    """What the events of one request share. `receipt` is unique per request; `sent_at` null: not given."""

    source_id: int
    receipt: int
    received_at: datetime
    call: str
    sent_at: datetime | None


def hash64(source_id: int, text: str) -> int:
    """First 8 bytes of BLAKE2b over source and id, as a signed 64 bit number."""
    digest = blake2b(f"{source_id}\0{text}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def read_batch(body: bytes, envelope: Envelope) -> tuple[list[Event], list["Refusal"]]:
    """All good events of a stored request, and what was refused; raises ValueError when it is no JSON object."""
    document = orjson.loads(body)
    if envelope.call == "batch":
        raws, envelope = document["batch"], envelope._replace(sent_at=read_sent(document.get("sentAt")))
    else:
        raws = [document]
    may_be_long, is_sound = len(body) > EVENT_LIMIT, _is_sound(raws, body)
    events: list[Event] = []
    refusals: list[Refusal] = []
    for position, raw in enumerate(raws):
        try:
            if not is_sound:
                check_value(raw)
            if may_be_long and len(orjson.dumps(raw)) > EVENT_LIMIT:
                raise Refused(f"The event is larger than {EVENT_LIMIT // 1024} KB. Leave out what is not needed.")
            events.append(judge(raw, position, envelope))
        except Refused as refused:
            refusals.append(refusal(raw, position, refused.reason, envelope))
    if len(refusals) > REFUSALS_KEPT:
        more = f"{len(refusals) - REFUSALS_KEPT + 1} more events of this request were refused."
        refusals[REFUSALS_KEPT - 1 :] = [refusals[REFUSALS_KEPT - 1]._replace(reason=more)]
    return events, refusals


def _is_sound(raws: Any, body: bytes) -> bool:
    """Whether `check_value` would let all of these pass; False only means that each has to be asked.

    The same questions in one walk over the whole request, which takes a quarter of the time. The parser lets
    no lone surrogate and no infinity in, and NUL only as an escape.
    """
    if b"\\u0000" in body:
        return False
    keys: set[str] = set()
    level: list[Any] = [raws]
    for _depth in range(DEPTH + 1):
        inner: list[Any] = []
        for value in level:
            if type(value) is dict:
                keys.update(value)
                value = value.values()
            for item in value:
                kind = type(item)
                if kind is str:  # most are
                    continue
                if kind is dict or kind is list:
                    inner.append(item)
                elif (kind is int or kind is float) and not -NUMBER_LIMIT <= item <= NUMBER_LIMIT:
                    return False
        level = inner
    return not level and all(len(key) <= KEY_LIMIT for key in keys)


def once(events: Iterable[Event]) -> dict[tuple[date, int], Event]:
    """The first of each event by its seen id; one known by its day of receipt may repeat one of the day before."""
    first: dict[tuple[date, int], Event] = {}
    for event in events:
        if not (event.by_receipt and (event.key_day - _DAY, event.hash64) in first):
            first.setdefault((event.key_day, event.hash64), event)
    return first


def judge(raw: Any, position: int, envelope: Envelope) -> Event:
    """Read one raw event; raises Refused. Its values must have passed the gate's `check_value`."""
    if type(raw) is not dict:
        raise Refused("An event must be a JSON object.")
    if REFUSED_MARK in raw:
        raise Refused(str(raw[REFUSED_MARK]))
    call = envelope.call if envelope.call != "batch" else _call(raw)
    context = _object(raw, "context") if "context" in raw else {}
    user_id = _id(raw, "userId") if "userId" in raw else ""
    anonymous_id = _id(raw, "anonymousId") if "anonymousId" in raw else ""
    if not user_id and not anonymous_id:
        raise Refused("userId and anonymousId are missing. Send one of them.")
    message_id, hashed = _message(raw, position, envelope)
    at, key_day, by_receipt = _times(raw, envelope)
    return Event(
        call,
        envelope.source_id,
        envelope.received_at,
        position,
        message_id,
        user_id,
        anonymous_id,
        _group(raw, context, call),
        _previous(raw, user_id) if call == "alias" else "",
        _name(raw, call) if call in COUNTED else "",
        at,
        key_day,
        hashed,
        by_receipt,
        _payload(raw, context, call),
    )


def _call(raw: Mapping[str, Any]) -> str:
    call = raw.get("type")
    if call not in CALLS:
        raise Refused(f"type must be one of {', '.join(CALLS)}.")
    return str(call)


def _object(raw: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = raw.get(key)
    if value is None:
        return {}
    if type(value) is not dict:
        raise Refused(f"{key} must be a JSON object.")
    return value


def _id(raw: Mapping[str, Any], key: str) -> str:
    """An id as text. Whole numbers are taken too, since some senders number their users."""
    value = raw.get(key)
    if value is None:
        return ""
    if type(value) is str:
        is_clean = value.isascii() and value.isprintable() and len(value) <= ID_LIMIT  # nearly all
        return value.strip() if is_clean else _text(value, key, ID_LIMIT)
    if type(value) is int:
        return str(value)
    raise Refused(f"{key} must be text.")


def _text(value: object, key: str, limit: int) -> str:
    try:
        return clean_text(value, limit)
    except Refused as refused:
        raise Refused(f"{key}: {refused.reason}") from refused


def _message(raw: Mapping[str, Any], position: int, envelope: Envelope) -> tuple[str, int]:
    """The message id and its hash. Without an id the event counts once for each time it was received: its
    bytes, its request and its place make one up, which is the same whenever the request is read again."""
    value = raw.get("messageId")
    if type(value) is int:
        value = str(value)
    if type(value) is str and value:
        return value, hash64(envelope.source_id, value)
    if value:
        raise Refused("messageId must be text.")
    made = f"\0{envelope.receipt}\0{position}\0{orjson.dumps(raw).decode()}"
    return "", hash64(envelope.source_id, made)


def _group(raw: Mapping[str, Any], context: Mapping[str, Any], call: str) -> str:
    group = _id(raw, "groupId") if "groupId" in raw else ""
    if call == "group":
        if not group:
            raise Refused("groupId is missing. A group call names the account by it.")
        return group
    if group or not ("groupId" in context or "group_id" in context):
        return group
    return _id(context, "groupId") or _id(context, "group_id")


def _previous(raw: Mapping[str, Any], user_id: str) -> str:
    previous = _id(raw, "previousId")
    if not previous or not user_id:
        raise Refused("An alias call needs userId and previousId.")
    return previous


def _name(raw: Mapping[str, Any], call: str) -> str:
    if call == "track":
        value = raw.get("event")
        if value is None:
            raise Refused("event is missing. A track call names what happened.")
        name = _event_name(value) if type(value) is str else _text(value, "event", NAME_LIMIT)
        if not name:
            raise Refused("event is empty. A track call names what happened.")
        return name
    word = call.capitalize()
    value = raw.get("name")
    return _text(f"{word}: {value}", "name", NAME_LIMIT) if value and type(value) is str else word


@lru_cache(maxsize=4096)
def _event_name(value: str) -> str:
    return _text(value, "event", NAME_LIMIT)


def _payload(raw: Mapping[str, Any], context: Mapping[str, Any], call: str) -> dict[str, Any]:
    if call in COUNTED:
        return _object(raw, "properties")
    if call == "identify":  # some SDKs send a user's traits in the context only
        return _object(context, "traits") | _object(raw, "traits")
    return _object(raw, "traits")


def _times(raw: Mapping[str, Any], envelope: Envelope) -> tuple[datetime, date, bool]:
    """The corrected time, the key day, and whether that day is only the day of receipt.

    Time = receivedAt - (sentAt - timestamp); without sentAt the timestamp as it is; without a timestamp
    the time of receipt. A sentAt within `ON_TIME` of the receipt shows a clock that is right and a request
    that took a while, so the timestamp stands: correcting by the delay would shift the batches of one client
    against each other, and a track call before the group call that precedes it (docs/adr/0012). All are moved
    into 2000 … receipt + 24 h; what was sent stays in the raw batch.
    """
    received = envelope.received_at
    value = raw.get("timestamp") or raw.get("originalTimestamp")
    if not value:
        return received, received.date(), True
    try:
        claimed = datetime.fromisoformat(value) if type(value) is str else read_instant(value)
        if claimed.tzinfo is not UTC:
            claimed = read_instant(value)
    except ValueError as error:
        reason = error.reason if isinstance(error, Refused) else NO_INSTANT
        raise Refused(f"timestamp: {reason}") from error
    sent = read_sent(raw["sentAt"]) if "sentAt" in raw else None
    sent = sent or envelope.sent_at
    at = claimed if sent is None or abs(received - sent) <= ON_TIME else _shifted(received, claimed - sent)
    latest = received + AHEAD
    if not EARLIEST <= at <= latest:
        at = min(max(at, EARLIEST), latest)
    key_day = claimed.date()
    if key_day > latest.date():
        return at, received.date(), True
    return at, key_day if claimed >= EARLIEST else EARLIEST.date(), False


def _shifted(received: datetime, by: timedelta) -> datetime:
    try:
        return received + by
    except OverflowError:
        return LATEST if by > timedelta(0) else EARLIEST


def read_sent(value: object) -> datetime | None:
    """sentAt as UTC. One that cannot be read is as none: it only corrects, and costs no event."""
    if not value:
        return None
    try:
        return read_instant(value)
    except Refused:
        return None


def micro(value: object) -> int:
    """A JSON number as integer millionths, rounded half to even; raises Refused for anything else.

    A float is read by its shortest decimal form, which is what the sender wrote.
    """
    if type(value) is int:
        return value * 1_000_000
    if type(value) is not float:
        raise Refused("The property to sum is not a number, so nothing was added to the amount.")
    if value.is_integer():
        return int(value) * 1_000_000
    return int((Decimal(repr(value)) * 1_000_000).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


class Refusal(NamedTuple):
    """Something that was put aside: which event of which source's request, why, and how it began."""

    source_id: int
    received_at: datetime
    position: int
    message_id: str
    reason: str
    excerpt: str


def refusal(raw: Any, position: int, reason: str, envelope: Envelope) -> Refusal:
    message = raw.get("messageId") if type(raw) is dict else ""
    message = clean_id(message) if isinstance(message, str | int) else ""
    return Refusal(envelope.source_id, envelope.received_at, position, message, reason[:300], excerpt(raw))


def refusal_of(event: Event, reason: str) -> Refusal:
    """A part of a good event that could not be taken over: a trait, an amount, a name too many."""
    shown = excerpt({"type": event.call, "event": event.name, "payload": event.payload})
    message = clean_id(event.message_id)
    return Refusal(event.source_id, event.received_at, event.position, message, reason[:300], shown)


def clean_id(value: object) -> str:
    """Whatever came as an id, fit to be stored and shown."""
    return str(value).replace("\0", "").encode("utf-8", "replace").decode()[:ID_LIMIT]


def excerpt(raw: Any) -> str:
    """The first 500 characters of an event as JSON, without the write key."""
    if type(raw) is dict and "$excerpt" in raw and REFUSED_MARK in raw:
        return str(raw["$excerpt"])[:EXCERPT]
    shown = {key: value for key, value in raw.items() if key != "writeKey"} if type(raw) is dict else raw
    try:
        return orjson.dumps(shown)[: EXCERPT * 4].decode("utf-8", "replace")[:EXCERPT]
    except (TypeError, ValueError, RecursionError):
        return ""
