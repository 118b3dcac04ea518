"""What Today shows: accounts with something to do, each once, and what changed since yesterday."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.db import connection

from crm.accounts.models import Account
from crm.lib.scope import named_text
from crm.lib.sql_files import load
from crm.staff.models import User
from crm.subscriptions.queries import facts
from feedback.answers.models import Answer
from retention.follow_ups.models import FollowUp
from retention.follow_ups.queries import drafts
from retention.risk_signals.models import RiskSignal, SignalKind
from retention.risk_signals.queries import open_signals
from retention.scores.models import Band
from retention.tasks.models import Task
from retention.tasks.queries import open_tasks

A_DAY, MOST_ROWS = 10, 60
ANSWERS, DRAFTS, TASKS, SIGNALS = 1, 2, 3, 4
T = TypeVar("T", FollowUp, Task, RiskSignal)


@dataclass
class Work:
    """One account with what waits on it; `section` is the foremost thing."""

    account_id: int
    name: str
    section: int
    since: datetime
    mrr: Decimal | None
    points: int | None
    band: str
    drafts: list[FollowUp] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    signals: list[RiskSignal] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)


@dataclass(frozen=True)
class Agenda:
    """`accounts` have something to do in all; those not among `rows` wait. The rest counts single things."""

    rows: list[Work]
    accounts: int
    drafts: int
    tasks: int
    signals: int
    answers: int

    @property
    def waiting(self) -> int:
        return self.accounts - len(self.rows)


def agenda(user: User, *, day: date, morning: datetime, mine: bool, everything: bool) -> Agenda:
    """Five queries however much there is. `day` and `morning` are the person's own; `everything` lifts the limit."""
    accounts, parameters = seen(user)
    head = facts("mrr_on", only="SELECT account_id FROM work").removeprefix("WITH ")
    text = load(__file__, "today").replace("/*accounts*/", accounts).replace("/*facts*/", head)
    given: dict[str, Any] = {"day": day, "morning": morning, "mine": mine, "me": user.pk, "everything": everything}
    with connection.cursor() as cursor:
        cursor.execute(text, {**parameters, **given, "most": A_DAY, "limit": MOST_ROWS, "known": None})
        found = cursor.fetchall()
    rows = [_work(*row[5:]) for row in found if row[5] is not None]
    _fill(rows, user, day)
    return Agenda(rows, *found[0][:5])


def seen(user: User) -> tuple[str, dict[str, Any]]:
    return named_text(Account.objects.visible_to(user).filter(merged_into=None).values("pk", "name", "owner_id"))


def _work(
    account_id: int, name: str, section: int, since: datetime, mrr: Decimal | None, _drafts: int, _tasks: int,
    _signals: int, points: int | None, band: int,
) -> Work:  # fmt: skip
    return Work(account_id, name, section, since, mrr, points, Band(band).word)


def _fill(rows: list[Work], user: User, day: date) -> None:
    ids = [row.account_id for row in rows]
    waiting = _by_account(drafts(user).select_related("contact__account").filter(account__in=ids))
    to_do = _by_account(open_tasks(user).filter(account__in=ids, due_on__lte=day))
    signals = _by_account(open_signals(user).filter(account__in=ids).exclude(snoozed_until__gt=day))
    said = _answers(user, signals)
    for row in rows:
        row.drafts, row.tasks = waiting[row.account_id], to_do[row.account_id]
        row.signals = [each for each in signals[row.account_id] if each.kind != SignalKind.DETRACTOR]
        row.answers = said[row.account_id]


def _by_account(rows: Iterable[T]) -> dict[int, list[T]]:
    found: dict[int, list[T]] = defaultdict(list)
    for row in rows:
        found[row.account_id].append(row)
    return found


def _answers(user: User, signals: dict[int, list[RiskSignal]]) -> dict[int, list[Answer]]:
    """What the detractors said, by account."""
    own = [each for rows in signals.values() for each in rows if each.kind == SignalKind.DETRACTOR]
    answers = Answer.objects.visible_to(user).filter(pk__in=[int(each.subject) for each in own])
    found: dict[int, list[Answer]] = defaultdict(list)
    for answer in answers.select_related("contact").order_by("-answered_at", "-pk"):
        found[answer.account_id].append(answer)
    return found


@dataclass(frozen=True)
class Since:
    """Counts of what happened since an instant."""

    opened: int
    closed: int
    sent: int
    answered: int
    outcomes: int


def since(user: User, at: datetime, *, mine: bool) -> Since:
    accounts, parameters = seen(user)
    text = load(__file__, "since_yesterday").replace("/*accounts*/", accounts)
    with connection.cursor() as cursor:
        cursor.execute(text, {**parameters, "since": at, "mine": mine, "me": user.pk})
        return Since(*cursor.fetchone())
