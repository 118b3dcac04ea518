"""The order of Today as arithmetic: worked out by hand, and the same from SQL over rows thrown at random."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from crm.accounts.models import Account
from crm.audit.rules import System
from crm.promises.models import Promise
from crm.segments.actions import refresh_figures
from retention.agenda.queries import SHOWN, agenda
from retention.agenda.rules import STALE_DAYS, Case, News, admitted, claim, influence, stake, urgency, weight
from retention.risk_signals.models import RiskSignal
from retention.tasks.models import Task
from tests import factories

NOW, TODAY = datetime(2026, 11, 18, 9, 0, tzinfo=UTC), date(2026, 11, 18)


@pytest.mark.parametrize(
    ("case", "percent"),
    [
        (Case(), 20),
        (Case(answer=True), 100),
        (Case(promise=True), 100),
        (Case(task_in=-1), 100),
        (Case(task_in=0), 70),
        (Case(draft=True), 70),
        (Case(draft=True, age=28), 70),
        (Case(draft=True, age=29), 20),  # four weeks old: no longer news
        (Case(signal=True), 50),
        (Case(signal=True, red=True), 70),
        (Case(signal=True, age=29), 20),
        (Case(signal=True, decides_in=30), 100),
        (Case(signal=True, decides_in=31), 70),
        (Case(signal=True, decides_in=91), 50),  # the signal is more urgent than the 40 of the renewal
        (Case(signal=True, age=29, decides_in=180), 40),
        (Case(signal=True, age=29, decides_in=181), 20),
    ],
)
def test_the_most_urgent_thing_counts(case: Case, percent: int) -> None:
    assert urgency(case) == percent


@pytest.mark.parametrize(
    ("case", "percent"),
    [
        (Case(signal=True), 60),
        (Case(signal=True, reachable=False), 30),
        (Case(draft=True, reachable=False), 100),
        (Case(task_in=0), 100),
        (Case(answer=True), 100),
        (Case(promise=True, reachable=False), 100),
        (Case(task_in=0, gone=True), 0),
    ],
)
def test_what_can_be_done_counts(case: Case, percent: int) -> None:
    assert influence(case) == percent


def test_an_account_weighs_a_year_of_revenue_times_urgency_times_influence() -> None:
    case = Case(mrr=Decimal(1240), draft=True)  # 14,880 a year × 70 % × 100 %
    assert (stake(case.mrr), weight(case)) == (Decimal(14880), Decimal(10416))
    # By its own facts: 14,880 × 20 % × 60 %.
    assert claim(case) == Decimal("1785.6")
    assert weight(Case(mrr=None, draft=True)) == 0


def news(account: int, day: int = 18, hour: int = 9, claim: int = 0, held: bool = True) -> News:
    on = date(2026, 11, day)
    return News(account, on, datetime(2026, 11, day, hour, tzinfo=UTC), Decimal(claim), held)


def test_of_one_mornings_burst_the_ten_largest_are_shown() -> None:
    burst = [news(n, claim=n) for n in range(1, 13)]
    assert admitted(burst, TODAY, date(2026, 10, 21)) == set(range(3, 13))


def test_what_comes_at_noon_moves_nothing_out() -> None:
    burst = [news(n, claim=n) for n in range(1, 11)]
    assert admitted([*burst, news(11, hour=12, claim=99)], TODAY, date(2026, 10, 21)) == set(range(1, 11))


def test_yesterdays_ten_stay_and_take_no_place_of_today() -> None:
    yesterday, today = [news(n, day=17) for n in range(1, 11)], [news(n) for n in range(11, 21)]
    assert admitted([*yesterday, *today], TODAY, date(2026, 10, 21)) == set(range(1, 21))


def test_what_waited_fills_the_places_that_today_leaves() -> None:
    yesterday = [news(n, day=17, claim=100 - n) for n in range(1, 16)]  # 11 to 15 waited, 11 the largest
    today = [news(n) for n in range(21, 29)]  # eight
    assert admitted([*yesterday, *today], TODAY, date(2026, 10, 21)) == {*range(1, 13), *range(21, 29)}


def test_news_of_a_month_ago_are_shown_only_where_there_is_room() -> None:
    old = News(1, date(2026, 10, 20), NOW - timedelta(days=29), Decimal(5))
    today = [news(n) for n in range(11, 21)]
    assert admitted([old, *today], TODAY, date(2026, 10, 21)) == set(range(11, 21))
    assert admitted([old, *today[:9]], TODAY, date(2026, 10, 21)) == {1, *range(11, 20)}


def test_news_settled_before_today_hold_no_place() -> None:
    yesterday = [news(n, day=17, claim=100 - n, held=n != 11) for n in range(1, 13)]
    assert 12 in admitted(yesterday, TODAY, date(2026, 10, 21))
    assert 11 not in admitted(yesterday, TODAY, date(2026, 10, 21))


def thrown(seed: int) -> tuple[Any, list[tuple[Account, Case, News]]]:
    """Sixty accounts of one rep with random prices, renewals, people, signals and tasks, made as rows and as cases."""
    random = Random(seed)
    rep = factories.user("rep", time_zone="UTC")
    made = []
    for _ in range(60):
        mrr, decides = random.choice([None, 50, 200, 900]), random.choice([None, 5, 30, 60, 120, 300])
        reachable = random.random() < 0.6
        account = factories.account(owner=rep)
        if mrr is not None:
            renews = None if decides is None else TODAY + timedelta(days=decides)
            factories.subscription(account, mrr, renews_on=renews)
        factories.contact(account, email="lena@customer.example" if reachable else "")
        age, red = random.choice([0, 0, 0, 1, 3, 20, 28, 29, 40]), random.random() < 0.3
        at = NOW - timedelta(days=age, minutes=random.choice([0, 0, 30]))
        ended = at + timedelta(minutes=random.choice([5, 40])) if random.random() < 0.2 else None
        RiskSignal.objects.create(
            account=account, kind="band_red" if red else "score_drop", opened_at=at, updated_at=at, closed_at=ended
        )
        task_in = random.choice([None, None, None, None, 0, -3])
        if task_in is not None:
            due = TODAY + timedelta(days=task_in)
            Task.objects.create(account=account, title="Call", due_on=due, created_at=NOW - timedelta(days=50))
        promise = random.random() < 0.15
        if promise:
            due = TODAY - timedelta(days=random.choice([1, 60]))
            Promise.objects.create(account=account, text="A report", due_on=due, created_at=NOW)
        paid = None if mrr is None else Decimal(mrr)
        signal = ended is None
        case = Case(
            paid,
            decides if mrr else None,
            promise=promise,
            task_in=task_in,
            red=red and signal,
            signal=signal,
            age=age if signal else 0,
            reachable=reachable,
        )
        held = ended is None or ended >= NOW.replace(hour=7)
        made.append((account, case, News(account.pk, at.date(), at, claim(case), held)))
    refresh_figures(TODAY, at=NOW, by=System("test"))
    return rep, made


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(4))
def test_the_statement_says_what_the_rule_says(seed: int) -> None:
    rep, made = thrown(seed)
    chosen = admitted([told for *_, told in made], TODAY, TODAY - timedelta(days=STALE_DAYS))
    shown = [
        (-weight(case), -urgency(case) * influence(case), account.pk)
        for account, case, _ in made
        if case.promise or case.task_in is not None or (case.signal and account.pk in chosen)
    ]
    found = agenda(rep, day=TODAY, at=NOW, mine=True, waiting=False).rows
    assert {row.state for row in found} == {SHOWN}
    assert len(shown) > 20
    assert [(row.stake * row.urgency * row.influence / -10000, row.urgency * -row.influence) for row in found] == [
        place[:2] for place in sorted(shown)
    ]
    assert {row.account_id for row in found} == {pk for *_, pk in shown}
