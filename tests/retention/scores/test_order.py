"""Which scorecard judges an account: the first whose segment it is in, set-based, for today and for past days."""

from datetime import date
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from crm.accounts.models import Account
from crm.segments.actions import change_kept, delete_kept, keep_segment
from crm.segments.models import Shared
from crm.segments.rules import read
from crm.usage.models import DirtyAccount, UsageDay
from retention.previews.queries import switched
from retention.risk_signals.actions import look
from retention.scorecards import actions as scorecards
from retention.scorecards.models import Scorecard, ScorecardMeasure, ScorecardVersion
from retention.scorecards.queries import problems_of, published_versions
from retention.scores import actions, queries
from retention.scores.models import ScoreNow, Standing
from tests import factories
from tests.factories import NOW, TODAY
from tests.page_forms import posted
from tests.retention import usage_rows as rows

pytestmark = pytest.mark.django_db
REACH = {"kind": "reach", "red": 0, "green": 100}
RANK = {"kind": "reach", "scale": "percentile", "green": 100}
AT = rows.at(TODAY, 8)


def customers(*uses: int, ago: int = 10, **more: Any) -> list[Account]:
    event = rows.event(factories.feature())
    found = []
    for count in uses:
        account = factories.account(customer_since=date(2025, 1, 1), **more)
        factories.subscription(account, 100, recorded_at=rows.at(date(2025, 1, 1)))
        rows.used(account, event, count, ago=ago)
        found.append(account)
    Account.objects.system("test").update(created_at=rows.at(date(2025, 1, 1)))
    return found


def card_for(where: str, *measures: dict[str, Any], name: str = "Big", **more: Any) -> ScorecardVersion:
    """A published scorecard for a segment; the default one exists by then."""
    ops = factories.user("ops_admin")
    segment = keep_segment(name=name, tree=read(where), shared=Shared.EVERYONE, at=NOW, by=ops)
    card = scorecards.add_scorecard(name=name, segment=segment, at=NOW, by=ops)
    draft = ScorecardVersion.objects.get(scorecard=card)
    ScorecardVersion.objects.filter(pk=draft.pk).update(**more)
    ScorecardMeasure.objects.filter(version=draft).delete()
    for position, measure in enumerate(measures, 1):
        ScorecardMeasure.objects.create(
            version=draft, position=position, **{"key": f"m{position}", "name": f"Measure {position}"} | measure
        )
    return scorecards.publish(draft, at=NOW, by=ops)


def update(through: Any = AT) -> str:
    actions.refresh_windows(through, at=through, by=rows.BY)
    return actions.score_changed(through, at=through, by=rows.BY)


def now(account: Account) -> tuple[int, int | None]:
    row = ScoreNow.objects.system("test").get(account=account)
    return row.version_id, row.points


def test_the_first_match_judges_and_the_default_takes_the_rest() -> None:
    (small,), (big,), (both,) = customers(30), customers(30, segment="big"), customers(30, segment="big", tags=["vip"])
    default = rows.version(REACH)
    first = card_for("tag.has.vip", REACH | {"green": 40}, name="VIP")
    second = card_for("segment.is.big", REACH | {"green": 50})
    assert [version.pk for version in published_versions()] == [first.pk, second.pk, default.pk]
    assert update() == f"3 accounts were judged as of {TODAY}."
    assert [now(a) for a in (small, big, both)] == [(default.pk, 300), (second.pk, 600), (first.pk, 750)]
    # In the other order the second takes the account that both fit.
    scorecards.move_scorecard(second.scorecard, earlier=True, at=NOW, by=rows.BY)
    assert update() == f"1 accounts were judged as of {TODAY}."
    assert now(both) == (second.pk, 600)
    scorecards.retire_scorecard(second.scorecard, at=NOW, by=rows.BY)
    assert update() == f"2 accounts were judged as of {TODAY}."
    assert [now(a) for a in (small, big, both)] == [(default.pk, 300), (default.pk, 300), (first.pk, 750)]
    assert update() == "Nothing has changed."


