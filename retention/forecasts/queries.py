"""Renewals with what is expected of them and what came of them; for all accounts that somebody sees at once."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q

from crm.accounts.models import Account, AccountQuerySet
from crm.lib.scope import named_text
from crm.lib.sql_files import load
from crm.staff.models import User
from crm.subscriptions.queries import sql
from retention.forecasts import rules
from retention.forecasts.models import Forecast
from retention.forecasts.rules import Record
from retention.scores.models import Band

PAGE = 50


@dataclass(frozen=True)
class Asked:
    """Which renewals: those from `start` up to `end` of these accounts. Empty: whatever it is.

    `category` "none": without a forecast.
    """

    start: date
    end: date
    owner: str = ""
    band: Band | None = None
    category: str = ""


@dataclass(frozen=True)
class Renewal:
    """The lines of one account that renew on one day; MRR in the reporting currency, None: a rate is missing.

    `expected`: MRR as forecast; None: not stated. `stood`: the forecast 30 days before, by `stood_by`.
    `outcome` empty: not settled; `after`: MRR of these lines on the day.
    """

    account_id: int
    name: str
    owner_id: int | None
    renews_on: date
    notice_on: date | None
    lines: int
    mrr: Decimal | None
    forecast_id: int | None
    category: str
    expected: Decimal | None
    stood_id: int | None
    stood: str
    stood_by: int | None
    after: Decimal | None
    outcome: str
    points: int | None
    band: int
    computed_band: int | None

    @property
    def key(self) -> tuple[int, date]:
        return self.account_id, self.renews_on


class Total(NamedTuple):
    """Renewals of one month, owner, forecast and outcome; the sums leave out the `unpriced` ones.

    `notices`: whose notice day comes within 30 days.
    """

    month: date
    owner_id: int | None
    category: str
    outcome: str
    renewals: int
    mrr: Decimal
    unpriced: int
    expected: Decimal
    after: Decimal
    notices: int


def renewals(
    user: User, asked: Asked, *, day: date, after: tuple[date, int] | None = None, only: int | None = None,
    limit: int = PAGE,
) -> list[Renewal]:  # fmt: skip
    """A page of renewals by day, and one more if there are more. `after`: the day and account that a page ended with.

    `only`: of this account alone.
    """
    on, pk = after or (None, 0)
    rows = _run("renewals", user, asked, day, only, after_on=on, after_id=pk, limit=limit + 1)
    return [Renewal(*row) for row in rows]


def totals(user: User, asked: Asked, *, day: date) -> list[Total]:
    return [Total(*row) for row in _run("totals", user, asked, day, None, soon=rules.SOON_DAYS)]


def records(user: User, asked: Asked, *, day: date) -> dict[int, Record]:
    """How many forecasts of each author came true, of the settled renewals that the user sees; by user id."""
    counted: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for author, category, outcome, count in _run("judged", user, asked, day, None):
        right = rules.came_true(category, outcome)
        if right is not None:
            counted[author][0] += count * right
            counted[author][1] += count
    return {author: Record(*counts) for author, counts in counted.items()}


def _run(name: str, user: User, asked: Asked, day: date, only: int | None, **more: Any) -> list[tuple[Any, ...]]:
    rows = accounts_of(user, asked.owner)
    accounts, parameters = named_text((rows.filter(pk=only) if only else rows).values("pk", "name", "owner_id"))
    head = load(__file__, "due").replace("/*accounts*/", accounts)
    head = head.replace("/*term*/", sql("term", only="SELECT account_id FROM wanted"))
    given: dict[str, Any] = {
        "start": asked.start, "end": asked.end, "day": day, "judged": rules.JUDGED_DAYS, "known": None,
        "band": asked.band, "category": "" if asked.category == "none" else asked.category or None,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(head + load(__file__, name), {**parameters, **given, **more})
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def accounts_of(user: User, owner: str) -> AccountQuerySet:
    """The accounts that the user sees: the own ones and those of whoever the user covers, the team's, one's, or all."""
    rows = Account.objects.visible_to(user).filter(merged_into=None)
    if owner == "me":
        return rows.with_mine(user).filter(is_mine=True)  # type: ignore[misc]  # annotated
    if owner == "team":
        return rows.filter(Q(owner__team=user.team_id) | Q(pool=user.team_id)) if user.team_id else rows.none()
    return rows.filter(owner=int(owner)) if owner else rows


def histories(user: User, found: Iterable[Renewal]) -> dict[tuple[int, date], list[Forecast]]:
    """Every forecast of these renewals, newest first, by account and day; one query."""
    keys = {each.key for each in found}
    accounts, days = {pk for pk, _ in keys}, {day for _, day in keys}
    rows = Forecast.objects.visible_to(user).filter(renews_on__in=days).select_related("by", "account")
    history: dict[tuple[int, date], list[Forecast]] = defaultdict(list)
    for row in rows.filter(Q(account__in=accounts) | Q(account__merged_into__in=accounts)).order_by("-pk"):
        history[row.account.merged_into_id or row.account_id, row.renews_on].append(row)
    return history
