"""The portfolio's rows: one page of accounts in any order, with what they pay, in one statement; and band counts."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper

from crm.accounts.models import Account, AccountQuerySet, writable
from crm.lib.scope import named, named_text
from crm.lib.sql_files import load
from crm.segments.queries import Lists, condition, matching
from crm.staff.models import User
from crm.staff.queries import Text, compiled_per_scope
from crm.subscriptions.queries import facts
from retention.pages.fields import BANDS
from retention.pages.wanted import SORTS, Sort, Wanted
from retention.pulses import queries as pulses
from retention.scores.models import Band

PAGE = 50
TABLES = {
    "score": "retention_score_now", "figures": "crm_account_figures",
    "pulse": pulses.COUNTING.format(pulses=pulses.pulses_sql()),
}  # fmt: skip
OF_ACCOUNT = (
    "pk", "name", "external_id", "owner_id", "pool_id", "next_step", "next_step_on", "stage", "segment", "tags",
    "customer_since", "may_write",
)  # fmt: skip
# Looked up along the keys of the fifty accounts; as a subquery they would be joined to everybody's terms.
PAGE_ACCOUNTS = "ANY (ARRAY(SELECT pk FROM page))"
OF_PAGE = (
    "ANY (ARRAY(SELECT id FROM crm_account WHERE id = ANY (ARRAY(SELECT pk FROM page))"
    " OR merged_into_id = ANY (ARRAY(SELECT pk FROM page))))"
)
PULSES = f"LEFT JOIN {pulses.COUNTING.format(pulses=pulses.pulses_sql(OF_PAGE))} AS pulse ON pulse.account_id = page.pk"
# Columns whose values are only looked up where they are shown.
LOOKED_UP = ("seats", "plan", "last_use", "uses")


class Cursor(NamedTuple):
    """A place in a list: the part (0: with a value to sort by, 1: without), the values sorted by, the account."""

    part: int
    values: tuple[Any, ...]
    account: int

    @classmethod
    def read(cls, text: str, sort: Sequence[tuple[str, bool]]) -> "Cursor | None":
        """None for what does not stand for a place in this order."""
        try:
            part, account, *values = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            if part not in (0, 1) or type(account) is not int or not 0 <= account < 2**63 or len(values) != len(sort):
                return None
            read = [SORTS[key].read for key, _down in sort]
            found = tuple(None if v is None else fit(v) for fit, v in zip(read, values, strict=True))
        except (ValueError, TypeError, ArithmeticError):
            return None
        known = found[0] is not None
        return cls(part, found, account) if known == (part == 0) and all(map(_storable, found)) else None

    def __str__(self) -> str:
        text = orjson.dumps([self.part, self.account, *self.values], default=str)
        return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _storable(value: Any) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite() and abs(value) < 10**18
    return "\0" not in value if isinstance(value, str) else not isinstance(value, int) or abs(value) < 2**63


@dataclass
class Row:
    """One account of the list; `costliest` is the name of the measure that costs most, "" when none does.

    `plans`, `seats`, `last_use_on`, `uses` and `pulse` are only known where their column is shown.
    `computed`: the band that the points come to, where `band` is set by hand; else "".
    """

    part: int
    keys: tuple[Any, ...]
    pk: int
    name: str
    external_id: str
    next_step: str
    next_step_on: date | None
    stage: str
    segment: str
    tags: list[str]
    customer_since: date | None
    may_write: bool
    holder: str
    points: int | None
    band: str
    computed: str
    change: int | None
    costliest: str
    is_paid: bool
    mrr: Decimal | None
    renews_on: date | None
    seats: int | None
    plans: str | None
    last_use_on: date | None
    uses: int | None
    pulse: int | None

    @property
    def cursor(self) -> str:
        return str(Cursor(self.part, self.keys, self.pk))


@dataclass(frozen=True)
class Page:
    rows: list[Row]
    previous: str | None
    next: str | None


def wanted_accounts(user: User, wanted: Wanted, *, day: date, known: Lists | None = None) -> AccountQuerySet:
    """The accounts that the user sees and asks for. Raises `Unusable` for a filter that cannot be run."""
    return matching(wanted.tree, day=day, user=user, known=known)


def page(
    user: User, wanted: Wanted, *, day: date, after: Cursor | None = None, before: Cursor | None = None,
    known: Lists | None = None, limit: int = PAGE,
) -> Page:  # fmt: skip
    """One page of the list with its money, in one query whatever the number of accounts. Raises `Unusable`."""
    back = before is not None and after is None
    found = _rows(user, wanted, after or before, back=back, day=day, known=known, limit=limit + 1)
    more, rows = len(found) > limit, found[:limit]
    if back:
        rows.reverse()
    earlier, later = (more, True) if back else (after is not None, more)
    return Page(
        rows,
        previous=rows[0].cursor if rows and earlier else None,
        next=rows[-1].cursor if rows and later else None,
    )


def _rows(
    user: User, wanted: Wanted, start: Cursor | None, *, back: bool, day: date, known: Lists | None, limit: int
) -> list[Row]:
    text, parameters = statement(user, wanted, start, back=back, day=day, known=known)
    with connection.cursor() as cursor:
        cursor.execute(text, {**parameters, "limit": limit})
        n = len(wanted.sort)
        return [_row(part, keys=found[:n], rest=found[n:]) for part, *found in cursor.fetchall()]


def _row(part: int, *, keys: list[Any], rest: list[Any]) -> Row:
    row = Row(part, tuple(keys), *rest)
    row.band = Band(row.band).word
    row.computed = "" if row.computed is None else Band(row.computed).word
    return row


def statement(
    user: User, wanted: Wanted, start: Cursor | None = None, *, back: bool = False, day: date,
    known: Lists | None = None,
) -> tuple[str, dict[str, Any]]:  # fmt: skip
    """standings.sql filled in for this order, this way and this place in the list; all its parameters but %(limit)s."""
    accounts, parameters = _accounts(user)
    asked, values = named(*condition(wanted.tree, day=day, user=user, known=known), prefix="asked")
    accounts += f" AND ({asked})"
    parameters |= {**values, "day": day, "known": None}
    parameters |= {f"shows_{key}": key in wanted.columns for key in LOOKED_UP}
    sorts = [(SORTS[key], down) for key, down in wanted.sort]
    if start:
        parameters |= {f"key{n}": value for n, value in enumerate(start.values)} | {"account": start.account}
    places = [_place(sorts, start, part, back) for part in (0, 1)]
    if wanted.band and sorts[0][0].table == "score":
        # Says nothing new, but lets the list walk along the index of the band.
        places[0] += " AND score.band = %(band)s"
        parameters["band"] = int(BANDS[wanted.band])
    order = _order(sorts, back)
    parts = [_part(sorts, part, places[part], order, accounts) for part in ((1, 0) if back else (0, 1))]
    columns = [f"key_{n}" for n in range(len(sorts))]
    marks = {
        "/*first*/": parts[0],
        "/*second*/": parts[1],
        "/*order*/": ", ".join(["part" + (" DESC" if back else ""), *_order(sorts, back, columns)]),
        "/*keys*/": ", ".join(f"page.{column}" for column in columns),
        "/*pulse*/": "pulse.value" if "pulse" in wanted.columns else "NULL",
        "/*pulses*/": PULSES if "pulse" in wanted.columns else "",
        "/*facts*/": facts("mrr_on", "seats_on", "renewals", only=PAGE_ACCOUNTS).removeprefix("WITH "),
    }
    text = load(__file__, "standings")
    for mark, words in marks.items():
        text = text.replace(mark, words)
    return text, parameters


@compiled_per_scope
def _accounts(user: User) -> Text:
    """The accounts that the user sees; the statement ends within its WHERE, so that more can be asked of them."""
    seen = Account.objects.visible_to(user).filter(merged_into=None)
    rows = seen.annotate(may_write=ExpressionWrapper(writable(user), output_field=BooleanField()))
    return named_text(rows.values(*OF_ACCOUNT))


Sorts = Sequence[tuple[Sort, bool]]


def _part(sorts: Sorts, part: int, place: str, order: list[str], accounts: str) -> str:
    """The accounts that have a value to sort by first (part 0), read along its index, or those that have none."""
    first = sorts[0][0]
    tables = list(dict.fromkeys(sort.table for sort, _down in sorts if sort.table))
    source = f"({accounts}) AS account"
    if part == 0 and first.table:
        tables.remove(first.table)
        source = f"{TABLES[first.table]} AS {first.table} JOIN {source} ON account.pk = {first.table}.account_id"
    joins = "".join(f" LEFT JOIN {TABLES[table]} AS {table} ON {table}.account_id = account.pk" for table in tables)
    keys = "".join(f", {sort.value} AS key_{n}" for n, (sort, _down) in enumerate(sorts))
    there = "IS NULL" if part else "IS NOT NULL"
    order = order[part:]  # where the first value is missing, all are alike in it
    return f"""SELECT {part} AS part, account.*{keys} FROM {source}{joins}
    WHERE {first.value} {there}{place} ORDER BY {", ".join(order)} LIMIT %(limit)s"""


def _order(sorts: Sorts, back: bool, columns: Sequence[str] = ()) -> list[str]:
    """ORDER BY, with missing values last; the account's id decides, and follows the first order."""
    values = columns or [sort.value for sort, _down in sorts]
    words = []
    for value, (_sort, down) in zip(values, sorts, strict=True):
        words.append(f"{value} {'DESC' if down != back else 'ASC'}")
    for n in range(1, len(words)):
        words[n] += f" NULLS {'FIRST' if back else 'LAST'}"
    last = "pk" if columns else "account.pk"
    return [*words, f"{last} {'DESC' if sorts[0][1] != back else 'ASC'}"]


