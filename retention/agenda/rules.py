"""In which order Today shows accounts, and which of the news: arithmetic only, mirrored by today.sql.

An account's weight is what is at stake × how urgent it is × whether we can do something: the order of product.md §20
as an expected value. At stake is a year's revenue, not what is left until the renewal: near the renewal little is
left to be paid, but all of the following year is open, and that the day is near is what urgency says.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

A_DAY: Final = 10  # new accounts a day and rep
DAY_BEGINS: Final = 7  # the hour, in the rep's zone, at which a day's news begin
STALE_DAYS: Final = 28  # a signal compares with 28 days before; when older, it is no longer news
MOST, HIGH, MIDDLE, LITTLE = 100, 70, 50, 20  # urgencies in percent
# Days until notice or renewal, and how urgent they make an account.
NEAR: Final = ((30, MOST), (90, HIGH), (180, 40))
CAN_ACT, CAN_REACH, CAN_ASK, TOO_LATE = 100, 60, 30, 0  # influences in percent


@dataclass(frozen=True)
class Case:
    """What is known of one account on a day.

    `mrr` in the reporting currency; None: nothing is paid, or a rate is missing. `decides_in`: days until the
    notice day, or the renewal where that has passed; None: not stated. `task_in`: days until the first open task
    that is due, 0 or less. `reply`: one is late, or will be. `promise`: one is overdue.
    `age` in days: since when the oldest item waits.
    """

    mrr: Decimal | None = None
    decides_in: int | None = None
    answer: bool = False
    reply: bool = False
    promise: bool = False
    draft: bool = False
    task_in: int | None = None
    red: bool = False
    signal: bool = False
    age: int = 0
    gone: bool = False
    reachable: bool = True


def stake(mrr: Decimal | None) -> Decimal:
    """What a year of the account is worth. An unknown price counts nothing, and the row says that it is unknown."""
    return (mrr or Decimal(0)) * 12


def nearness(decides_in: int | None) -> int:
    """How urgent the renewal makes an account, in percent."""
    if decides_in is None:
        return LITTLE
    return next((urgency for days, urgency in NEAR if decides_in <= days), LITTLE)


def urgency(case: Case) -> int:
    """In percent; the most urgent thing counts, they do not add up."""
    if case.answer or case.reply or case.promise or (case.task_in is not None and case.task_in < 0):
        return MOST
    fresh = case.age <= STALE_DAYS
    of_items = [
        HIGH if case.task_in is not None or (fresh and (case.draft or case.red)) else LITTLE,
        MIDDLE if fresh and case.signal else LITTLE,
    ]
    return max(*of_items, nearness(case.decides_in))


def influence(case: Case) -> int:
    """In percent: something concrete to do, else somebody to write to, else nobody known. Who has left is not saved."""
    if case.gone:
        return TOO_LATE
    if case.answer or case.reply or case.promise or case.draft or case.task_in is not None:
        return CAN_ACT
    return CAN_REACH if case.reachable else CAN_ASK


def weight(case: Case) -> Decimal:
    """In the reporting currency a year."""
    return stake(case.mrr) * urgency(case) * influence(case) / 10_000


def claim(case: Case) -> Decimal:
    """The weight by the account's own facts alone, which does not move while its items are worked on.

    Places of the day are given by it, so that dealing with one row moves no other in or out.
    """
    bare = Case(case.mrr, case.decides_in, gone=case.gone, reachable=case.reachable)
    return stake(bare.mrr) * nearness(bare.decides_in) * influence(bare) / 10_000


@dataclass(frozen=True)
class News:
    """One account's news of one rep, from its first item on. `day` is the rep's; `held`: it has waited until today."""

    account: int
    day: date
    at: datetime
    claim: Decimal
    held: bool = True


def admitted(news: Iterable[News], today: date, oldest: date) -> set[int]:
    """Whose news stand in the list of one rep: those among the first ten of their own day, and of the others
    the largest as far as today's ten are not taken by today's. News from before `oldest` belong to the others.

    A row that was dealt with keeps its place, so no eleventh moves up during the day.
    """
    days: dict[date, list[News]] = defaultdict(list)
    for each in news:
        days[each.day].append(each)
    chosen, others = set(), []
    for day, found in days.items():
        found.sort(key=lambda each: (each.at, -each.claim, each.account))
        first = 0 if day < oldest else A_DAY
        chosen |= {each.account for each in found[:first]}
        others += [each for each in found[first:] if day < today and each.held]
    others.sort(key=lambda each: (-each.claim, each.at, each.account))
    free = max(A_DAY - len(days[today]), 0)
    return chosen | {each.account for each in others[:free]}
