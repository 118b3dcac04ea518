"""A switch of scorecards also moves those who stay where accounts are ranked: it opens no signal, a real fall does."""

from datetime import date, timedelta
from typing import Any

import pytest

from crm.accounts.models import Account
from crm.lib import partitions
from crm.segments.actions import keep_segment
from crm.segments.models import Shared
from crm.segments.rules import read
from crm.usage.models import DirtyAccount, UsageDay
from retention.pages.switching import moved
from retention.previews.queries import Switching, switched
from retention.risk_signals.actions import look
from retention.risk_signals.models import RiskSignal
from retention.risk_signals.queries import sentence
from retention.scorecards import actions as scorecards
from retention.scorecards.models import ScorecardVersion
from retention.scores import queries
from retention.scores.models import Band, ScoreNow, Standing, Switch
from tests import factories
from tests.factories import NOW, TODAY
from tests.page_forms import posted
from tests.retention import usage_rows as rows
from tests.retention.scores.test_order import RANK, REACH, card_for, now, update

pytestmark = pytest.mark.django_db
TOMORROW = TODAY + timedelta(1)


def customers(many: int, *agos: int) -> list[Account]:
    """Accounts of 1, 2, 3 … uses so many days ago."""
    long_ago = {"customer_since": date(2025, 1, 1), "created_at": rows.at(date(2025, 1, 1)), "segment": "big"}
    made = [Account(external_id=f"big-{uses}", name=f"Big {uses}", **long_ago) for uses in range(1, many + 1)]
    accounts = Account.objects.bulk_create(made)
    event, days = rows.event(factories.feature()), [rows.day(ago) for ago in agos]
    partitions.ensure_months("crm_usage_day", days)
    UsageDay.objects.bulk_create(
        UsageDay(account=account, day=day, event=event, uses=uses)
        for day in days
        for uses, account in enumerate(accounts, 1)
    )
    return accounts


def ranked(many: int, few: int) -> tuple[list[Account], ScorecardVersion, ScorecardVersion]:
    """Accounts of 1, 2, 3 … uses, for 28 days, all ranked by one card; those of the fewest uses fit a later one too.

    By the later card 10 uses are 100 points.
    """
    accounts = customers(many, 10, 40)
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


def shown(switching: Switching) -> list[tuple[int, int, int | None, int | None, bool]]:
    """(account, band now, tenths now, tenths afterwards, stays) of those who would change their band."""
    return [
        (row.account_id, row.would, row.points, row.would_points, row.stays) for row in switching.rows if not row.alike
    ]


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

    found = queries.changed_since(accounts[24].pk, rows.day(28), TODAY)
    assert found is not None
    assert [(line.key, line.name, line.change) for line in found.lines] == [
        ("m1", "Measure 1", 0), ("others", "Others that it is compared with changed, came or left", -93),
    ]  # fmt: skip

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


def test_below_fifty_accounts_those_who_stay_lose_their_points_and_open_nothing(as_user: Any) -> None:
    accounts, rank, few = ranked(52, 3)
    # All 49 that stay would be unknown; the three that come are leaving as before, and stand behind them.
    ops, address = as_user(factories.user("ops_admin")), f"/settings/scorecards/{few.scorecard_id}/move/"
    page = ops.post(address, {"to": "earlier"})
    found = page.context["found"]
    assert [row.account_id for row in found.rows] == [account.pk for account in [*accounts[3:], accounts[0]]]
    assert (found.accounts, found.banded, found.staying, found.next) == (3, 49, 49, -accounts[0].pk)
    rest = ops.post(address, posted(page.content.decode(), "more", press=("after", str(found.next))))
    assert [row.account_id for row in rest.context["found"].rows] == [accounts[1].pk, accounts[2].pk]
    # Behind the last one the list begins again, and nothing is done unasked.
    assert ops.post(address, {"to": "earlier", "after": "-99999999"}).context["found"] == found
    assert update() == "Nothing has changed."
    assert ops.post(address, posted(rest.content.decode(), "change", press=("sure", "yes"))).status_code == 302
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


