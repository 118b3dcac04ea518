"""Suggested weights: the fit against a published one and a closed form, and the advice on what months unseen say."""

from datetime import date
from math import log

import numpy as np
import pytest

from retention.backtests import rules
from retention.backtests.rules import Estimate, better, logistic, month_ends, suggest
from retention.backtests.rules.weights import _Walk, filled
from tests.retention.backtests.panels import panel

HOURS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 1.75, 2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 4, 4.25, 4.5, 4.75, 5, 5.5]
PASSED = [0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1]


def test_the_fit_is_the_published_one_of_twenty_students() -> None:
    # Failing is leaving: chance of failing = 1 ÷ (1 + exp(1.5046 × hours − 4.0777)).
    weights, free = logistic(np.array(HOURS)[:, None], np.array(PASSED) == 0, 1e-9)
    assert weights[0] == pytest.approx(1.5046, abs=5e-5)
    assert free == pytest.approx(4.0777, abs=5e-5)


def test_of_a_table_of_four_the_fit_is_the_difference_of_the_log_odds() -> None:
    # Without the feature 6 of 8 left, with it 2 of 10: log 3 − log 0.25 = 2.4849.
    x = np.array([0.0] * 8 + [1.0] * 10)[:, None]
    left = np.array([True] * 6 + [False] * 2 + [True] * 2 + [False] * 8)
    weights, free = logistic(x, left, 1e-9)
    assert weights[0] == pytest.approx(log(12), abs=1e-6)
    assert free == pytest.approx(log(3), abs=1e-6)


def test_what_speaks_for_leaving_gets_no_weight_and_a_penalty_pulls_to_zero() -> None:
    x, left = np.array(HOURS)[:, None], np.array(PASSED) == 1
    assert logistic(x, left, 0.1)[0][0] == 0
    soft, hard = (logistic(x, ~left, penalty)[0][0] for penalty in (0.1, 100.0))
    assert 0 < hard < soft < 1.5046


def test_a_penalised_fit_has_no_slope_left() -> None:
    x, left, penalty = np.column_stack([HOURS, np.sqrt(HOURS)]), np.array(PASSED) == 0, 0.5
    weights, free = logistic(x, left, penalty)
    chance = 1 / (1 + np.exp(x @ weights - free))
    slope = x.T @ (left - chance) + penalty * weights
    assert (chance - left).sum() == pytest.approx(0, abs=1e-6)
    for weight, own in zip(weights, slope, strict=True):
        assert own == pytest.approx(0, abs=1e-6) if weight else own > -1e-9


def test_nobody_left_fits_nothing() -> None:
    assert logistic(np.array([[1.0], [2.0]]), np.array([False, False]), 1.0)[0].tolist() == [0.0]


def months(told: bool, seed: int = 3) -> rules.Panel:
    """Twelve month-ends of sixty accounts; a tenth leaves each month. The first group tells, or neither does."""
    drawn, rows, groups = np.random.default_rng(seed), [], []
    here = list(range(60))
    for landmark in month_ends(date(2024, 1, 1), date(2024, 12, 31)):
        leaving = set(drawn.choice(here, size=max(2, len(here) // 10), replace=False).tolist())
        for account in here:
            gone = account in leaving
            rows.append((account, landmark, 500, date.fromordinal(landmark.toordinal() + 10) if gone else None))
            sign = drawn.uniform(0, 0.5) if gone and told else drawn.uniform(0.3 if told else 0, 1)
            groups.append((sign, drawn.uniform()))
        here = [account for account in here if account not in leaving]
    return panel(*rows, groups=groups)


def test_weights_of_a_group_that_tells_are_suggested_and_their_gain_is_out_of_sample() -> None:
    found = suggest(months(told=True), 30)
    assert found is not None and found.compared is not None
    assert found.shares[0] > 0.9 and sum(found.shares) == pytest.approx(1)
    gain = found.compared.lift("suggested", "equal")
    assert better(gain, found.leavers) == rules.CHANGE
    # The first landmark has nothing before it, and January's horizon ends on 1 March: 2 of 12 train only.
    assert found.tested == 10


def test_where_nothing_tells_the_advice_is_to_keep_ones_own() -> None:
    found = suggest(months(told=False), 30)
    assert found is not None and found.compared is not None
    gain = found.compared.lift("suggested", "equal")
    assert gain.low < 0 < gain.high
    assert better(gain, found.leavers) == rules.KEEP
    assert suggest(months(told=False), 30).shares == found.shares


def test_one_group_leaves_nothing_to_weigh_and_few_leavers_support_nothing() -> None:
    assert suggest(panel((1, date(2024, 1, 31), 500, None)), 30) is None
    assert better(Estimate(0.1, 0.05, 0.2), 19) == rules.TOO_FEW
    assert better(Estimate(0.1, 0.05, 0.2), 20) == rules.CHANGE
    assert better(Estimate(0.1, 0.0, 0.2), 20) == rules.KEEP
    assert better(None, 50) == rules.TOO_FEW


@pytest.mark.parametrize("day", [date(2024, 4, 30), date(2024, 8, 31)])
def test_training_labels_end_before_the_landmark_that_is_tested(day: date) -> None:
    # Whatever becomes of anybody from the landmark on changes nothing of what was fitted for it.
    whole = months(told=True)
    known = whole.days + 30 < day.toordinal()
    changed = rules.Panel(**(vars(whole) | {"left_on": np.where(known, whole.left_on, whole.days + 1)}))
    fits = [_Walk(p, filled(p.groups), p.left(30), 30).fitted(day.toordinal()).tolist() for p in (whole, changed)]
    assert fits[0] == fits[1]
