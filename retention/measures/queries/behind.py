"""The rows that add up to a reading of an account, found anew among the facts, where no other page has them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from crm.lib.sql_files import load
from crm.staff.queries import installation
from retention.measures.queries.kinds import KINDS
from retention.measures.queries.reading import prepare
from retention.measures.rules import Measure

Days = dict[date, Decimal]


@dataclass(frozen=True)
class Part:
    """One row: a key feature, a person, an answer, a value. `value` is what it brings, `before` the same in the window
    before; `needed`: from how much on it counts. `days`: what the value adds up from. `counts`: it is in the reading.
    """

    name: str
    value: Decimal
    before: Decimal = Decimal(0)
    needed: Decimal | None = None
    on: date | None = None
    contact: int | None = None
    counts: bool = True
    days: Days = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """What was paid from a day until another: MRR in the reporting currency (None: no rate), and seats on the day."""

    plan: str
    from_on: date
    until_on: date
    mrr: Decimal | None
    seats: int | None


@dataclass(frozen=True)
class Behind:
    """All that a reading is made of. `tenure`: days as a customer, the window at most; `price`: of the whole window."""

    parts: list[Part]
    lines: list[Line]
    tenure: int
    seats: Decimal | None
    price: Decimal | None


def behind(account: int, measure: Measure, day: date) -> Behind | None:
    """What the measure reads of the account as of `day`; None when it is no live account that day. Nothing stays."""
    with transaction.atomic():
        prepare(day, [measure], known=None, only=f"SELECT {account:d}")
        found = _behind(account, measure, day)
        transaction.set_rollback(True)
    return found


def _behind(account: int, measure: Measure, day: date) -> Behind | None:
    price = f"price_{measure.window}" if measure.per_price else "NULL::numeric"
    standing = _rows(f"SELECT tenure, seats, {price} FROM judged", {})
    if not standing:
        return None
    tenure, seats, paid = standing[0]
    lived = max(min(tenure, measure.window), 1)
    parts = _FINDERS[measure.kind](account, measure, day, lived) if measure.kind in _FINDERS else []
    return Behind(parts, _lines(account, measure, day), lived, seats, paid)


def _rows(text: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(text, given)
        return list(cursor.fetchall())


def _found(name: str, **given: Any) -> list[tuple[Any, ...]]:
    return _rows(load(__file__, f"behind_{name}"), given)


def _lines(account: int, measure: Measure, day: date) -> list[Line]:
    reach = installation().paid_through
    end = min(day, reach + timedelta(1)) if reach else day
    span = {"start": end - timedelta(measure.window), "end": end, "book": min(day, reach) if reach else day}
    return [Line(*row) for row in _found("price", account=account, **span)]


def _used(account: int, day: date, days: int) -> dict[int | None, tuple[str, Days, Days]]:
    """By feature: its name, uses by day, amounts by day."""
    found: dict[int | None, tuple[str, Days, Days]] = {}
    for feature, name, on, uses, amount in _found("days", account=account, day=day, days=days):
        _name, by_uses, by_amount = found.setdefault(feature, (name or "", {}, {}))
        by_uses[on], by_amount[on] = uses, amount
    return found


def _key_features(account: int, measure: Measure, day: date, lived: int) -> list[Part]:
    """Key features of the plan, each with what was done of it and from how much on that is meaningful."""
    used, parts = _used(account, day, measure.window), []
    for feature, name, threshold, counts_amount in _found("keys"):
        _name, uses, amount = used.get(feature, ("", {}, {}))
        days = amount if counts_amount else uses
        done, needed = sum(days.values(), Decimal(0)), Decimal(threshold * lived) / 28
        parts.append(Part(name, done, needed=needed, counts=done >= needed, days=days))
    return parts


def _people(account: int, measure: Measure, day: date, lived: int) -> list[Part]:
    needed = Decimal((measure.threshold or 1) * lived) / 28
    return [
        Part(name or person, uses, needed=needed, on=last, contact=contact, counts=uses >= needed)
        for person, contact, name, uses, last in _found("people", account=account, day=day, days=measure.window)
    ]


def _features(account: int, measure: Measure, day: date, lived: int) -> list[Part]:
    """What was done of the chosen feature, or of all mapped ones, now and in the window before."""
    start, parts = day - timedelta(measure.window), []
    for feature, (name, uses, amount) in _used(account, day, 2 * measure.window).items():
        if feature is None if measure.feature is None else feature != measure.feature:
            continue
        days = amount if measure.counts_amount else uses
        now = {on: value for on, value in days.items() if on >= start}
        before = sum((value for on, value in days.items() if on < start), Decimal(0))
        parts.append(Part(name, sum(now.values(), Decimal(0)), before=before, on=max(days), days=now))
    return parts


def _last_use(account: int, measure: Measure, day: date, lived: int) -> list[Part]:
    """The newest day of each feature, or of anything that counts as use; older than the window is as old as it."""
    wanted = {
        name: max(uses)
        for feature, (name, uses, _amount) in _used(account, day, measure.window).items()
        if measure.feature in (None, feature)
    }
    newest = max(wanted.values(), default=None)
    return [Part(name, Decimal((day - on).days), on=on, counts=on == newest) for name, on in wanted.items()]


def _answers(account: int, measure: Measure, day: date, lived: int) -> list[Part]:
    return [
        Part(name, Decimal(score), on=on, contact=contact, counts=counts)
        for contact, name, score, on, counts in _found("answers", account=account, day=day, valid=_valid(measure))
    ]


def _values(account: int, measure: Measure, day: date, lived: int) -> list[Part]:
    found = _found("trait", account=account, day=day, trait=measure.trait, valid=_valid(measure))
    return [Part("", value, on=on, counts=counts) for value, on, counts in found]


def _valid(measure: Measure) -> int:
    return KINDS[measure.kind].valid_days if measure.valid_days is None else measure.valid_days


_FINDERS: dict[str, Callable[[int, Measure, date, int], list[Part]]] = {
    "breadth": _key_features,
    "unused": _key_features,
    "depth": _people,
    "reach": _features,
    "trend": _features,
    "recency": _last_use,
    "survey": _answers,
    "trait": _values,
}