def test_exactly_those_whose_band_the_switch_changes_are_shown_first(as_user: Any) -> None:
    accounts, _rank, few = ranked(60, 8)
    bands = dict(ScoreNow.objects.system("test").values_list("account", "band"))
    ops = as_user(factories.user("ops_admin"))
    address = f"/settings/scorecards/{few.scorecard_id}/move/"
    page = ops.post(address, {"to": "earlier"})
    found = page.context["found"]
    # The first eight come to the other card: 10 to 80 points instead of 0 to 12, so the fourth to the eighth rise. Of
    # those who stay, n − 1 of 59 others were below, and n − 9 of 51 are: 25 to 29 fall below 40, 37 to 39 below 60, and
    # 49 below 80.
    rise = [(accounts[n - 1].pk, band, points, n * 100, False) for n, band, points in (
        (4, Band.AT_RISK, 51), (5, Band.AT_RISK, 68), (6, Band.STEADY, 85), (7, Band.STEADY, 102),
        (8, Band.THRIVING, 119),
    )]  # fmt: skip
    sink = [(accounts[n - 1].pk, band, before, after, True) for n, band, before, after in (
        (25, Band.LEAVING, 407, 314), (26, Band.LEAVING, 424, 333), (27, Band.LEAVING, 441, 353),
        (28, Band.LEAVING, 458, 373), (29, Band.LEAVING, 475, 392), (37, Band.AT_RISK, 610, 549),
        (38, Band.AT_RISK, 627, 569), (39, Band.AT_RISK, 644, 588), (49, Band.STEADY, 814, 784),
    )]  # fmt: skip
    assert shown(found) == [*rise, *sink]
    assert (found.accounts, found.banded, found.staying) == (8, 14, 9)
    told = page.content.decode()
    assert "8 accounts would be judged by another scorecard" in told and "14 would change their band" in told
    assert "9 of these stay where they are and rank among other accounts" in told
    assert "Big, among other accounts" in told
    order = moved(few.scorecard, earlier=True)
    first = switched(order, factories.user("ops_admin"), limit=5)
    rest = switched(order, factories.user("ops_admin"), after=first.next or 0)
    assert (first.rows + rest.rows, rest.next, rest.banded) == (found.rows, None, 14)

    assert ops.post(address, posted(told, "change", press=("sure", "yes"))).status_code == 302
    update()
    became = dict(ScoreNow.objects.system("test").values_list("account", "band"))
    assert {pk: band for pk, band in became.items() if bands[pk] != band} == {row[0]: row[1] for row in [*rise, *sink]}

    # Taken out of the order and brought back is the same once more.
    scorecards.retire_scorecard(few.scorecard, at=NOW, by=rows.BY)
    update()
    address = f"/settings/scorecards/{few.scorecard_id}/return/"
    page = ops.post(address)
    assert page.context["found"] == found
    assert "“Few” back in the order" in page.content.decode()
    assert update() == "Nothing has changed."
    assert ops.post(address, posted(page.content.decode(), "change", press=("sure", "yes"))).status_code == 302
    assert update() == f"8 accounts were judged as of {TODAY}."


def test_a_new_scorecard_shows_before_it_is_published_whom_it_moves_among_those_it_does_not_judge(as_user: Any) -> None:
    accounts = customers(52, 10)
    Account.objects.system("test").filter(pk__in=[account.pk for account in accounts[:3]]).update(tags=["few"])
    rows.version(RANK)
    update()
    ops_user = factories.user("ops_admin")
    segment = keep_segment(name="Few", tree=read("tag.has.few"), shared=Shared.EVERYONE, at=NOW, by=ops_user)
    card = scorecards.add_scorecard(name="Few", segment=segment, at=NOW, by=ops_user)
    ops = as_user(ops_user)
    page = ops.get(f"/settings/scorecards/{card.pk}/draft/review/")
    others = page.context["others"]
    # 49 stay, too few to be ranked: all of them become unknown, whatever they had.
    assert (others.staying, len(others.rows), others.next) == (49, 49, None)
    assert {(row.would, row.would_points, row.stays) for row in others.rows} == {(Band.UNKNOWN, None, True)}
    assert "49 accounts rank into another band, since this scorecard takes others away" in page.content.decode()
    scorecards.publish(ScorecardVersion.objects.get(scorecard=card), at=NOW, by=ops_user)
    update()
    assert look(at=NOW, by=rows.BY) == "0 signals opened, 0 closed"


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


def test_a_signal_from_before_stays_and_is_never_set_against_points_from_after() -> None:
    accounts, _rank, few = ranked(60, 8)
    for place, uses in ((59, 9), (49, 40)):
        fall(accounts[place], uses)
        DirtyAccount.objects.create(account=accounts[place], mark=1)
    update()
    assert look(at=NOW, by=rows.BY) == "3 signals opened, 0 closed"
    # From 100 to 8½ of 59, and from 49 of 59 to 40½: one more has come below it.
    before = [(accounts[49].pk, "score_drop", 831, 686), (accounts[59].pk, "score_drop", 1000, 144)]
    assert opened(kind="score_drop") == before
    put_first(few)
    update()
    look(at=NOW, by=rows.BY)
    fall(accounts[49], 20)
    update(rows.at(TOMORROW, 8))
    assert look(at=NOW + timedelta(1), by=rows.BY) == "1 signals opened, 0 closed"
    # After the switch 32½ of 51 are below it; then 12½, as 9 (twice) to 19 are below 20. The other one stays.
    assert opened(kind="score_drop") == [(accounts[49].pk, "score_drop", 637, 245), before[1]]