def test_percentiles_rank_among_the_accounts_of_the_scorecard_and_follow_whoever_moves() -> None:
    small, big = customers(*range(1, 51)), customers(*range(1, 53), segment="big")
    rows.version(RANK)
    card_for("segment.is.big", RANK)
    update()
    # The 26th of 50: 25 of 49 others are below; the 26th of 52: 25 of 51.
    assert (now(small[25])[1], now(big[25])[1]) == (510, 490)
    Account.objects.system("test").filter(pk=big[51].pk).update(segment="small")
    assert update() == f"1 accounts were judged as of {TODAY}."
    # 26th of 51 small ones and 26th of 51 big ones: 25 of 50 others are below.
    assert (now(small[25])[1], now(big[25])[1], now(big[51])[1]) == (500, 500, 1000)
    # The other way, to the scorecard that is asked first: 25 of 49 others are below, and 25 of 51.
    Account.objects.system("test").filter(pk=small[49].pk).update(segment="big")
    assert update() == f"1 accounts were judged as of {TODAY}."
    assert (now(small[25])[1], now(big[25])[1]) == (510, 490)


def test_the_incremental_run_ends_where_a_full_one_does_with_several_scorecards() -> None:
    small, big = customers(*range(1, 55)), customers(*range(1, 55), segment="big")
    rows.version(RANK, REACH, minimum_coverage=0)
    card_for("segment.is.big", RANK, {"kind": "recency", "red": 28, "green": 1})
    update()
    changed = [*small[10:14], *big[20:24]]
    UsageDay.objects.filter(account__in=changed).update(uses=33)
    Account.objects.system("test").filter(pk=big[20].pk).update(segment="")
    for account in changed:
        DirtyAccount.objects.create(account=account, mark=1)
    assert update() == f"8 accounts were judged as of {TODAY}."
    found = list(ScoreNow.objects.system("test").order_by("account").values())
    ScoreNow.objects.system("test").delete()
    Standing.objects.all().delete()
    update()
    assert list(ScoreNow.objects.system("test").order_by("account").values()) == found


def test_conditions_that_cannot_be_run_take_nobody_in_and_let_nobody_go() -> None:
    (small,), (big,) = customers(30), customers(30, segment="big")
    default = rows.version(REACH)
    version = card_for("segment.is.big", REACH | {"green": 50})
    update()
    segment = version.scorecard.segment
    assert segment is not None
    delete_kept(segment, at=NOW, by=segment.owner)
    Account.objects.system("test").filter(pk=small.pk).update(segment="big")
    assert update() == "Nothing has changed."
    assert [now(a)[0] for a in (small, big)] == [default.pk, version.pk]
    (problem,) = problems_of(Scorecard.objects.get(pk=version.scorecard_id), day=TODAY)
    assert problem.reason == "The segment “Big” was deleted. Bring it back under Segments, or choose another one."


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("trait:gone.is.x", "There is no field “gone”. It may have been removed"),
        ("band.is.leaving", "“Health” follows from the scores, so it cannot choose a scorecard."),
        ("owner.is.me", "“Me” and “my team” mean nobody here"),
        ("", "The segment “Big” has no condition."),
    ],
)
def test_a_segment_that_cannot_choose_is_refused_at_its_field(where: str, words: str) -> None:
    rows.version(REACH)
    with pytest.raises(ValidationError) as refused:
        card_for(where, REACH)
    assert words in refused.value.message_dict["segment"][0]
    assert Scorecard.objects.count() == 1


def test_a_past_day_asks_its_conditions_of_that_day() -> None:
    (account,) = customers(30, ago=40)
    Account.objects.system("test").update(customer_since=rows.day(70))
    default = rows.version(REACH)
    version = card_for("customer_since.older.60", REACH | {"green": 50})
    for ago in (20, 5):
        rows.score(rows.day(ago), TODAY)
    # Twenty days ago it had been a customer for 50 days, five days ago for 65; by then the use had left its window.
    assert [(row.day, row.version_id, row.points) for row in rows.ledger(account)] == [
        (rows.day(20), default.pk, 300), (rows.day(5), version.pk, 0),
    ]  # fmt: skip


