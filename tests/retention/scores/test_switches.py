"""A switch of scorecards also moves those who stay where accounts are ranked: it opens no signal, a real fall does."""

from datetime import timedelta
from typing import Any

import pytest

from crm.accounts.models import Account
from crm.usage.models import DirtyAccount, UsageDay
from retention.risk_signals.actions import look
from retention.risk_signals.models import RiskSignal
from retention.risk_signals.queries import sentence
from retention.scorecards import actions as scorecards
from retention.scorecards.models import ScorecardVersion
from retention.scores import queries
from retention.scores.models import ScoreNow, Standing, Switch
from tests import factories
from tests.factories import NOW, TODAY
from tests.retention import usage_rows as rows
from tests.retention.scores.test_order import RANK, REACH, card_for, customers, now, update

pytestmark = pytest.mark.django_db
TOMORROW = TODAY + timedelta(1)


def ranked(many: int, few: int) -> tuple[list[Account], ScorecardVersion, ScorecardVersion]:
    """Accounts of 1, 2, 3 … uses, for 28 days, all ranked by one card; those of the fewest uses fit a later one too.

    By the later card 10 uses are 100 points.
    """
    accounts = customers(*range(1, many + 1), segment="big")
    event = rows.event(factories.feature())
    for uses, account in enumerate(accounts, 1):
        rows.used(account, event, uses, ago=40)
    Account.objects.system("test").filter(pk__in=[account.pk for account in accounts[:few]]).update(tags=["few"])
    rows.version(REACH)
    all_, some = card_for("segment.is.big", RANK), card_for("tag.has.few", REACH | {"green": 10}, name="Few")
    rows.score(rows.day(28), rows.day(28))
    update()
    return accounts, all_, some


def put_first(version: ScorecardVersion) -> None:
    scorecards.move_scorecard(version.scorecard, earlier=True, at=NOW, by=rows.BY)


def fall(account: Account, uses: int) -> None:
    UsageDay.objects.filter(account=account).update(uses=uses)


def opened(**more: Any) -> list[tuple[int, str, int, int]]:
    found = RiskSignal.objects.system("test").open().filter(**more).order_by("account", "kind")
    return [(row.account_id, row.kind, row.evidence["before"], row.evidence["points"]) for row in found]


def standings() -> list[Any]:
    return list(ScoreNow.objects.system("test").order_by("account").values())


def test_those_who_stay_and_rank_lower_open_no_signal_and_a_real_fall_on_the_next_day_does() -> None:
    accounts, rank, few = ranked(60, 8)
    # The 25th of 60: 24 of 59 others are below.
    assert (now(accounts[24]), now(accounts[48])) == ((rank.pk, 407), (rank.pk, 814))
    put_first(few)
    assert update() == f"8 accounts were judged as of {TODAY}."
    # Of the 52 that stay, 16 and 40 of 51 others are below: it crosses 40, and 80; the ninth has lost 13.6 points.
    assert (now(accounts[24])[1], now(accounts[48])[1], now(accounts[8])[1]) == (314, 784, 0)
    assert list(Switch.objects.values_list("version", "day")) == [(rank.pk, TODAY)]
    assert look(at=NOW, by=rows.BY) == "0 signals opened, 0 closed"

    # Whoever is judged anew on that day ends where the switch left them.
    kept = standings()
    Standing.objects.update(facts="")
    update()
    assert standings() == kept

    for place, uses in ((24, 9), (48, 10), (7, 1)):
        fall(accounts[place], uses)
    update(rows.at(TOMORROW, 8))
    assert look(at=NOW + timedelta(1), by=rows.BY) == "5 signals opened, 0 closed"
    # Two have 9 uses now, and two 10: ½ and 2½ of 51. The eighth had 80 points of the other card, and has 10.
    assert opened() == [
        (accounts[7].pk, "band_red", 800, 100), (accounts[7].pk, "score_drop", 800, 100),
        (accounts[24].pk, "score_drop", 314, 10),
        (accounts[48].pk, "band_red", 784, 49), (accounts[48].pk, "score_drop", 784, 49),
    ]  # fmt: skip
    told = RiskSignal.objects.system("test").get(account=accounts[24])
    assert sentence(told) == "Health fell from 31 to 1 since 21 Nov 2026. What costs most: Measure 1."


def test_below_fifty_accounts_those_who_stay_lose_their_points_and_open_nothing() -> None:
    accounts, rank, few = ranked(52, 3)
    put_first(few)
    update()
    # 49 stay: too few to rank among, so nothing is known of them.
    assert {now(account) for account in accounts[3:]} == {(rank.pk, None)}
    assert look(at=NOW, by=rows.BY) == "0 signals opened, 0 closed"
    # Back again: each as before, compared with nothing on that day.
    scorecards.retire_scorecard(few.scorecard, at=NOW, by=rows.BY)
    update()
    # The 27th of 52: 26 of 51 others are below.
    row = ScoreNow.objects.system("test").get(account=accounts[26])
    assert (row.points, row.points_before, row.before_on) == (510, None, None)


def test_what_accounts_do_themselves_is_no_switch() -> None:
    accounts, rank, few = ranked(60, 0)
    Account.objects.system("test").filter(pk=accounts[0].pk).update(segment="")
    assert update() == f"1 accounts were judged as of {TODAY}."
    put_first(few)
    assert update() == "Nothing has changed."
    Account.objects.system("test").filter(pk=accounts[1].pk).update(segment="")
    update()
    assert not Switch.objects.exists()
    # The 30th of 58 that are left: 27 of 57 others are below; 28 days before, 29 of 59.
    row = ScoreNow.objects.system("test").get(account=accounts[29])
    assert (row.version_id, row.points, row.points_before, row.before_on) == (rank.pk, 474, 492, rows.day(28))


def test_a_signal_from_before_stays_until_28_days_were_compared_since() -> None:
    accounts, _rank, few = ranked(60, 8)
    fall(accounts[59], 9)
    DirtyAccount.objects.create(account=accounts[59], mark=1)
    update()
    # From 100 to 8½ of 59.
    assert look(at=NOW, by=rows.BY) == "2 signals opened, 0 closed"
    put_first(few)
    update()
    look(at=NOW, by=rows.BY)
    update(rows.at(TOMORROW, 8))
    assert look(at=NOW + timedelta(1), by=rows.BY) == "0 signals opened, 0 closed"
    assert opened(kind="score_drop") == [(accounts[59].pk, "score_drop", 1000, 144)]


def test_what_changed_tells_apart_what_others_did() -> None:
    accounts, _rank, few = ranked(60, 8)
    put_first(few)
    update()
    found = queries.changed_since(accounts[24].pk, rows.day(28), TODAY)
    assert found is not None
    assert (found.before, found.after) == (407, 314)
    assert [(line.key, line.name, line.change) for line in found.lines] == [
        ("m1", "Measure 1", 0), ("others", "Others that it is compared with changed, came or left", -93),
    ]  # fmt: skip
