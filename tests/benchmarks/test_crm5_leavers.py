"""The arithmetic that says whether a score tells who leaves, against figures worked out by hand."""

from datetime import date

import pytest

from benchmarks.crm5_leavers import Estimate, Row, auc, compare, label, month_ends, verdict

T = date(2023, 1, 31)
REACH = date(2023, 6, 30)


def rows(*parts: tuple[str, int, bool]) -> list[Row]:
    return [Row(account, T, points, 1, left) for account, points, left in parts]


def test_auc_is_the_share_of_pairs_in_which_the_leaver_scores_lower() -> None:
    # 100 < 200, 300, 400; 300 < 400, = 300 (half), > 200: 3 + 1.5 of 6 pairs.
    assert auc([100, 300], [200, 300, 400]) == 0.75


@pytest.mark.parametrize(
    ("left", "stayed", "expected"),
    [([1, 2], [3, 4], 1.0), ([3, 4], [1, 2], 0.0), ([5, 5], [5], 0.5)],
)
def test_auc_is_1_when_all_leavers_are_lower_0_when_higher_and_a_half_when_all_are_equal(
    left: list[int], stayed: list[int], expected: float
) -> None:
    assert auc(left, stayed) == expected


def test_the_difference_is_mean_of_leavers_less_mean_of_stayers_in_points() -> None:
    found = compare(rows(("a", 100, True), ("b", 300, True), ("c", 500, False), ("d", 700, False)), draws=10)
    assert found.difference.value == -40.0
    assert found.auc.value == 1.0


def test_the_same_seed_gives_the_same_interval_and_another_seed_another_one() -> None:
    given = rows(*((f"a{n}", n * 37 % 101 * 10, n % 4 == 0) for n in range(40)))
    assert compare(given, draws=200, seed=1) == compare(given, draws=200, seed=1)
    assert compare(given, draws=200, seed=1).auc != compare(given, draws=200, seed=2).auc


def test_rows_of_one_account_are_drawn_together_so_repeating_them_narrows_nothing() -> None:
    once = rows(*((f"a{n}", n * 37 % 101 * 10, n % 4 == 0) for n in range(40)))
    assert compare(once * 5, draws=300) == compare(once, draws=300)


def test_two_accounts_drawn_again_give_an_interval_from_nothing_known_about_the_rest() -> None:
    # Of the four draws of two accounts, those with both have AUC 1 and those with one alone have none.
    found = compare(rows(("a", 100, True), ("b", 300, False)), draws=100)
    assert found.auc == Estimate(1.0, 1.0, 1.0)
    assert found.difference == Estimate(-20.0, -20.0, -20.0)


@pytest.mark.parametrize(
    ("left_on", "expected"),
    [
        (None, False),
        (date(2023, 1, 31), None),  # gone on the day itself
        (date(2023, 2, 1), True),
        (date(2023, 4, 1), True),  # the sixtieth day
        (date(2023, 4, 2), False),
    ],
)
def test_a_label_is_departure_within_sixty_days_of_the_landmark(left_on: date | None, expected: bool | None) -> None:
    assert label(T, left_on, 60, REACH) is expected


def test_a_label_is_not_known_when_its_window_reaches_beyond_the_data() -> None:
    assert label(date(2023, 5, 1), None, 60, REACH) is False  # ends on 2023-06-30
    assert label(date(2023, 5, 2), None, 60, REACH) is None
    assert label(date(2023, 5, 2), date(2023, 5, 3), 60, REACH) is None


def test_month_ends_are_the_last_days_of_months_both_ends_included() -> None:
    assert month_ends(date(2023, 11, 30), date(2024, 3, 30)) == [
        date(2023, 11, 30),
        date(2023, 12, 31),
        date(2024, 1, 31),
        date(2024, 2, 29),
    ]


@pytest.mark.parametrize(
    ("found", "leavers", "words"),
    [
        (Estimate(0.7, 0.6, 0.8), 25, "shown to be predictive"),
        (Estimate(0.55, 0.48, 0.62), 25, "not shown to be predictive"),
        (Estimate(0.55, 0.5, 0.62), 25, "not shown to be predictive"),
        (Estimate(0.3, 0.2, 0.4), 25, "shown to point the wrong way"),
        (Estimate(0.99, 0.97, 1.0), 25, "suspected leak: too good to be true"),
        (Estimate(0.9, 0.8, 0.95), 19, "only 19 left: no more can be said"),
    ],
)
def test_the_verdict_follows_from_the_interval(found: Estimate, leavers: int, words: str) -> None:
    assert verdict(found, leavers) == words
