"""The Net Promoter Score and its margin, against published figures and by simulation."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.lib.intervals import Interval, finite
from feedback.answers.rules import Tally, enough, margin, net, standard_error, tally

PUBLISHED = Tally(promoters=162, passives=108, detractors=54)
counts = st.builds(Tally, st.integers(0, 400), st.integers(0, 400), st.integers(0, 400)).filter(lambda t: t.total > 0)


def test_the_published_example_has_its_published_score_and_error():
    """shared/data/README.md: 162 promoters, 108 passives, 54 detractors: 33.3, standard error 4.14."""
    assert round(net(PUBLISHED), 1) == 33.3
    assert round(standard_error(PUBLISHED), 2) == 4.14


def test_the_adjusted_interval_is_the_one_worked_out_by_hand():
    """(162.75 − 54.75) ÷ 327 = 33.028; variance 217.5 ÷ 327 − 0.33028² = 0.55605; ± 1.96 × √(0.55605 ÷ 327) = 8.082."""
    found = margin(PUBLISHED)
    assert round(found.low, 2) == 24.95
    assert round(found.high, 2) == 41.11


def test_a_finite_population_draws_both_arms_in():
    """324 of 400: √(76 ÷ 399) = 0.43644; arms 8.388 and 7.777 from 33.333."""
    assert round(finite(324, 400), 5) == 0.43644
    found = margin(PUBLISHED, 400)
    assert (round(found.low, 2), round(found.high, 2)) == (29.67, 36.73)


def test_when_everyone_has_answered_there_is_nothing_left_to_guess():
    assert margin(Tally(3, 1, 1), 5) == Interval(40.0, 40.0)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (0, Tally(0, 0, 1)),
        (6, Tally(0, 0, 1)),
        (7, Tally(0, 1, 0)),
        (8, Tally(0, 1, 0)),
        (9, Tally(1, 0, 0)),
        (10, Tally(1, 0, 0)),
    ],
)
def test_each_score_counts_for_one_kind(score, expected):
    assert tally({score: 1}) == expected


@given(counts)
def test_the_margin_holds_the_score_and_never_vanishes(found):
    low, high = margin(found).low, margin(found).high
    assert -100 <= low <= net(found) <= high <= 100
    assert high - low > 0


@given(counts, st.integers(1, 2000))
def test_a_finite_population_never_widens_the_margin(found, others):
    near, far = margin(found, found.total + others), margin(found)
    assert far.low <= near.low <= net(found) <= near.high <= far.high
    assert near.high - near.low > 0


@pytest.mark.parametrize("shares", [(0.5, 0.33, 0.17), (0.2, 0.3, 0.5), (0.85, 0.1, 0.05), (0.34, 0.33, 0.33)])
@pytest.mark.parametrize(("n", "population"), [(12, 2000), (30, 300), (40, 60)])
def test_the_margin_covers_the_truth_in_about_19_of_20_draws(shares, n, population):
    """2,000 draws without replacement; the standard error of a 95 % share is then half a point."""
    random = Random(20261121)
    promoters, passives = round(shares[0] * population), round(shares[1] * population)
    people = [1] * promoters + [0] * passives + [-1] * (population - promoters - passives)
    truth = 100 * sum(people) / population
    hits = 0
    for _draw in range(2000):
        drawn = random.sample(people, n)
        found = margin(Tally(drawn.count(1), drawn.count(0), drawn.count(-1)), population)
        hits += found.low <= truth <= found.high
    assert 0.93 <= hits / 2000 <= 0.99


def test_nine_answers_of_many_are_too_few_and_ten_are_not():
    assert [enough(9, 100), enough(10, 100)] == [False, True]


def test_all_of_a_small_circle_is_enough_and_nobody_is_not():
    assert [enough(4, 4), enough(3, 4), enough(0, 0)] == [True, False, False]