def _place(sorts: Sorts, start: Cursor | None, part: int, back: bool) -> str:
    """The condition of a part that leaves out what lies before the place, as the list is read."""
    if start is None or (part > start.part if not back else part < start.part):
        return ""
    if part != start.part:
        return " AND FALSE"
    pk = "account.pk"
    lead, leads_down = sorts[0]
    sign = "<" if leads_down != back else ">"
    if part == 0 and len(sorts) == 1:
        return f" AND ({lead.value}, {_own(lead) or pk}) {sign} (%(key0)s, %(account)s)"
    place = f"{pk} {sign} %(account)s"
    for n in reversed(range(part, len(sorts))):
        sort, down = sorts[n]
        same, beyond = _beyond(sort.value, n, start.values[n], "<" if down != back else ">", back)
        place = f"({beyond} OR ({same} AND {place}))"
    # The first order once more by itself, so that its index is entered at the place.
    return f" AND {place}" + (f" AND {lead.value} {sign}= %(key0)s" if part == 0 else "")


def _own(sort: Sort) -> str:
    """The account's id as the table that is sorted by has it, so that its index holds the whole comparison."""
    return f"{sort.table}.account_id" if sort.table else ""


def _beyond(value: str, n: int, at: Any, sign: str, back: bool) -> tuple[str, str]:
    """(is the same, comes after) for one order, missing values standing last."""
    if at is None:
        return f"{value} IS NULL", f"{value} IS NOT NULL" if back else "FALSE"
    missing = "" if back else f" OR {value} IS NULL"
    return f"{value} = %(key{n})s", f"({value} {sign} %(key{n})s{missing})"


_COUNTS = """
SELECT coalesce(now.band, 0), count(*)
FROM ({accounts}) AS account LEFT JOIN retention_score_now AS now ON now.account_id = account.pk
GROUP BY 1
"""


def band_counts(user: User, wanted: Wanted, *, day: date) -> dict[str, int]:
    """How many of the wanted accounts stand in each band; never judged ones count as unknown. One grouped query."""
    rows = wanted_accounts(user, wanted.but(band=""), day=day)
    accounts, parameters = named_text(rows.values("pk"))
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS.format(accounts=accounts), parameters)
        counted: dict[int, int] = dict(cursor.fetchall())
    return {word: counted.get(int(band), 0) for word, band in BANDS.items()}


def of_ids(user: User, ids: Sequence[int]) -> AccountQuerySet:
    """These accounts, as far as the user sees them."""
    return Account.objects.visible_to(user).filter(pk__in=ids, merged_into=None)
