"""The account's own figures, for many accounts at once, and the names under which templates may use them."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import connection

from crm.lib.prepared import prepared_cursor
from crm.lib.sql_files import load
from crm.subscriptions.queries import facts
from retention.measures.queries import not_needed_sql
from retention.messages import rules
from retention.messages.models import MessageTemplate
from retention.messages.rules import Recap, Use

ACTIVE_FROM = 5  # flagged uses in 28 days, as definitions.md has it for depth

# Every name that a template may use. A value may still be missing for one account: then the default, or the lint.
NAMES = frozenset(
    {
        "contact.name", "contact.first_name", "contact.greeting", "account.name", "product", "company",
        "owner.name", "owner.title", "owner.phone", "seats", "people.active", "people.before",
        "use.feature", "use.amount", "use.before", "use.unit", "use.price", "unused.feature", "meeting.day",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Consumption:
    """What one account used. `unused`: key features of the paid plan without meaningful use.

    `days`: flagged uses by day, filled only where more than 56 days were asked for; no key: no use.
    """

    uses: tuple[Use, ...] = ()
    unused: tuple[str, ...] = ()
    days: Mapping[date, int] = field(default_factory=dict)


class Standing(NamedTuple):
    """Who is active and what is paid on a day. `seats` None: none stated; paid without `mrr`: a rate is missing."""

    active: int
    active_before: int
    seats: int | None
    is_paid: bool
    mrr: Decimal | None
    mean_mrr: Decimal | None
    plans: str
    renews_on: date | None
    notice_on: date | None
    started_on: date | None
    churned_on: date | None
    currency: str


def recap(accounts: Collection[int], day: date) -> dict[int, Recap]:
    """What each account got for what it pays, from usage through the day before `day`. Two queries for all."""
    used, standing = consumption(accounts, day), standings(accounts, day)
    return {account: recap_of(used.get(account, Consumption()), standing[account]) for account in accounts}


def recap_of(used: Consumption, standing: Standing) -> Recap:
    """One account's recap from what both queries found."""
    main = rules.main_use(used.uses)
    return Recap(
        active=standing.active,
        active_before=standing.active_before,
        seats=standing.seats,
        feature=main.name if main else "",
        unit=main.unit if main else "",
        amount=main.now if main else Decimal(0),
        amount_before=main.before if main else Decimal(0),
        per_unit=rules.per_unit(standing.mean_mrr, main.now) if main else None,
        currency=standing.currency,
        mrr=standing.mrr,
        unused=used.unused,
    )


def consumption(accounts: Collection[int], day: date, *, span: int = 56) -> dict[int, Consumption]:
    """What each account used in the `span` days before `day`. No key: nothing used and no plan paid. One query."""
    text = load(__file__, "recap_use").replace("/*facts*/", facts("paid_plan_features"))
    text = text.replace("/*not needed*/", not_needed_sql())
    rows = _rows(text, accounts, day=day, known=None, span=span)
    return {account: _consumption(list(own)) for account, own in groupby(rows, key=itemgetter(0))}


def _consumption(rows: list[tuple[Any, ...]]) -> Consumption:
    uses = {row[1]: _use(*row[1:7], *row[8:12]) for row in rows if row[1] is not None}
    paid = [uses[row[1]] for row in rows if row[7]]
    days: dict[date, int] = defaultdict(int)
    for row in rows:
        for day, count in json.loads(row[12] or "{}").items():
            days[date.fromisoformat(day)] += count
    return Consumption(tuple(uses.values()), rules.unused(paid, uses), days)


def standings(accounts: Collection[int], day: date) -> dict[int, Standing]:
    """Active people and money of each account, every one with a key. One query."""
    head = facts("mrr_on", "seats_on", "mean_mrr", "renewals", "churned_on")
    text = load(__file__, "recap_money").replace("/*facts*/", head)
    window = {"start": day - timedelta(days=28), "end": day}
    rows = _rows(text, accounts, day=day, known=None, threshold=ACTIVE_FROM, **window)
    return {account: Standing(*row) for account, *row in rows}


def _use(pk: int, name: str, unit: str, is_key: bool, counts_amount: bool, threshold: int, *sums: int) -> Use:
    now, then, amount, amount_before = (Decimal(value) for value in sums)
    if counts_amount:
        now, then = amount / rules.MICRO, amount_before / rules.MICRO
    return Use(pk, name, unit, is_key, threshold, now, then)


def _rows(text: str, accounts: Collection[int], **parameters: Any) -> list[tuple[Any, ...]]:
    # A page's one account is planned once; for very many another plan is better.
    with prepared_cursor() if len(accounts) == 1 else connection.cursor() as cursor:
        cursor.execute(text, {"accounts": list(accounts), **parameters})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def template_for(key: str, language: str) -> MessageTemplate | None:
    """The template in the language, else in English; null when there is none."""
    found = {t.language: t for t in MessageTemplate.objects.filter(key=key, language__in=[language, "en"])}
    return found.get(language) or found.get("en")
