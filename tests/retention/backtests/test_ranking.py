"""AUC and its interval: pairs counted by hand, a published example, and what must hold whatever the figures."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.backtests.rules import auc, compare

figures = st.lists(st.integers(0, 20), min_size=1, max_size=12).map(np.array)


def test_auc_is_the_share_of_pairs_in_which_the_leaver_has_less() -> None:
    # 100 < 200, 300, 400; 300 < 400, = 300 (half), > 200: 3 + 1.5 of 6 pairs.
    assert auc(np.array([100, 300]), np.array([200, 300, 400])) == 0.75


@pytest.mark.parametrize(
    ("left", "stayed", "expected"),
    [([1, 2], [3, 4], 1.0), ([3, 4], [1, 2], 0.0), ([5, 5], [5], 0.5)],
)
def test_auc_is_1_when_all_leavers_have_less_0_when_more_and_a_half_when_all_are_equal(
    left: list[int], stayed: list[int], expected: float
) -> None:
    assert auc(np.array(left), np.array(stayed)) == expected


def test_auc_is_that_of_hanley_and_mcneil_for_109_pictures_of_brains() -> None:
    # Ratings 1 (surely normal) to 5 (surely not) of 58 normal and 51 abnormal ones.
    normal, abnormal = np.repeat(range(1, 6), [33, 6, 6, 11, 2]), np.repeat(range(1, 6), [3, 2, 2, 11, 33])
    assert auc(normal, abnormal) == pytest.approx(0.893, abs=0.0005)


@settings(max_examples=25)
@given(figures, figures)
def test_the_reversed_figure_has_what_is_missing_to_1(left: np.ndarray, stayed: np.ndarray) -> None:
    assert auc(-left, -stayed) == pytest.approx(1 - auc(left, stayed))


@settings(max_examples=25)
@given(figures, figures)
def test_only_the_order_counts(left: np.ndarray, stayed: np.ndarray) -> None:
    assert auc(np.exp(left / 3), np.exp(stayed / 3)) == pytest.approx(auc(left, stayed))


def drawn(n: int = 60, repeat: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    points = np.array([k * 37 % 101 * 10 for k in range(n)])
    return np.tile(points, repeat), np.tile(np.arange(n) % 4 == 0, repeat), np.tile(np.arange(n), repeat)


def test_an_account_drawn_twice_counts_like_two_accounts() -> None:
    # Slow and plain beside fast: every draw's places written out, and ranked anew.
    points, left, accounts = drawn(12, repeat=2)
    found = compare({"score": points}, left, accounts, draws=30, seed=4)
    assert found is not None
    random = np.random.default_rng(4)
    for told in found.draws["score"]:
        times = np.bincount(random.integers(0, 12, 12), minlength=12)[accounts]
        gone, here = np.repeat(points[left], times[left]), np.repeat(points[~left], times[~left])
        assert told == pytest.approx(auc(gone, here)) if len(gone) and len(here) else math.isnan(told)


def test_rows_of_one_account_are_drawn_together_so_repeating_them_narrows_nothing() -> None:
    once, often = (compare({"score": points}, left, who, draws=200) for points, left, who in (drawn(), drawn(repeat=5)))
    assert once is not None and often is not None
    assert often.of("score").value == pytest.approx(once.of("score").value)
    assert often.of("score").low == pytest.approx(once.of("score").low)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another_one() -> None:
    points, left, accounts = drawn()
    first, again, other = (compare({"s": points}, left, accounts, draws=200, seed=seed) for seed in (1, 1, 2))
    assert first is not None and again is not None and other is not None
    assert first.of("s") == again.of("s") != other.of("s")


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3), st.booleans()), min_size=2, max_size=15))
def test_an_interval_holds_its_figure_and_stays_between_0_and_1(rows: list[tuple[int, int, bool]]) -> None:
    points, accounts, left = (np.array(column) for column in zip(*rows, strict=True))
    found = compare({"score": points, "other": -points}, left.astype(bool), accounts, draws=25)
    if found is None:
        assert left.all() or not left.any()
        return
    told, lift = found.of("score"), found.lift("score", "other")
    assert 0 <= told.low <= told.value <= told.high <= 1
    assert lift.low <= lift.value <= lift.high
    assert lift.value == pytest.approx(2 * told.value - 1)


def test_a_figure_has_no_lift_over_itself_in_any_draw() -> None:
    points, left, accounts = drawn()
    found = compare({"a": points, "b": points * 2}, left, accounts, draws=100)
    assert found is not None
    assert (found.lift("a", "b").value, found.lift("a", "b").low, found.lift("a", "b").high) == (0, 0, 0)


def test_nobody_to_compare_with_is_no_figure() -> None:
    assert compare({"s": np.array([1, 2])}, np.array([True, True]), np.array([1, 2])) is None
    assert compare({"s": np.array([1, 2])}, np.array([False, False]), np.array([1, 2])) is None
    assert math.isnan(auc(np.array([]), np.array([1])))
