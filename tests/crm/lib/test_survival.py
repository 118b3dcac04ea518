"""Kaplan–Meier and log-rank against the textbooks, at their edges, and by simulation."""

import csv
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm.lib.survival import Spell, chi_squared_tail, kaplan_meier, log_rank

# Freireich et al. (1963), weeks of remission: those still in remission when last seen are censored.
MP = [6, 6, 6, 7, 10, 13, 16, 22, 23]
MP_CENSORED = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
LUNG = Path(__file__).parents[4] / "shared/data/survival/lung.csv"


def spells(ended: list[int], censored: list[int] | None = None) -> list[Spell]:
    return [Spell(at, True) for at in ended] + [Spell(at, False) for at in censored or []]


TREATED, UNTREATED = spells(MP, MP_CENSORED), spells(PLACEBO)


@pytest.mark.parametrize(
    ("week", "share", "low", "high"),
    [
        # The bands as Stata's `sts list` prints them for these data.
        (6, 0.8571, 0.6197, 0.9516),
        (7, 0.8067, 0.5631, 0.9228),
        (9, 0.8067, 0.5631, 0.9228),
        (10, 0.7529, 0.5032, 0.8894),
        (13, 0.6902, 0.4316, 0.8491),
        (16, 0.6275, 0.3675, 0.8049),
        (22, 0.5378, 0.2678, 0.7468),
        (23, 0.4482, 0.1881, 0.6801),
    ],
)
def test_the_trial_of_6_mp_has_its_published_curve_and_bands(week, share, low, high):
    step = kaplan_meier(TREATED).at(week)
    assert (step.share, step.low, step.high) == pytest.approx((share, low, high), abs=5.1e-5)


def test_the_trial_of_6_mp_has_its_published_medians_and_log_rank():
    assert (kaplan_meier(TREATED).median, kaplan_meier(UNTREATED).median) == (23, 8)
    assert kaplan_meier(TREATED).median_between == (13, None)
    found = log_rank([TREATED, UNTREATED])
    assert (round(found.chi_squared, 2), found.degrees) == (16.79, 1)
    assert found.chance == pytest.approx(4.17e-5, rel=0.01)


@pytest.mark.shared
@pytest.mark.skipif(not LUNG.is_file(), reason="The file ../shared/data/survival/lung.csv is not here.")
def test_lung_cancer_by_sex_has_its_published_medians_and_log_rank():
    by_sex: dict[str, list[Spell]] = {"1": [], "2": []}
    with LUNG.open() as file:
        for row in csv.DictReader(file):
            by_sex[row["sex"]].append(Spell(int(row["time"]), row["status"] == "1"))
    men, women = (kaplan_meier(each) for each in by_sex.values())
    assert (men.median, women.median) == (270, 426)
    assert (men.median_between, women.median_between) == ((210, 306), (345, 524))
    assert round(log_rank(list(by_sex.values())).chi_squared, 2) == 10.33


def test_three_groups_worked_out_by_hand():
    """Ends of a at 1 and 2, of b at 2 and 3, of c at 4 and 4.

    Expected at 1: 2/6 each; at 2 (two of 1, 2, 2 at risk): 0.4, 0.8, 0.8; at 3: b ⅓, c ⅔; at 4: c 2. So O − E is
    a 1.26667, b 0.53333, c −1.8. Covariances of a and b: at 1: 2/9, −1/9, 2/9; at 2, times d (n − d) ÷ (n − 1) =
    1.5: 0.24, −0.12, 0.36; at 3: b 2/9. V = [[0.46222, −0.23111], [−0.23111, 0.80444]], det 0.31842;
    χ² = (0.80444 × 1.60444 + 2 × 0.23111 × 0.67556 + 0.46222 × 0.28444) ÷ 0.31842 = 5.4469.
    """
    found = log_rank([spells([1, 2]), spells([2, 3]), spells([4, 4])])
    assert (round(found.chi_squared, 3), found.degrees) == (5.447, 2)
    # With two degrees of freedom the tail is e^(−χ²/2).
    assert found.chance == pytest.approx(0.06565, abs=1e-4)


