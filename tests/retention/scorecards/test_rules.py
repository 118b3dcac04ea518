"""The arithmetic of a scorecard, with numbers worked out by hand and properties that hold for all."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from retention.measures.rules import Measure
from retention.scorecards.rules import (
    AT_RISK,
    HIGHEST,
    LEAVING,
    LOWEST,
    STEADY,
    THRIVING,
    UNKNOWN,
    Card,
    Group,
    band_of,
    contributions,
    costs,
    judge,
    shares,
    total,
)
from tests.retention.scorecards.cards import a_card, cards


def test_the_score_is_the_weighted_average_of_what_is_known() -> None:
    card = a_card(30, 20, 50)
    # (30 × 80 + 20 × 50 + 50 × 20) ÷ 100 = 44; without the last (30 × 80 + 20 × 50) ÷ 50 = 68.
    assert total(card, [800, 500, 200]) == 440
    assert total(card, [800, 500, None]) == 680
    assert total(card, [None, None, None]) is None


def test_missing_data_lowers_coverage_and_widens_the_range() -> None:
    card = a_card(30, 30, 40)
    found = judge(card, [800, 620, None])
    # 60 % of weight known: (24 + 18.6) ÷ 0.6 = 71; worst 42.6, best 42.6 + 40 = 82.6.
    assert (found.points, found.coverage, found.low, found.high) == (710, 600, 426, 826)


def test_below_the_minimum_coverage_the_band_is_unknown() -> None:
    card = a_card(50, 50, minimum_coverage=50)
    assert judge(card, [900, None]).band == THRIVING
    found = judge(a_card(49, 51, minimum_coverage=50), [900, None])
    assert (found.points, found.band, found.coverage, found.costliest) == (None, UNKNOWN, 490, None)


def test_bands_begin_at_their_limits() -> None:
    found = [band_of(tenths, (40, 60, 80)) for tenths in (0, 399, 400, 599, 600, 799, 800, 1000, None)]
    assert found == [LEAVING, LEAVING, AT_RISK, AT_RISK, STEADY, STEADY, THRIVING, THRIVING, UNKNOWN]


def grouped(takes: str) -> Card:
    measures = tuple(Measure(key=f"m{n}", kind="reach") for n in range(3))
    return Card(
        measures, (Group(Decimal(60), (0, 1), (Decimal(1), Decimal(3)), takes), Group(Decimal(40), (2,), (Decimal(1),)))
    )


def test_a_group_takes_the_average_the_lowest_or_the_highest_of_its_known_members() -> None:
    points = [400, 800, 500]
    # Average 400 × ¼ + 800 × ¾ = 700; (60 × 700 + 40 × 500) ÷ 100 = 620.
    assert total(grouped("average"), points) == 620
    assert total(grouped(LOWEST), points) == 440
    assert total(grouped(HIGHEST), points) == 680
    assert total(grouped(LOWEST), [None, 800, 500]) == 680
    # None known: the group is missing, the rest judges alone.
    assert total(grouped(LOWEST), [None, None, 500]) == 500


def test_coverage_counts_the_known_share_of_a_group() -> None:
    # Member 0 is a quarter of the group's 60: 15 % + 40 % are known.
    assert judge(grouped("average"), [400, None, 500]).coverage == 550


def test_the_range_sets_missing_members_to_worst_and_best_and_judges_again() -> None:
    found = judge(grouped(LOWEST), [None, 800, 500])
    assert (found.points, found.low, found.high) == (680, 200, 680)


def test_lowest_goes_to_the_deciding_member_and_the_first_of_equals() -> None:
    assert shares(grouped(LOWEST), [400, 800, 500]) == [Fraction(3, 5), 0, Fraction(2, 5)]
    assert shares(grouped(HIGHEST), [800, 800, 500]) == [Fraction(3, 5), 0, Fraction(2, 5)]
    assert contributions(grouped(LOWEST), [400, 800, 500]) == [240, 0, 200]


def test_contributions_add_up_by_largest_remainder() -> None:
    # Thirds of 100.0, 100.0 and 0.1: 333.3… twice and 0.03…; the score is 666.7, so one third gets the rest.
    assert total(a_card(1, 1, 1), [1000, 1000, 1]) == 667
    assert contributions(a_card(1, 1, 1), [1000, 1000, 1]) == [334, 333, 0]


def test_the_costliest_measure_keeps_most_points_from_a_hundred() -> None:
    found = judge(a_card(20, 50, 30), [0, 500, 900])
    # Lacks 20 × 100 %, 50 × 50 %, 30 × 10 %: 20, 25 and 3 points.
    assert costs(a_card(20, 50, 30), [0, 500, 900]) == [200, 250, 30]
    assert (found.costliest, found.cost) == (2, 250)


def test_nothing_costs_a_perfect_score() -> None:
    found = judge(a_card(1, 1), [1000, 1000])
    assert (found.points, found.costliest, found.cost) == (1000, None, 0)


tenths = st.one_of(st.none(), st.integers(0, 1000))


@given(cards(), st.data())
def test_points_stay_between_0_and_100_within_their_range_and_add_up(card: Any, data: Any) -> None:
    points = data.draw(st.lists(tenths, min_size=len(card.measures), max_size=len(card.measures)))
    found = judge(card, points)
    assert 0 <= found.low <= found.high <= 1000
    score = total(card, points)
    if score is not None:
        assert 0 <= score <= 1000
        assert sum(contributions(card, points)) == score
        assert sum(shares(card, points)) == 1


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.data())
def test_a_missing_measure_never_changes_the_points_only_coverage_and_range(weights: Any, data: Any) -> None:
    points = data.draw(st.lists(st.integers(0, 1000), min_size=len(weights), max_size=len(weights)))
    with_missing = judge(a_card(*weights, 7, minimum_coverage=0), [*points, None])
    without = judge(a_card(*weights, minimum_coverage=0), points)
    assert with_missing.points == without.points
    assert with_missing.coverage < without.coverage == 1000
    assert with_missing.low <= without.low and with_missing.high >= without.high


@given(cards(), st.booleans(), st.data())
def test_that_holds_inside_groups_too(card: Any, alone: Any, data: Any) -> None:
    size = len(card.measures)
    points = data.draw(st.lists(tenths, min_size=size, max_size=size))
    one = Group(Decimal(3), (size,), (Decimal(3),))
    first, *rest = card.groups
    wider = Group(first.weight, (*first.members, size), (*first.weights, Decimal(3)), first.takes)
    measures = (*card.measures, Measure(key="more", kind="reach"))
    more = Card(measures, (*card.groups, one) if alone else (wider, *rest), minimum_coverage=0)
    with_missing, without = judge(more, [*points, None]), judge(Card(card.measures, card.groups, 0), points)
    assert with_missing.points == without.points
    assert with_missing.coverage <= without.coverage
    assert with_missing.low <= without.low and with_missing.high >= without.high


@given(cards(), st.integers(2, 9), st.data())
def test_weights_act_by_their_shares_only(card: Any, times: Any, data: Any) -> None:
    points = data.draw(st.lists(tenths, min_size=len(card.measures), max_size=len(card.measures)))
    heavier = tuple(
        Group(g.weight * times, g.members, tuple(w * times for w in g.weights), g.takes) for g in card.groups
    )
    assert judge(Card(card.measures, heavier), points) == judge(Card(card.measures, card.groups), points)


@given(cards(), st.data())
def test_the_range_holds_the_score_that_comes_when_what_was_missing_arrives(card: Any, data: Any) -> None:
    points = data.draw(st.lists(tenths, min_size=len(card.measures), max_size=len(card.measures)))
    arrived = [data.draw(st.integers(0, 1000)) if part is None else part for part in points]
    before, after = judge(card, points), total(card, arrived)
    assert after is not None
    assert before.low <= after <= before.high


@given(cards(), st.data())
def test_a_better_measure_never_lowers_the_score(card: Any, data: Any) -> None:
    size = len(card.measures)
    points = data.draw(st.lists(st.integers(0, 1000), min_size=size, max_size=size))
    place = data.draw(st.integers(0, size - 1))
    better = [*points]
    better[place] = data.draw(st.integers(points[place], 1000))
    was, now = total(card, points), total(card, better)
    assert was is not None and now is not None
    assert now >= was
