"""The demo's data as the doors take them: CSV files for imports, and batches as an SDK sends them. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from retention.management.demo.company import DOMAIN, GROWING, PLANS, Customer, Use, uses

BATCH = 400
GROWTH = 1.25  # what who grows buys more with a renewal
NOTICE = {"starter": 30, "team": 60, "business": 90}  # days before the renewal
Event = dict[str, Any]


def address(key: str) -> str:
    return f"{key}@{DOMAIN}"


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A CSV file as text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def plans_csv() -> str:
    return table(("external_id", "name", "features"), ((code, name, ";".join(keys)) for code, name, _, keys in PLANS))


def accounts_csv(customers: Iterable[Customer], today: date) -> str:
    header = ("external_id", "name", "domains", "segment", "owner", "time_zone", "language", "currency")
    return table(
        (*header, "customer_since"),
        (
            (c.key, c.name, c.domain, c.segment, address(c.owner), c.zone, c.language, "EUR", _begin(c, today))
            for c in customers
        ),
    )


def _begin(customer: Customer, today: date) -> date:
    return today - timedelta(days=customer.begins)


def contacts_csv(customers: Iterable[Customer], today: date) -> str:
    """Roles, titles and who has left; names and addresses come with the identify calls."""
    return table(
        ("account", "email", "name", "role", "job_title", "left_on"),
        (
            (c.key, p.email, p.name, p.role, p.title, today - timedelta(days=p.leaves) if p.leaves >= 0 else "")
            for c in customers
            for p in c.people
        ),
    )


def subscriptions_csv(customers: Iterable[Customer], today: date) -> str:
    """One row per yearly term, and one more where the price was raised."""
    header = ("account", "subscription", "plan", "start", "end", "seats", "mrr", "billing_months", "currency")
    return table((*header, "renewal", "notice"), (row for c in customers for row in _terms(c, today)))


YEAR = timedelta(days=365)


def renewal_days(customer: Customer, today: date) -> list[date]:
    """The days on which yearly terms ended or will end, the next one last."""
    begin = _begin(customer, today)
    return [begin + YEAR * n for n in range(1, (today - begin).days // 365 + (customer.story.ended < 0) + 1)]


def mrr_of(customer: Customer) -> int:
    return next(price for code, _, price, _ in PLANS if code == customer.plan) * customer.seats


def _terms(customer: Customer, today: date) -> Iterator[tuple[object, ...]]:
    """Who grows buys more with the latest renewal; a raised price holds from its day on, in the middle of a term."""
    days = renewal_days(customer, today)
    raised_at, factor = customer.story.price_change
    raised = today - timedelta(days=raised_at) if raised_at >= 0 else None
    starts = sorted({_begin(customer, today), *(day for day in days if day <= today), *([raised] if raised else [])})
    end = days[-1] if customer.story.ended >= 0 else ""
    for start in starts:
        if start == end:
            continue
        renewal = next(day for day in days if day > start)
        times = factor if raised and start >= raised else GROWTH if grown(customer, start, days) else 1
        terms = (start, end, customer.seats, round(mrr_of(customer) * times, 2), 12, "EUR", renewal)
        yield (
            customer.key,
            f"{customer.key}-main",
            customer.plan,
            *terms,
            renewal - timedelta(days=NOTICE[customer.plan]),
        )


def grown(customer: Customer, start: date, days: list[date]) -> bool:
    return customer.story is GROWING and len(days) > 1 and start >= days[-2]


def batches(customer: Customer, today: date) -> Iterator[list[Event]]:
    """A customer's calls as an SDK would have sent them: identify and group first, then every use."""
    calls = [*_introductions(customer, today), *(_track(customer, use, today) for use in uses(customer, today))]
    for start in range(0, len(calls), BATCH):
        yield calls[start : start + BATCH]


def _introductions(customer: Customer, today: date) -> Iterator[Event]:
    since = _instant(today, min(customer.begins, 300), 300)
    for person in customer.people:
        common = {"userId": person.key, "timestamp": since}
        identity = {"name": person.name, "email": person.email, "title": person.title}
        yield {"type": "identify", "messageId": f"{person.key}-identify", "traits": identity, **common}
        group = {"name": customer.name, "industry": customer.segment, "employees": customer.seats * 12}
        yield {"type": "group", "messageId": f"{person.key}-group", "groupId": customer.key, "traits": group, **common}


def _track(customer: Customer, use: Use, today: date) -> Event:
    return {
        "type": "track",
        "messageId": f"{use.person}-{use.days_ago}-{use.minute}-{use.feature.key}",
        "userId": use.person,
        "event": use.feature.event,
        "properties": {use.feature.amount: use.amount} if use.feature.amount else {},
        "timestamp": _instant(today, use.days_ago, use.minute),
    }


def _instant(today: date, days_ago: int, minute: int) -> str:
    at = datetime.combine(today - timedelta(days=days_ago), time(), UTC) + timedelta(minutes=minute)
    return at.isoformat().replace("+00:00", "Z")