def test_of_one_day_the_row_that_was_written_last_holds_whatever_its_scorecard() -> None:
    (account,) = customers(30)
    default = rows.version(REACH)
    version = card_for("segment.is.big", REACH | {"green": 50})
    seen = []
    for segment in ("", "big", "", ""):
        Account.objects.system("test").update(segment=segment)
        rows.score()
        why = queries.why(account.pk, TODAY)
        assert why is not None
        seen.append((why.version_id, why.points, why.revision))
    assert seen == [(default.pk, 300, 0), (version.pk, 600, 1), (default.pk, 300, 2), (default.pk, 300, 2)]
    assert queries.score_on(TODAY) == {account.pk: 300}
    assert queries.history(account.pk, TODAY, TODAY) == [(TODAY, 300)]


def test_another_scorecard_is_a_line_of_its_own_and_its_measures_are_not_taken_for_the_old_ones() -> None:
    (account,) = customers(30, ago=10)
    rows.version(REACH, {"kind": "recency", "red": 28, "green": 0})
    card_for("segment.is.big", {"kind": "recency", "red": 20, "green": 0}, {"kind": "recency", "red": 28, "green": 0})
    rows.score(rows.day(2), rows.day(2))
    Account.objects.system("test").update(segment="big")
    rows.score()
    found = queries.changed_since(account.pk, rows.day(2), TODAY)
    assert found is not None
    # 30 and (28 − 8) ÷ 28 = 71.4: 50.7. Then 10 of 20 days, 50.0, and 18 of 28, 64.3: 57.2. The second measure reads
    # the same in both, two days more: −3.6 on half the weight; the rest is the other scorecard's doing.
    assert (found.before, found.after) == (507, 572)
    assert [(line.key, line.before_words, line.change) for line in found.lines] == [
        ("m1", "", 0), ("m2", "8 days ago", -35), ("version", "", 100),
    ]  # fmt: skip


def test_a_version_that_moves_limits_is_told_apart_from_what_the_account_did() -> None:
    (account,) = customers(30)
    rows.version(REACH)
    rows.score(rows.day(1), rows.day(1))
    rows.version(REACH | {"green": 50})
    rows.used(account, rows.event(factories.feature()), 5, ago=1)
    rows.score()
    found = queries.changed_since(account.pk, rows.day(1), TODAY)
    assert found is not None
    # 30 of 100 are 30.0; the new limit makes 60.0 of them, and five uses more 70.0.
    assert [(line.key, line.change) for line in found.lines] == [("m1", 100), ("version", 300)]


def test_a_change_of_order_shows_first_whom_it_gives_to_another_card_and_opens_no_signal(as_user: Any) -> None:
    """Two of three in both segments would fall from 75 points to 30 of another card; the third is in one alone."""
    small, (falls, stays) = customers(30)[0], customers(30, 95, segment="big", tags=["vip"])
    rows.version(REACH)
    card_for("tag.has.vip", REACH | {"green": 40}, name="VIP")
    big = card_for("segment.is.big", REACH, name="Large").scorecard
    update()
    ops = as_user(factories.user("ops_admin"))
    address = f"/settings/scorecards/{big.pk}/move/"
    page = ops.post(address, {"to": "earlier"})
    told = page.content.decode()
    moved = [
        (row.account_id, row.points, row.would_points, row.was_by, row.would_by) for row in page.context["found"].rows
    ]
    assert moved == [
        (falls.pk, 750, 300, "VIP", "Large"), (stays.pk, 1000, 950, "VIP", "Large"),
    ]  # fmt: skip
    assert "2 accounts would be judged by another scorecard" in told and "1 would change its band" in told
    assert update() == "Nothing has changed."
    sent = posted(told, "change", press=("sure", "yes"))
    assert ops.post(address, sent).url == "/settings/scorecards/"
    assert update() == f"2 accounts were judged as of {TODAY}."
    assert look(at=NOW, by=rows.BY) == "0 signals opened, 0 closed"
    assert (now(falls)[1], now(stays)[1], now(small)[1]) == (300, 950, 300)
    # What moves nobody is done at once.
    assert ops.post(f"/settings/scorecards/{Scorecard.objects.get(name='VIP').pk}/retire/").status_code == 302
    page = ops.post(f"/settings/scorecards/{big.pk}/retire/").content.decode()
    assert "Without “Large”" in page and Scorecard.objects.get(pk=big.pk).retired_at is None


