"""Goals with the figures that show them, now and on any day that was."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from django.db import connection
from django.db.models import Q, Sum

from crm.accounts.models import Account, TraitDefinition
from crm.accounts.queries import WITH_MERGED, current_traits
from crm.goals import rules
from crm.lib.sql_files import load
from crm.plans.models import Feature
from crm.usage.models import UsageDay

MILLION = 1_000_000  # amounts are held in integer millionths
BANDS = {rules.REACHED: "thriving", rules.ON_TRACK: "steady", rules.BEHIND: "at_risk", rules.MISSED: "leaving"}


@dataclass(frozen=True)
class Progress:
    """A goal as it stood on `day`. `value` None: nothing was measured; `is_use`: the figure is use over 28 days.

    `hindsight`: worked out later from the facts, since nothing was kept on that day.
    """

    goal_id: int
    account_id: int
    words: str
    measure: str
    unit: str
    is_use: bool
    kind: str
    since: date
    set_on: date
    due_on: date
    baseline: Decimal
    target: Decimal
    value: Decimal | None
    hindsight: bool
    day: date

    @property
    def terms(self) -> rules.Terms:
        return rules.Terms(self.set_on, self.due_on, self.baseline, self.target)

    @property
    def share(self) -> Decimal | None:
        return rules.progress(self.terms, self.value)

    @property
    def points(self) -> int | None:
        """The share within 0 and 1, in thousandths: how far a bar is filled."""
        return None if self.share is None else int(min(max(self.share, Decimal(0)), Decimal(1)) * 1000)

    @property
    def band(self) -> str:
        return BANDS.get(self.standing, "unknown")

    @property
    def is_dropped(self) -> bool:
        return self.kind == rules.DROPPED

    @property
    def standing(self) -> str:
        return rules.DROPPED if self.is_dropped else rules.standing(self.terms, self.value, self.day)


def progress_sql(only: str = "") -> str:
    """The text of `progress`, to run or to stand in brackets; `only`: a SELECT of account ids, or ANY (of them)."""
    return load(__file__, "progress").replace("/*only*/", f"AND held.account_id = {only}" if only else "")


def progress_on(
    day: date, *, known: datetime | None = None, accounts: Collection[int] | None = None, stood: bool = False
) -> list[Progress]:
    """How far each goal set by `day` had come at its end, by account and due day, dropped ones too. One query.

    `known`: terms and traits as far as they were recorded by that instant (None: all). Late usage counts for its day,
    unless `stood`: then the figure is the one that was kept on the day (`Progress.hindsight`: none was).
    """
    given = {"day": day, "known": known, "stood": stood} | ({} if accounts is None else {"accounts": list(accounts)})
    with connection.cursor() as cursor:
        cursor.execute(progress_sql("" if accounts is None else WITH_MERGED), given)
        return [Progress(*(*row, day)) for row in cursor.fetchall()]


def measured(account: Account, *, feature: Feature | None, trait: TraitDefinition | None, day: date) -> Decimal | None:
    """The figure of one account on a day, from which a goal begins; as progress.sql has it. None: nothing is known."""
    if trait is not None:
        end = datetime.combine(day + timedelta(days=1), time(), UTC) - timedelta(microseconds=1)
        held = current_traits(at=end, definition=trait, accounts=[account.pk]).first()
        return held.number if held else None
    assert feature is not None
    theirs = Account.objects.system("the account and those merged into it").filter(
        Q(pk=account.pk) | Q(merged_into=account)
    )
    days = UsageDay.objects.filter(account__in=theirs.values("pk"), day__lt=day)
    if not days.exists():
        return None
    window = days.filter(day__gte=day - timedelta(days=rules.WINDOW), event__feature=feature)
    found = window.aggregate(uses=Sum("uses"), amount=Sum("amount"))
    return Decimal(found["amount"] or 0) / MILLION if feature.counts_amount else Decimal(found["uses"] or 0)
