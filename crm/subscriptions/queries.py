"""What accounts pay: on a day, over a window, and how it moved; for all accounts at once.

Days are UTC and windows half-open. A merged account's lines count for the one that took its place. Every
function takes `known`: only changes recorded by that instant (None: all), and `accounts`: only these (None: all).
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from django.db import connection

from crm.lib.sql_files import load
from crm.staff.queries import installation
from crm.subscriptions import rules

Accounts = Collection[int] | None
THESE = "ANY (%(accounts)s::bigint[])"


def sql(name: str, *, only: str = "") -> str:
    """The text of a query, to run or to stand in brackets in another one.

    Parameters are named: %(known)s always, %(day)s or %(start)s and %(end)s as the file says. `only` is the
    text of a SELECT of account ids, or ANY (an array of them); accounts merged into these are included.
    """
    term = load(__file__, "term").replace("/*only*/", _only(only) if only else "")
    return term if name == "term" else f"WITH term AS ({term})\n{_flat(load(__file__, name))}"


def state_sql(windows: Iterable[int]) -> str:
    """`sql` of `paid_state`, with mrr_W over [%(start_W)s, %(end_W)s) for each of these windows."""
    mean = load(__file__, "paid_mean")
    means = (
        f",\n{mean.replace('%(start)s', f'%(start_{w})s').replace('%(end)s', f'%(end_{w})s').rstrip()} AS mrr_{w}"
        for w in windows
    )
    return sql("paid_state").replace("/*means*/", "".join(means))


def facts(*names: str, only: str = THESE) -> str:
    """The head of a query over several of these at once: a WITH list that works the terms out a single time.

    Each name is then a table of the list. `only` as for `sql`; unless told, the parameter %(accounts)s.
    """
    # Materialized, because planning them all as one join takes longer than running them.
    parts = [f"{name} AS MATERIALIZED (\n{load(__file__, name)})" for name in names]
    return ",\n".join([f"WITH term AS MATERIALIZED (\n{sql('term', only=only)})", *parts])


def troubles_sql(only: str = "") -> str:
    """The text of `troubles`, to run or to stand in brackets; `only` as for `sql`."""
    return load(__file__, "troubles").replace("/*only*/", _only(only) if only else "")


def _only(accounts: str) -> str:
    if accounts.startswith("ANY"):
        # A list is looked up along both keys at once; as a subquery it would be joined to the whole table.
        return f"""AND held.account_id = ANY (ARRAY(
        SELECT id FROM crm_account WHERE id = {accounts} OR merged_into_id = {accounts}))"""
    return f"""AND held.account_id IN (
        SELECT id FROM crm_account WHERE id IN ({accounts})
        UNION ALL SELECT id FROM crm_account WHERE merged_into_id IN ({accounts}))"""


def _flat(text: str) -> str:
    """A file that begins with its own WITH goes on the list that `term` has begun."""
    head, found, rest = text.partition("\nWITH ")
    return f"{head}\n, {rest}" if found else text


def _rows(name: str, accounts: Accounts, **parameters: Any) -> list[tuple[Any, ...]]:
    text = sql(name, only="" if accounts is None else THESE)
    with connection.cursor() as cursor:
        cursor.execute(text, parameters | ({} if accounts is None else {"accounts": list(accounts)}))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def mrr_on(day: date, *, known: datetime | None = None, accounts: Accounts = None) -> dict[int, Decimal | None]:
    """MRR per account in the reporting currency, at the rate of each term's start.

    No key: no paid term that day. None: a rate is missing.
    """
    return dict(_rows("mrr_on", accounts, day=day, known=known))


def seats_on(day: date, *, known: datetime | None = None, accounts: Accounts = None) -> dict[int, int | None]:
    """Paid seats per account. No key: no paid term that day. None: no paid line states seats."""
    return dict(_rows("seats_on", accounts, day=day, known=known))


def mean_mrr(
    start: date, end: date, *, known: datetime | None = None, accounts: Accounts = None
) -> dict[int, Decimal | None]:
    """Mean daily MRR per account over [start, end), days without a paid term counting 0.

    No key: nothing paid in the window. None: a rate is missing for part of it.
    """
    return {row[0]: row[1] for row in _rows("mean_mrr", accounts, start=start, end=end, known=known)}


class Renewal(NamedTuple):
    renews_on: date
    notice_on: date | None


def renewals(day: date, *, known: datetime | None = None, accounts: Accounts = None) -> dict[int, Renewal]:
    """The nearest renewal on or after `day` among the lines that are paid on it. No key: none is stated."""
    return {row[0]: Renewal(*row[1:]) for row in _rows("renewals", accounts, day=day, known=known)}


def churned_on(day: date, *, known: datetime | None = None, accounts: Accounts = None) -> dict[int, date | None]:
    """First day without a paid term, for every account that had one by `day`.

    None: live. Coverage that ends with the data (`Installation.paid_through`) is censored, so live too.
    """
    return {row[0]: row[2] for row in _rows("churned_on", accounts, day=day, known=known)}


class Trouble(NamedTuple):
    """Money of one invoice that is not settled, as rules.Trouble."""

    account_id: int
    subscription_id: int
    invoice: str
    kind: str
    since: date
    failures: int
    amount: Decimal | None
    currency: str
    payment: int  # the row that it began with


def troubles(day: date, *, known: datetime | None = None, accounts: Accounts = None) -> list[Trouble]:
    """What was failed or disputed and not settled at the end of `day`, by account, the longest first. One query."""
    given = {"day": day, "known": known} | ({} if accounts is None else {"accounts": list(accounts)})
    with connection.cursor() as cursor:
        cursor.execute(troubles_sql("" if accounts is None else THESE), given)
        return [Trouble(*row) for row in cursor.fetchall()]


class PaidFeatures(NamedTuple):
    everything: bool
    features: frozenset[int]


def paid_plan_features(
    day: date, *, known: datetime | None = None, accounts: Accounts = None
) -> dict[int, PaidFeatures]:
    """Features that the plans paid on `day` include. No key: no plan is paid. `everything`: whatever exists."""
    found: dict[int, PaidFeatures] = {}
    for account, feature, everything in _rows("paid_plan_features", accounts, day=day, known=known):
        so_far = found.get(account, PaidFeatures(False, frozenset()))
        more = frozenset() if feature is None else frozenset({feature})
        found[account] = PaidFeatures(so_far.everything or everything, so_far.features | more)
    return found


def steps(day: date, *, account: int) -> list[rules.Step]:
    """The MRR of one account from each day on which it changed, up to `day`; earliest first."""
    rows = _rows("mrr_steps", [account], start=date.min, end=day, known=None)
    return [rules.Step(*row[1:]) for row in rows if row[0] == account]


def all_steps(day: date) -> list[tuple[int, date, bool, Decimal | None]]:
    """(account, from which day on, whether anything is paid, MRR) of every step through `day`, by account and day."""
    return [row[:4] for row in _rows("mrr_steps", None, start=date.min, end=day, known=None)]


class Movement(NamedTuple):
    """A named step of one account's MRR. `amount` in the reporting currency; None: a rate is missing."""

    account_id: int
    day: date
    kind: str
    amount: Decimal | None


def movements(start: date, end: date, *, accounts: Accounts = None) -> list[Movement]:
    """Movements on the days after `start` through `end`, by account and day.

    Where every rate is known they add up to MRR(end) − MRR(start). Nothing is named beyond the day through
    which the subscriptions are known: what ends with the data has not churned.
    """
    reach = installation().paid_through
    return list(_movements(start, min(end, reach) if reach else end, accounts))


def _movements(start: date, end: date, accounts: Accounts) -> Iterator[Movement]:
    rows = _rows("mrr_steps", accounts, start=start, end=end, known=None)
    for account, steps in groupby(rows, key=lambda row: int(row[0])):
        for move in rules.moves(rules.Step(*row[1:]) for row in steps):
            if start < move.day:
                yield Movement(account, move.day, move.kind, move.amount)
