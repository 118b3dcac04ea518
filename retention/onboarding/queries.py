"""Who is in onboarding and how it stands, now and on any day that was; where accounts stop, and how long they take."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain, repeat
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet

from crm.accounts.models import GONE, Account
from crm.lib.intervals import Interval, newcombe, wilson
from crm.lib.scope import named_text
from crm.lib.sql_files import load
from crm.lib.survival import Curve, Spell, kaplan_meier
from crm.staff.models import User
from crm.subscriptions import queries as subscriptions
from retention.onboarding import rules
from retention.onboarding.models import Milestone, OnboardingPlan, OnboardingVersion

PAGE = 50
SAMPLE = 3_000  # accounts of which it is worked out where they stop; more tell no more
NOBODY = "SELECT NULL::bigint AS account_id, NULL::date AS churned_on WHERE false"
THESE = "ANY (%(accounts)s)"
# An onboarding lasts a year at most, so whoever is still in one began within it.
RECENT = "SELECT account_id FROM retention_onboarding WHERE started_on >= %(day)s::date - 366"
# Those of them whose account is still there.
STILL_IN = f"SELECT id FROM crm_account WHERE stage NOT IN ('churned', 'let_go') AND id IN ({RECENT})"
# Whoever is in one that is not over, as its edition says.
UNDER_WAY = """SELECT begun.account_id FROM retention_onboarding AS begun
    JOIN retention_onboardingversion AS version ON version.id = begun.version_id
    WHERE begun.started_on >= %(day)s::date - 366 AND begun.started_on + version.lasts_days >= %(day)s"""


@dataclass(frozen=True)
class Stood:
    """How an account's onboarding stood on a day, as rules.Standing; `value_on`: when it first got value."""

    account_id: int
    plan_id: int
    plan: str
    started_on: date
    seen_on: date
    last_day: date
    churned_on: date | None
    steps: int
    reached: int
    expected: int
    met: int
    late: int
    state: str
    last_on: date | None
    value_on: date | None
    next_id: int | None
    next_name: str | None
    next_kind: str | None
    next_due_on: date | None
    stuck_since: date | None

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> "Stood":
        """From JSON, as a statement around this one gives it."""
        days = ("started_on", "seen_on", "last_day", "churned_on", "last_on", "value_on", "next_due_on", "stuck_since")
        return cls(**dict(row) | {name: row[name] and date.fromisoformat(row[name]) for name in days})

    @property
    def is_going(self) -> bool:
        return self.state in rules.GOING

    @property
    def value_days(self) -> int | None:
        """Days until the customer first got value. None: it has not yet, or no milestone says so."""
        return self.value_on and max((self.value_on - self.started_on).days, 0)  # type: ignore[return-value]


class StepOn(NamedTuple):
    """A milestone of an account on a day; `on` None: not reached by then. `who` said so; empty: usage did."""

    account_id: int
    milestone_id: int
    name: str
    kind: str
    feature: str
    unit: str
    amount: int | None
    is_value: bool
    due_on: date
    on: date | None
    who: str


def sql(tail: str, *, only: str = "", gone: str | None = None) -> str:
    """The text of a query, to run or to stand in brackets. `only`: a SELECT of account ids, or ANY (of them).

    Parameters are named: %(day)s and %(known)s always. `gone` None: first days without a paid term, of `only`.
    """
    head = load(__file__, "course")
    gone = subscriptions.sql("churned_on", only=only) if gone is None else gone
    within = only if only.startswith("ANY") else f"ANY (ARRAY({only}))"
    head = head.replace("/*only*/", f"AND begun.account_id = {within}" if only else "").replace("/*gone*/", gone)
    return head + load(__file__, tail)


