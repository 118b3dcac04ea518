"""The portfolio's rows: a page of accounts by score, what they pay, and how many stand in each band."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from django.contrib.postgres.search import SearchVector
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Lower

from crm.accounts.models import GONE, Account, AccountQuerySet, Stage
from crm.lib.scope import named_text
from crm.lib.search import beginnings, cleaned
from crm.lib.sql_files import load
from crm.staff.models import User
from crm.subscriptions.queries import facts
from retention.scores.models import Band

PAGE = 50
BANDS = {band.word: band for band in (Band.LEAVING, Band.AT_RISK, Band.STEADY, Band.THRIVING, Band.UNKNOWN)}
KNOWN, UNKNOWN, NEVER = 0, 1, 2


@dataclass(frozen=True)
class Wanted:
    """What the address asks for; anything unreadable in it asks for nothing.

    `owner`: me, team, nobody, a user's id, or empty for everyone. `stage` empty: whoever has not gone.
    """

    q: str = ""
    band: str = ""
    owner: str = ""
    stage: str = ""

    @classmethod
    def read(cls, given: Any) -> "Wanted":
        owner, stage, band = given.get("owner", ""), given.get("stage", ""), given.get("band", "")
        return cls(
            q=cleaned(given.get("q", "")),
            band=band if band in BANDS else "",
            owner=owner if owner in ("me", "team", "nobody") or re.fullmatch(r"[0-9]{1,18}", owner) else "",
            stage=stage if stage == "all" or stage in Stage.values else "",
        )

    def __bool__(self) -> bool:
        return bool(self.q or self.band or self.owner or self.stage)


class Cursor(NamedTuple):
    """A place in the list: the part, the points (0 outside the first part) and the account."""

    part: int
    points: int
    account: int

    @classmethod
    def read(cls, text: str) -> "Cursor | None":
        found = re.fullmatch(r"([012])\.([0-9]{1,4})\.([0-9]{1,18})", text, re.ASCII)
        return cls(*map(int, found.groups())) if found else None

    def __str__(self) -> str:
        return f"{self.part}.{self.points}.{self.account}"


@dataclass
class Row:
    """One account of the list; `costliest` is the name of the measure that costs most, "" when none does."""

    part: int
    pk: int
    name: str
    holder: str
    next_step: str
    next_step_on: date | None
    points: int | None
    band: str
    change: int | None
    costliest: str
    mrr: Decimal | None = None
    is_paid: bool = False
    renews_on: date | None = None

    @property
    def cursor(self) -> str:
        return str(Cursor(self.part, self.points or 0, self.pk))


@dataclass(frozen=True)
class Page:
    rows: list[Row]
    previous: str | None
    next: str | None


def named(rows: AccountQuerySet, q: str) -> AccountQuerySet:
    """Those in whose name or external id every word of `q` begins a word, or whose name begins with `q` as typed."""
    if not q:
        return rows
    words = SearchVector("name", "external_id", config="simple")
    found = rows.alias(words=words, lower=Lower("name"))
    return found.filter(Q(words=beginnings(q)) | Q(lower__startswith=q.lower()))


def wanted_accounts(user: User, wanted: Wanted) -> AccountQuerySet:
    """The accounts that the user sees and asks for, whatever their band."""
    rows = named(Account.objects.visible_to(user).filter(merged_into=None), wanted.q)
    if not wanted.stage:
        rows = rows.exclude(stage__in=GONE)
    elif wanted.stage != "all":
        rows = rows.filter(stage=wanted.stage)
    if wanted.owner == "me":
        return rows.filter(owner=user.pk)
    if wanted.owner == "team":
        return rows.filter(Q(owner__team=user.team_id) | Q(pool=user.team_id)) if user.team_id else rows.none()
    if wanted.owner == "nobody":
        return rows.filter(owner=None, pool=None)
    return rows.filter(owner=int(wanted.owner)) if wanted.owner else rows


def page(user: User, wanted: Wanted, *, after: Cursor | None = None, before: Cursor | None = None, day: date) -> Page:
    """One page of the list with its money, in two queries whatever the number of accounts."""
    back = before is not None and after is None
    found = _standings(user, wanted, after or before, back=back)
    more, rows = len(found) > PAGE, found[:PAGE]
    if back:
        rows.reverse()
    _add_money(rows, day)
    earlier, later = (more, True) if back else (after is not None, more)
    return Page(
        rows,
        previous=rows[0].cursor if rows and earlier else None,
        next=rows[-1].cursor if rows and later else None,
    )


def _standings(user: User, wanted: Wanted, start: Cursor | None, *, back: bool) -> list[Row]:
    columns = wanted_accounts(user, wanted).values("pk", "name", "owner_id", "pool_id", "next_step", "next_step_on")
    accounts, parameters = named_text(columns)
    text = _towards(load(__file__, "standings"), start, back=back)
    text = text.replace("/*band*/", "AND now.band = %(band)s" if wanted.band else "")
    if wanted.band:
        parameters["band"] = BANDS[wanted.band]
        text = text.replace("/*never band*/", "AND %(band)s = 0")
    if start:
        parameters |= {"points": start.points, "account": start.account}
    with connection.cursor() as cursor:
        cursor.execute(text.replace("/*accounts*/", accounts), {**parameters, "limit": PAGE + 1})
        return [_row(*found) for found in cursor.fetchall()]


def _towards(text: str, start: Cursor | None, *, back: bool) -> str:
    """The statement read one way or the other from a place in the list."""
    sign: Literal["<", ">"] = "<" if back else ">"
    names = {KNOWN: "known", UNKNOWN: "unknown", NEVER: "never"}
    keys = {
        KNOWN: f"AND (now.points, now.account_id) {sign} (%(points)s, %(account)s)",
        UNKNOWN: f"AND now.account_id {sign} %(account)s",
        NEVER: f"AND account.pk {sign} %(account)s",
    }
    for part, name in names.items():
        passed = start is not None and (part > start.part if back else part < start.part)
        begins = start is not None and part == start.part
        text = text.replace(f"/*{name} from*/", "AND FALSE" if passed else keys[part] if begins else f"/*{name} from*/")
    nothing = "(SELECT WHERE FALSE) AS nothing"
    if back:
        # Parts stand in the order in which WITH needs them, so the way back reads all three.
        text = text.replace("/*before unknown*/", nothing).replace("/*before never*/", nothing)
        return text.replace("/*way*/", "DESC")
    text = text.replace("/*before unknown*/", "known")
    return text.replace("/*before never*/", "(TABLE known UNION ALL TABLE unknown) AS earlier").replace("/*way*/", "")


def _row(
    part: int, pk: int, name: str, holder: str | None, next_step: str, on: date | None, points: int | None,
    band: int, change: int | None, costliest: str | None,
) -> Row:  # fmt: skip
    return Row(part, pk, name, holder or "", next_step, on, points, Band(band).word, change, costliest or "")


_MONEY = """
SELECT account_id, mrr_on.account_id IS NOT NULL, mrr_on.mrr, renewals.renews_on
FROM unnest(%(accounts)s::bigint[]) AS wanted (account_id)
LEFT JOIN mrr_on USING (account_id)
LEFT JOIN renewals USING (account_id)
"""


def _add_money(rows: Collection[Row], day: date) -> None:
    text = facts("mrr_on", "renewals") + _MONEY
    with connection.cursor() as cursor:
        cursor.execute(text, {"accounts": [row.pk for row in rows], "day": day, "known": None})
        money = {account: rest for account, *rest in cursor.fetchall()}
    for row in rows:
        row.is_paid, row.mrr, row.renews_on = money[row.pk]


_COUNTS = """
SELECT coalesce(now.band, 0), count(*)
FROM ({accounts}) AS account LEFT JOIN retention_score_now AS now ON now.account_id = account.pk
GROUP BY 1
"""


def band_counts(user: User, wanted: Wanted) -> dict[str, int]:
    """How many of the wanted accounts stand in each band; never judged ones count as unknown. One grouped query."""
    accounts, parameters = named_text(wanted_accounts(user, wanted).values("pk"))
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS.format(accounts=accounts), parameters)
        counted: dict[int, int] = dict(cursor.fetchall())
    return {word: counted.get(int(band), 0) for word, band in BANDS.items()}