def test_another_filter_of_a_segment_shows_whom_it_gives_to_another_card_before_it_is_kept(as_user: Any) -> None:
    (small,), (big,) = customers(30), customers(30, segment="big")
    rows.version(REACH)
    card = card_for("segment.is.big", REACH | {"green": 50}).scorecard
    update()
    assert card.segment is not None
    ops = as_user(card.segment.owner)
    address = reverse("segment-edit", args=[card.segment_id])
    form = {"name": "Big", "shared": "everyone", "where": "segment.is.small"}
    page = ops.post(address, form)
    assert [(row.account_id, row.was_by, row.would_by) for row in page.context["found"].rows] == [
        (big.pk, "Big", "Test")
    ]
    order = [version for version in published_versions() if version.scorecard.is_default]
    assert [row.account_id for row in switched(order, card.segment.owner).rows] == [big.pk]
    assert switched(order, factories.user("rep")).rows == []
    assert "Segment “Big” chooses accounts for a scorecard" in page.content.decode()
    assert update() == "Nothing has changed."
    assert ops.post(address, posted(page.content.decode(), "change", press=("sure", "yes"))).status_code == 302
    assert update() == f"1 accounts were judged as of {TODAY}."
    # Another segment for the card is the same: here it takes both.
    both = keep_segment(
        name="Both", tree=read("uses.at_least.1"), shared=Shared.EVERYONE, at=NOW, by=card.segment.owner
    )
    given = {"name": "Big", "segment": both.pk}
    page = ops.post(f"/settings/scorecards/{card.pk}/edit/", given)
    assert [row.account_id for row in page.context["found"].rows] == [small.pk, big.pk]
    assert ops.post(f"/settings/scorecards/{card.pk}/edit/", given | {"sure": "yes"}).status_code == 302


def test_a_segment_that_comes_back_or_is_shared_again_shows_first_whom_it_moves(as_user: Any) -> None:
    (small,) = customers(30)
    rows.version(REACH)
    card = card_for("segment.is.big", REACH | {"green": 50}).scorecard
    assert card.segment is not None
    update()
    ops = as_user(card.segment.owner)
    delete_kept(card.segment, at=NOW, by=card.segment.owner)
    Account.objects.system("test").filter(pk=small.pk).update(segment="big")
    assert update() == "Nothing has changed."
    address = reverse("segment-restore", args=[card.segment_id])
    page = ops.post(address)
    assert [row.account_id for row in page.context["found"].rows] == [small.pk]
    assert ops.post(address, posted(page.content.decode(), "change", press=("sure", "yes"))).status_code == 302
    # For its owner alone it takes nobody in; for everyone again it would.
    change_kept(card.segment, shared=Shared.OWN, at=NOW, by=card.segment.owner)
    form = {"name": "Big", "shared": "everyone", "where": "segment.is.big"}
    page = ops.post(reverse("segment-edit", args=[card.segment_id]), form)
    assert [row.account_id for row in page.context["found"].rows] == [small.pk]


def test_before_anything_is_published_an_order_is_changed_at_once(as_user: Any) -> None:
    card = Scorecard.objects.create(name="First", position=1)
    answer = as_user(factories.user("ops_admin")).post(f"/settings/scorecards/{card.pk}/move/", {"to": "earlier"})
    assert (answer.status_code, answer.url) == (302, "/settings/scorecards/")