def _run(text: str, **given: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(text, given)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def stood_on(day: date, *, known: datetime | None = None, accounts: Collection[int] | None = None) -> dict[int, Stood]:
    """How each onboarding begun by `day` stood at its end, by account. One query.

    `known`: what was recorded by that instant (None: all). An account that was merged into another has none.
    """
    only = {"only": "" if accounts is None else THESE}
    given: dict[str, Any] = {} if accounts is None else {"accounts": list(accounts)}
    return {row[0]: Stood(*row) for row in _run(sql("standing", **only), day=day, known=known, **given)}


def end_of(day: date) -> datetime:
    """The last instant of a UTC day: what was recorded by then was known on it."""
    return datetime.combine(day + timedelta(days=1), time(), UTC) - timedelta(microseconds=1)


def progress_on(
    day: date, *, known: datetime | None = None, accounts: Collection[int] | None = None
) -> dict[int, Decimal]:
    """Share of the milestones expected by the day that were reached, 0..1. No key: no plan, or nothing expected yet."""
    only = "" if accounts is None else THESE
    given: dict[str, Any] = {} if accounts is None else {"accounts": list(accounts)}
    return dict(_run(sql("progress", only=only), day=day, known=known, **given))


def steps_on(day: date, *, known: datetime | None = None, accounts: Collection[int] | None = None) -> list[StepOn]:
    """The milestones of accounts in an onboarding by `day`, by account and in their order; as `stood_on`."""
    only = "" if accounts is None else THESE
    given: dict[str, Any] = {} if accounts is None else {"accounts": list(accounts)}
    return [StepOn(*row) for row in _run(sql("steps", only=only), day=day, known=known, **given)]


# --- those who are still in it ---------------------------------------------------------------------------------------


class Going(NamedTuple):
    """An account in onboarding on the page that lists them; the last three count all of the list by state."""

    account_id: int
    name: str
    holder: str
    plan: str
    started_on: date
    steps: int
    reached: int
    late: int
    state: str
    last_on: date | None
    next_id: int
    next_name: str
    next_kind: str
    next_due_on: date
    rank: int
    stuck: int
    behind: int
    on_track: int


Place = tuple[int, int, int]  # rank, days late, account


def going(
    user: User, *, day: date, plan: int | None = None, mine: bool = False, after: Place | None = None, limit: int = 0
) -> list[Going]:
    """A page of the accounts in onboarding that the user sees, stuck ones first, and one more if there are more.

    `limit` 0: as many as a page has.
    """
    rows = Account.objects.visible_to(user).filter(merged_into=None).exclude(stage__in=GONE)
    if mine:
        rows = rows.with_mine(user).filter(is_mine=True)  # type: ignore[misc]  # annotated
    seen, parameters = named_text(rows.values("pk", "name", "owner_id", "pool_id"))
    only = f"SELECT pk FROM ({seen}) AS seen WHERE pk IN ({UNDER_WAY})"
    text = sql("going", only=only, gone=NOBODY).replace("/*accounts*/", seen)
    rank, late, pk = after or (None, None, None)
    given = {"plan": plan, "rank": rank, "late": late, "after": pk, "limit": (limit or PAGE) + 1}
    return [Going(*row) for row in _run(text, day=day, known=None, **given, **parameters)]


def plans(*, active: bool = False) -> QuerySet[OnboardingPlan]:
    rows = OnboardingPlan.objects.order_by("-is_active", "name", "pk").prefetch_related("plans")
    return rows.filter(is_active=True) if active else rows


def newest_versions() -> dict[int, tuple[OnboardingVersion, list[Milestone]]]:
    """The newest edition of each plan with its milestones, by plan; two queries."""
    found = {row.plan_id: row for row in OnboardingVersion.objects.order_by("plan", "number")}
    steps = defaultdict(list)
    rows = Milestone.objects.filter(version__in=[row.pk for row in found.values()]).select_related("feature")
    for step in rows.order_by("version", "position"):
        steps[step.version_id].append(step)
    return {plan: (version, steps[version.pk]) for plan, version in found.items()}


# --- where accounts stop ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Leaving:
    """How many left, of those who had reached a step when it was due, and of those who had not."""

    left_with: int
    with_it: int
    left_without: int
    without: int

    @property
    def is_enough(self) -> bool:
        return min(self.with_it, self.without) >= rules.ENOUGH

    @property
    def share_with(self) -> Interval | None:
        return wilson(self.left_with, self.with_it)

    @property
    def share_without(self) -> Interval | None:
        return wilson(self.left_without, self.without)

    @property
    def is_told(self) -> bool:
        """Whether the difference is more than chance may make."""
        found = self.difference
        return found is not None and (found.low > 0 or found.high < 0)

    @property
    def difference(self) -> Interval | None:
        """How much larger the share of leavers is without it, −1..1."""
        return newcombe(self.left_without, self.without, self.left_with, self.with_it)


@dataclass(frozen=True)
class Path:
    """One step of the funnel, or all of them together (`key` empty). `stopped`: by state, those who stand before it."""

    key: str
    name: str
    is_value: bool
    began: int
    reached: int
    curve: Curve | None
    stopped: dict[str, int]
    leaving: Leaving

    @property
    def tenths(self) -> int | None:
        """The share that reached it, in thousandths: how far a bar is filled."""
        return self.reached * 1000 // self.began if self.began else None


STOPS = (rules.STUCK, rules.LEFT, rules.OVER)


BEGAN = "SELECT account_id FROM retention_onboarding WHERE started_on >= %(since)s"


def began(user: User, *, since: date) -> int:
    """How many of the accounts that the user sees began since a day. One query."""
    seen, parameters = named_text(Account.objects.visible_to(user).filter(merged_into=None).values("pk"))
    return int(_run(f"SELECT count(*) FROM ({seen}) AS seen WHERE pk IN ({BEGAN})", since=since, **parameters)[0][0])


def paths(
    user: User, plan: OnboardingPlan, *, day: date, reach: date, since: date | None = None, every: int = 1
) -> list[Path]:
    """How far those came who began the plan since a day: all steps together, then each in its order. Two queries.

    Steps are those of the newest edition; older editions count where they have the same. `reach`: through which day
    it is known who left. `every`: of so many accounts one is looked at, by their ids.
    """
    rows = Account.objects.visible_to(user).filter(merged_into=None)
    seen, parameters = named_text(rows.values("pk"))
    only = f"SELECT pk FROM ({seen}) AS seen WHERE pk %% %(every)s = 0 AND pk IN ({BEGAN})"
    given = {"plan": plan.pk, "horizon": rules.HORIZON, "reach": min(day, reach), "since": since or date.min}
    given["every"] = every
    spells: dict[str, list[tuple[Spell, int]]] = defaultdict(list)
    stops: dict[str, Counter[str]] = defaultdict(Counter)
    churn: Counter[tuple[str, int, bool]] = Counter()
    for what, key, value, hit, count in _run(sql("paths", only=only), day=day, known=None, **given, **parameters):
        if what == "spell":
            spells[key].append((Spell(value, hit), count))
        elif what == "stop":
            stops[key][STOPS[value - 1]] += count
        else:
            churn[key, value, hit] += count
    newest = OnboardingVersion.objects.filter(plan=plan).order_by("-number").values("pk")[:1]
    steps = Milestone.objects.filter(version__in=newest).order_by("position")
    named = [("", "", False), *((step.key, step.name, step.is_value) for step in steps)]
    return [_path(key, name, is_value, spells[key], dict(stops[key]), churn) for key, name, is_value in named]


def _path(
    key: str, name: str, is_value: bool, spells: list[tuple[Spell, int]], stopped: dict[str, int],
    churn: Counter[tuple[str, int, bool]],
) -> Path:  # fmt: skip
    began = sum(count for _spell, count in spells)
    reached = sum(count for spell, count in spells if spell.ended)
    curve = kaplan_meier(_each(spells))
    (with_it, left_with), (without, left_without) = (
        (churn[key, side, False] + churn[key, side, True], churn[key, side, True]) for side in (1, 0)
    )
    return Path(key, name, is_value, began, reached, curve, stopped, Leaving(left_with, with_it, left_without, without))


def _each(spells: Iterable[tuple[Spell, int]]) -> Iterable[Spell]:
    return chain.from_iterable(repeat(spell, count) for spell, count in spells)