def test_a_group_that_nobody_watched_while_others_ended_counts_for_nothing():
    with_late = log_rank([TREATED, UNTREATED, spells([], [0, 0])])
    assert with_late.degrees == 1
    assert with_late.chi_squared == pytest.approx(16.793, abs=1e-3)


def test_there_is_not_enough_data():
    assert kaplan_meier([]) is None
    assert [log_rank([]), log_rank([TREATED]), log_rank([TREATED, []])] == [None] * 3
    assert log_rank([spells([], [5]), spells([], [9])]) is None


def test_before_the_first_step_and_after_the_last_the_curve_says_nothing():
    curve = kaplan_meier(TREATED)
    assert (curve.at(5), curve.at(36), curve.through) == (None, None, 35)
    assert curve.at(35).share == curve.at(23).share


def test_half_of_all_is_half_however_the_product_rounds():
    assert kaplan_meier(spells([1, 2, 3, 4, 5, 6])).median == 3
    assert kaplan_meier(spells([1], [9, 9, 9])).median is None


def test_nobody_and_everybody_gone_have_wilsons_bands():
    """None of 20: at least 0.8389 stay. All of 20 gone at once: at most 0.1611 stay."""
    none, every = kaplan_meier(spells([], [7] * 20)).at(7), kaplan_meier(spells([7] * 20)).at(7)
    assert (round(none.low, 4), none.share, none.high) == (0.8389, 1.0, 1.0)
    assert (every.low, every.share, round(every.high, 4)) == (0.0, 0.0, 0.1611)


@pytest.mark.parametrize(
    ("value", "degrees"), [(3.841, 1), (5.991, 2), (7.815, 3), (9.488, 4), (11.070, 5), (18.307, 10)]
)
def test_the_table_of_chi_squared_at_five_percent(value, degrees):
    assert chi_squared_tail(value, degrees) == pytest.approx(0.05, abs=5e-5)


several = st.lists(st.builds(Spell, st.integers(0, 60), st.booleans()), min_size=1, max_size=80)


@given(several)
def test_a_curve_falls_within_bands_that_have_a_width_and_stay_within_bounds(watched):
    before = 1.0
    for step in kaplan_meier(watched).steps:
        assert 0 <= step.low <= step.share <= step.high <= 1
        assert step.low < step.high
        assert step.share <= before
        before = step.share


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_without_censoring_the_curve_is_the_share_that_lasted_longer(lasted):
    for step in kaplan_meier(spells(lasted)).steps:
        assert step.share == pytest.approx(sum(each > step.at for each in lasted) / len(lasted))


@given(several, several)
@example([Spell(0, True), Spell(1, True), *[Spell(2, n > 1) for n in range(4)]], [Spell(0, False)])
def test_log_rank_does_not_ask_which_group_is_named_first(one, other):
    found, turned = log_rank([one, other]), log_rank([other, one])
    assert (found is None) == (turned is None)
    if found is not None:
        assert found.chi_squared == pytest.approx(turned.chi_squared, abs=1e-9)
        assert 0 <= found.chance <= 1


@pytest.mark.parametrize("n", [20, 60])
def test_the_bands_cover_the_truth_in_about_19_of_20_samples_under_censoring(n):
    """Each day ends 2 % of those left and loses sight of 1 %; S(40) = 0.98⁴⁰ = 0.4457. 1,500 samples."""
    random, hits = Random(20261127), 0
    for _sample in range(1500):
        watched = []
        for _each in range(n):
            ends, lost = (1 + int(random.expovariate(rate)) for rate in (0.020202707, 0.010050336))
            watched.append(Spell(min(ends, lost), ends <= lost))
        step = kaplan_meier(watched).at(40) or kaplan_meier(watched).steps[-1]
        hits += step.low <= 0.98**40 <= step.high
    assert 0.93 <= hits / 1500 <= 0.98
