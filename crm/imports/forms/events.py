"""A row of usage as an event; called millions of times, so nothing is looked up twice."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from crm.imports import rules
from crm.imports.forms.columns import Layout
from crm.imports.forms.rows import EMPTY, number
from crm.lib import gate
from crm.lib.gate import Refused, clean_text

NAME_LIMIT, ID_LIMIT = 200, 255


def event_reader(layout: Layout, *, now: datetime) -> Callable[[list[str]], rules.Event]:
    """A function from row to event; it raises Refused."""
    places, width, order = layout.places, len(layout.header), layout.date_order
    account_at, time_at, event_at = places["account"], places["at"], places["event"]
    user_at, value_at, id_at = places.get("user"), places.get("value"), places.get("message_id")
    latest, per_account = now + gate.AHEAD, layout.users_per_account
    content_of = content_reader(layout)

    def read(row: list[str]) -> rules.Event:
        if len(row) != width:
            layout.cells(row)  # says so
        account, name = _name(row[account_at], ID_LIMIT), _name(row[event_at], NAME_LIMIT)
        if not account or not name:
            raise Refused(EMPTY, column="event" if account else "account")
        at = _instant(row[time_at], order)
        if at.tzinfo is not UTC:
            at = gate.instant(at, now=now)
        if not gate.EARLIEST <= at <= latest:
            raise Refused(gate.TOO_EARLY if at < gate.EARLIEST else gate.TOO_LATE)
        user = _name(row[user_at], ID_LIMIT) if user_at is not None else ""
        if user and per_account:
            user = _name(f"{account}:{user}", ID_LIMIT)
        amount = _millionths(row[value_at]) if value_at is not None and row[value_at] else 0
        message = clean_text(row[id_at], ID_LIMIT) if id_at is not None else ""
        return rules.Event(account, user, name, at, amount, message, "" if message else content_of(row))

    return read


@lru_cache(65_536)
def _name(raw: str, limit: int) -> str:
    """Names come again and again: remembering them takes a third off the time of a row."""
    return clean_text(rules.unguarded(raw), limit)


def _instant(text: str, order: str) -> datetime:
    try:
        return rules.read_instant(text.strip(), order)
    except (ValueError, OverflowError):
        raise Refused(gate.NO_INSTANT) from None


def content_reader(layout: Layout) -> Callable[[list[str]], str]:
    """A function from row to what makes it equal to another: our columns' cells, in our order."""
    order = [layout.places[name] for name in rules.KINDS[rules.EVENTS].columns if name in layout.places]

    def content(row: list[str]) -> str:
        return "\x1f".join([row[place] for place in order])

    return content


def _millionths(text: str) -> int:
    value = number({"value": rules.unguarded(text.strip())}, "value")
    return 0 if value is None else rules.millionths(value)
