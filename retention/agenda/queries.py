"""What Today shows: accounts with something to do, each once, and what changed since yesterday."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from django.db import connection

from crm.accounts.models import Account
from crm.lib.scope import named_text
from crm.lib.sql_files import load
from crm.staff.models import User
from crm.staff.queries import Text, compiled_per_scope, scope_of
from crm.subscriptions.queries import facts
from feedback.answers.models import Answer
from retention.agenda import rules
from retention.follow_ups.models import FollowUp
from retention.follow_ups.queries import drafts
from retention.risk_signals.models import RiskSignal, SignalKind
from retention.risk_signals.queries import open_signals
from retention.scores.models import Band
from retention.tasks.models import Task
from retention.tasks.queries import open_tasks

MOST_ROWS = 60
ANSWERS, REPLIES, PROMISES, DRAFTS, TASKS, SIGNALS = 1, 2, 3, 4, 5, 6
TOLD_OTHERWISE = (SignalKind.DETRACTOR, SignalKind.OVERDUE_PROMISE)
SHOWN, WAITS, PUT_OFF, ACTED = "shown", "waits", "put off", "acted"
T = TypeVar("T", FollowUp, Task, RiskSignal)


@dataclass
class Work:
    """One account with what waits on it; `section` is the foremost thing, 0 when all of it is put off.

    `mrr` None: nothing is paid or, where `is_paid`, a rate is missing. `urgency` and `influence` in percent.
    `promises` are overdue, and `promise` with `promised_for` is the one that has been so the longest.
    `replies` are late or about to be: the `talk_…` that is due first, and `word_id`, the draft that tells them so.
    """

    account_id: int
    state: str
    section: int
    since: datetime | None
    mrr: Decimal | None
    is_paid: bool
    renews_on: date | None
    notice_on: date | None
    urgency: int
    influence: int
    is_new: bool
    put_off_id: int | None
    until: date | None
    put_off_why: str | None
    points: int | None
    code: int
    computed_code: int | None
    promises: int
    promise: str | None
    promised_for: date | None
    replies: int
    talk_id: int | None
    talk_subject: str | None
    talk_channel: str | None
    talk_due_at: datetime | None
    word_id: int | None
    account: Account = field(init=False)
    drafts: list[FollowUp] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    signals: list[RiskSignal] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    @property
    def band(self) -> str:
        return Band(self.code).word

    @property
    def computed(self) -> str:
        """The band that the points come to, where the other one is set by hand."""
        return "" if self.computed_code is None else Band(self.computed_code).word

    @property
    def stake(self) -> Decimal:
        return rules.stake(self.mrr)


@dataclass(frozen=True)
class Agenda:
    """`waiting` accounts stand behind the day's ten, `put_off` and `acted` ones are left alone; the rest are items."""

    rows: list[Work]
    waiting: int
    put_off: int
    acted: int
    drafts: int
    tasks: int
    signals: int
    answers: int
    promises: int
    replies: int


def agenda(user: User, *, day: date, at: datetime, mine: bool, waiting: bool) -> Agenda:
    """Six queries however much there is. `day` is the person's own; `waiting` gives what is not shown instead."""
    accounts, parameters = seen(user)
    head = facts("mrr_on", "renewals", only="ANY (ARRAY(SELECT account_id FROM chosen))").removeprefix("WITH ")
    text = load(__file__, "today").replace("/*accounts*/", accounts).replace("/*facts*/", head)
    given: dict[str, Any] = {
        "day": day, "now": at, "oldest": day - timedelta(days=rules.STALE_DAYS), "begins": rules.DAY_BEGINS,
        "most": rules.A_DAY, "limit": MOST_ROWS, "mine": mine, "us": [user.pk, *scope_of(user).covers.users],
        "waiting": waiting, "known": None,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(text, {**parameters, **given})
        found = cursor.fetchall()
    rows = [Work(*row[9:]) for row in found if row[9] is not None]
    _fill(rows, user, day)
    return Agenda(rows, *found[0][:9])


@compiled_per_scope
def seen(user: User) -> Text:
    rows = Account.objects.visible_to(user).filter(merged_into=None).with_mine(user)
    columns = rows.values("pk", "name", "owner_id", "stage", "is_mine")  # type: ignore[misc]  # the last is annotated
    return named_text(columns)


def _fill(rows: list[Work], user: User, day: date) -> None:
    ids = [row.account_id for row in rows]
    accounts = Account.objects.system("those found above for the person").select_related("owner").in_bulk(ids)
    of_plays = drafts(user).filter(conversation=None)
    waiting = _by_account(of_plays.select_related("contact__account").filter(account__in=ids))
    to_do = _by_account(open_tasks(user).filter(account__in=ids, due_on__lte=day))
    signals = _by_account(open_signals(user).filter(account__in=ids).exclude(snoozed_until__gt=day))
    said = _answers(signals)
    for row in rows:
        row.account = accounts[row.account_id]
        row.drafts, row.tasks = waiting[row.account_id], to_do[row.account_id]
        row.signals = [each for each in signals[row.account_id] if each.kind not in TOLD_OTHERWISE]
        row.answers = said[row.account_id]


def _by_account(rows: Iterable[T]) -> dict[int, list[T]]:
    found: dict[int, list[T]] = defaultdict(list)
    for row in rows:
        found[row.account_id].append(row)
    return found


def _answers(signals: dict[int, list[RiskSignal]]) -> dict[int, list[Answer]]:
    """What the detractors said, by account."""
    own = [each for rows in signals.values() for each in rows if each.kind == SignalKind.DETRACTOR]
    answers = Answer.objects.system("of signals that the person sees").filter(
        pk__in=[int(each.subject) for each in own]
    )
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
        cursor.execute(text, {**parameters, "since": at, "mine": mine})
        return Since(*cursor.fetchone())
