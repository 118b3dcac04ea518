"""A draft is held against what stands before anybody publishes it: whom it moves, how it spreads, what it lacks."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crm.accounts.models import Account
from retention.previews import queries
from retention.previews.rules import Spread, proposed
from retention.risk_signals.actions import look
from retention.risk_signals.models import RiskSignal
from retention.scorecards import actions as scorecards
from retention.scorecards.models import ScorecardMeasure, ScorecardVersion, State
from retention.scorecards.queries import edition
from retention.scores import actions
from retention.scores.models import Band, ScoreNow
from tests import factories
from tests.factories import NOW, TODAY
from tests.retention import usage_rows as rows

pytestmark = pytest.mark.django_db
REACH = {"kind": "reach", "red": 0, "green": 100, "name": "Trips"}
AT = rows.at(TODAY, 8)


def customers(*uses: int) -> list[Account]:
    event = rows.event(factories.feature())
    found = [factories.account(customer_since=date(2025, 1, 1)) for _ in uses]
    for account, count in zip(found, uses, strict=True):
        rows.used(account, event, count, ago=10)
    return found


def judge(at: Any = AT) -> None:
    actions.refresh_windows(at, at=at, by=rows.BY)
    actions.score_changed(at, at=at, by=rows.BY)


def draft_with(version: ScorecardVersion, **changes: Any) -> ScorecardVersion:
    draft = scorecards.start_draft(version, at=NOW, by=rows.BY)
    ScorecardMeasure.objects.filter(version=draft).update(**changes)
    return draft


def test_exactly_those_who_change_their_band_are_shown_and_the_switch_opens_no_signal() -> None:
    # Thirty of ten accounts each: 35 to 44 uses are at risk from 40 on; by the draft, 39 uses are worth 40 points.
    accounts = customers(*range(15, 45), *range(60, 80))
    version = rows.version(REACH)
    judge()
    draft = draft_with(version, green=Decimal("88"))
    ops = factories.user("ops_admin")
    with queries.judged(edition(draft)) as of:
        found, moved = queries.summed(edition(draft), of), queries.moved(ops)
        first, rest = queries.moved(ops, limit=2), queries.moved(ops, after=moved[1].account_id)
        out_of_sight = queries.moved(factories.user("rep"))
    # Points are uses ÷ 0.88: 36 to 39 pass 40, none of 60 to 67 has 60 yet to pass, 71 to 79 pass 80.
    assert [(row.account_id, row.points, row.would_points) for row in moved[:4]] == [
        (accounts[n].pk, (n + 15) * 10, points) for n, points in ((21, 409), (22, 420), (23, 432), (24, 443))
    ]
    assert [row.account_id for row in moved[4:]] == [account.pk for account in accounts[41:50]]
    assert (first, rest, out_of_sight) == (moved[:2], moved[2:], [])
    assert (found.accounts, found.of, found.moved) == (50, 50, 13)
    assert found.moves == {(Band.STEADY, Band.THRIVING): 9, (Band.LEAVING, Band.AT_RISK): 4}
    # By tens of points: 15–19, 20–29, 30–39, 40–44, 60–69, 70–79; the draft puts 15–17 uses under 20 points.
    assert found.before == [0, 5, 10, 10, 5, 0, 10, 10, 0, 0]
    assert found.after == [0, 3, 9, 9, 8, 1, 2, 9, 9, 0]

    scorecards.publish(draft, at=NOW, by=ops)
    judge()
    assert look(at=NOW, by=rows.BY) == "0 signals opened, 0 closed"
    changed = dict(ScoreNow.objects.system("test").values_list("account_id", "band"))
    assert {row.account_id: int(row.would) for row in moved}.items() <= changed.items()


def test_a_draft_that_turns_accounts_red_opens_nothing_either_and_closes_what_it_no_longer_sees() -> None:
    (account,) = customers(35)
    version = rows.version(REACH)
    then = TODAY - timedelta(28)
    rows.used(account, rows.event(factories.feature()), 50, ago=40)
    rows.score(then, then)
    judge()
    # From 50 to 35 in 28 days: fallen by 15, and red.
    assert look(at=NOW, by=rows.BY) == "2 signals opened, 0 closed"
    judge(rows.at(TODAY, 9))
    draft = draft_with(version, green=Decimal("70"))
    scorecards.publish(draft, at=NOW, by=rows.BY)
    judge(rows.at(TODAY, 10))
    # 50 points by the new version: not red any more, which is no recovery; the fall stays, nothing speaks against it.
    assert look(at=NOW, by=rows.BY) == "0 signals opened, 1 closed"
    closed = RiskSignal.objects.system("test").get(closed_at__isnull=False)
    assert (closed.kind, closed.closed_why) == ("band_red", "the scorecard changed, and judges otherwise")
    draft = draft_with(draft, green=Decimal("400"))
    scorecards.publish(draft, at=NOW, by=rows.BY)
    judge(rows.at(TODAY, 11))
    assert ScoreNow.objects.system("test").get().points == 88
    assert look(at=NOW, by=rows.BY) == "0 signals opened, 0 closed"


def test_a_preview_leaves_nothing_behind_and_says_what_is_missing() -> None:
    customers(*range(1, 11))
    version = rows.version(REACH, {"kind": "depth", "threshold": 5, "name": "Depth"}, minimum_coverage=0)
    judge()
    before = list(ScoreNow.objects.system("test").order_by("account").values())
    found = queries.preview(edition(draft_with(version, weight=2)))
    assert (found.missing, found.moved) == ([0.0, 1.0], 0)
    sample = queries.preview(edition(draft_with(version)), most=4)
    assert (sample.accounts, sample.of, sample.is_sample) == (4, 10, True)
    assert list(ScoreNow.objects.system("test").order_by("account").values()) == before
    assert not ScorecardVersion.objects.filter(state=State.PUBLISHED).exclude(pk=version.pk).exists()


def test_one_account_by_the_draft_says_what_each_measure_reads_and_brings() -> None:
    (account,) = customers(30)
    version = rows.version(REACH, {"kind": "recency", "red": 20, "green": 0, "name": "Idle"})
    judge()
    draft = edition(draft_with(version, weight=1))
    with queries.judged(draft):
        one = queries.one(draft, account)
        nobody = queries.one(draft, factories.account())
    assert one is not None and nobody is None
    # 30 of 100 and 10 of 20 days: 30 and 50 points, 15 and 25 of the 40.
    assert (one.points, one.would_points) == (400, 400)
    assert [(part.name, part.points, part.contribution) for part in one.parts] == [
        ("Trips", 300, 150),
        ("Idle", 500, 250),
    ]


def test_windows_that_were_not_summed_are_waited_for() -> None:
    customers(30)
    version = rows.version(REACH)
    draft = edition(draft_with(version, window=84))
    with pytest.raises(queries.NotYet):
        queries.preview(draft)
    scorecards.discard_draft(draft.version, at=NOW, by=rows.BY)
    judge()
    with pytest.raises(queries.NotYet):
        queries.preview(draft)


def test_a_new_measure_shows_its_spread_and_proposes_its_limits() -> None:
    accounts = customers(*range(1, 61))
    version = rows.version(REACH)
    judge()
    for n, account in enumerate(accounts[:8], 1):
        rows.person_used(account, rows.person(), n, ago=3)
    judge_again = rows.at(TODAY, 9)
    actions.refresh_windows(judge_again, at=judge_again, by=rows.BY)
    draft = draft_with(version)
    found = queries.distribution(draft, ScorecardMeasure(kind="reach", window=28, key="new", position=1))
    assert found.spread == Spread(60, 60, Decimal(1), Decimal(6), Decimal(30), Decimal(54), Decimal(60))
    # From 1 to 54 in ten bins of 5.3; the six beyond 54 stand with the last ones.
    assert [accounts for _low, _high, accounts in found.bins] == [6, 5, 5, 6, 5, 5, 6, 5, 5, 12]
    assert proposed(found.spread, fewer_is_better=False) == (Decimal(6), Decimal(54))
    assert proposed(found.spread, fewer_is_better=True) == (Decimal(54), Decimal(6))


@pytest.mark.parametrize(
    ("spread", "limits"),
    [
        # Below 50 accounts a tenth says little: the worst and the best.
        (Spread(9, 9, Decimal("0.13"), Decimal(3), Decimal(4), Decimal(5), Decimal("128.6")), ("0.13", "130")),
        (Spread(60, 60, Decimal(0), Decimal(2), Decimal(2), Decimal(2), Decimal(7)), ("0", "7")),
        (Spread(60, 60, Decimal(2), Decimal(2), Decimal(2), Decimal(2), Decimal(2)), None),
        (Spread(60, 0, None, None, None, None, None), None),
    ],
)
def test_limits_are_proposed_where_the_accounts_differ(spread: Spread, limits: Any) -> None:
    found = proposed(spread, fewer_is_better=False)
    assert found == (limits and tuple(map(Decimal, limits)))
