"""A horizon's report: every figure worked out by hand, and the right words for scores of every kind."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.backtests import rules
from retention.backtests.queries import advice_words, verdict_words
from retention.backtests.rules import Dated, Estimate, Known, Panel, Steps, landmarks, month_ends, report, verdict
from retention.scorecards.rules import group_points
from tests.retention.backtests.panels import panel
from tests.retention.scorecards.cards import a_card, cards

JAN, FEB, MAR = date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31)
REACH = date(2025, 12, 31)
KNOWN = Known(REACH, 600)


def test_month_ends_are_the_last_days_of_months_both_ends_included() -> None:
    found = month_ends(date(2023, 11, 30), date(2024, 3, 30))
    assert found == [date(2023, 11, 30), date(2023, 12, 31), date(2024, 1, 31), date(2024, 2, 29)]


def test_landmarks_are_over_by_the_reach_for_the_shortest_horizon_and_36_at_most() -> None:
    # 2025-11-30 + 30 days is 12-30, within the reach; 12-31 + 30 is not.
    assert landmarks(date(2025, 10, 2), REACH, (30, 90)) == [date(2025, 10, 31), date(2025, 11, 30)]
    assert len(landmarks(date(2015, 1, 1), REACH, (30,))) == 36
    assert landmarks(None, REACH, (30,)) == []


@pytest.mark.parametrize(
    ("left_on", "left"),
    [
        (None, False),
        (JAN + timedelta(1), True),
        (JAN + timedelta(60), True),  # the last day of the horizon
        (JAN + timedelta(61), False),
    ],
)
def test_a_label_is_a_departure_after_the_landmark_through_its_horizon(left_on: date | None, left: bool) -> None:
    assert panel((1, JAN, 500, left_on)).left(60).tolist() == [left]


def test_what_reaches_beyond_the_data_is_not_counted_even_where_somebody_has_left_already() -> None:
    rows = panel((1, MAR, 500, None), (2, MAR, 500, date(2025, 4, 2)), (3, FEB, 500, None))
    assert rows.observed(60, date(2025, 5, 30)).accounts.tolist() == [1, 2, 3]
    assert rows.observed(60, date(2025, 5, 29)).accounts.tolist() == [3]


def paid(*rows: tuple[int, date, bool, float | None]) -> Steps:
    return Steps(
        np.array([row[0] for row in rows]),
        np.array([row[1].toordinal() for row in rows]),
        np.array([row[2] for row in rows]),
        np.array([np.nan if row[3] is None else row[3] for row in rows]),
    )


def test_who_leaves_and_comes_back_left_all_the_same_and_is_a_customer_again_afterwards() -> None:
    steps = paid((1, JAN, True, 10), (1, FEB, False, 0), (1, MAR, True, 20), (2, FEB, True, None))
    accounts, days = np.array([1, 1, 1, 2, 2]), [JAN, FEB, MAR, JAN, MAR]
    ordinals = np.array([day.toordinal() for day in days])
    assert steps.pays(accounts, ordinals).tolist() == [True, False, True, False, True]
    assert steps.left_after(accounts, ordinals).tolist() == [FEB.toordinal(), *[rules.NEVER] * 4]
    assert [None if np.isnan(n) else n for n in steps.mrr_on(accounts, ordinals)] == [10, 0, 20, None, None]


def test_a_band_shows_its_departures_and_wilsons_interval() -> None:
    # 1 of 29 leaving ones left: Newcombe (1998), Table I: 0.0061 to 0.1718.
    rows = panel(*((n, JAN, 100, FEB if n == 0 else None) for n in range(29)), (99, JAN, 900, None))
    worst, *others = report(rows, 60, KNOWN)["bands"]
    assert (worst["n"], worst["left"], worst["share"]) == (29, 1, 1 / 29)
    assert worst["interval"] == pytest.approx([0.0061, 0.1718], abs=5e-5)
    assert [(row["band"], row["n"], row["share"]) for row in others] == [(2, 0, None), (3, 0, None), (4, 1, 0.0)]


def test_the_lift_is_set_off_against_last_use_and_days_to_renewal_on_the_same_places() -> None:
    # Score: both leavers below both stayers: 1. Last use: 9 > 1, 5 and 2 > 1, 2 < 5: 3 of 4. Renewal: 50 of all equal.
    rows = panel(
        (1, JAN, 100, FEB), (2, JAN, 200, FEB), (3, JAN, 700, None), (4, JAN, 800, None),
        last_use=[9, 2, 1, 5], renews_in=[30, 30, 30, 30],
    )  # fmt: skip
    found = report(rows, 60, KNOWN)
    assert found["auc"] == 1.0
    assert found["baselines"]["last_use"]["auc"] == 0.75
    assert found["baselines"]["last_use"]["lift"]["value"] == 0.25
    assert found["baselines"]["days_to_renewal"]["auc"] == 0.5


def test_lead_time_runs_from_where_the_last_unbroken_warning_begins() -> None:
    # 1 was warned from 28 February to 10 April: 41 days. Its ledger had warned since 20 February: 49.
    # 2 recovered before it left, so nothing warned of it. 3 was low at the end only: 10 days.
    rows = panel(
        (1, JAN, 700, date(2025, 4, 10)), (1, FEB, 590, date(2025, 4, 10)), (1, MAR, 300, date(2025, 4, 10)),
        (2, FEB, 300, date(2025, 4, 10)), (2, MAR, 600, date(2025, 4, 10)),
        (3, FEB, 800, date(2025, 4, 10)), (3, MAR, 599, date(2025, 4, 10)),
    )  # fmt: skip
    assert report(rows, 60, KNOWN)["lead_time"] == {"median": 25.5, "warned": 2, "churns": 3}
    marks = {1: [(date(2025, 2, 10).toordinal(), 610), (date(2025, 2, 20).toordinal(), 550)]}
    assert report(rows, 60, Known(REACH, 600, ledger=marks))["lead_time"]["median"] == 29.5


def test_misses_are_named_by_the_earliest_landmark_of_a_departure_and_the_newest_of_who_stayed() -> None:
    rows = panel(
        (1, JAN, 500, date(2025, 3, 31)), (1, FEB, 900, date(2025, 3, 31)),  # within 60 days: January's 500 counts
        (2, JAN, 100, date(2025, 6, 1)), (2, MAR, 850, date(2025, 4, 20)),
        (3, JAN, 900, None), (3, MAR, 200, None),
        (4, JAN, 300, None), (4, MAR, 500, None),
    )  # fmt: skip
    found = report(rows, 60, KNOWN)["misses"]
    assert [(row["account"], row["points"], row["left_on"]) for row in found["green_and_left"]] == [
        (2, 850, "2025-04-20")
    ]
    assert [(row["account"], row["points"], row["day"]) for row in found["red_and_stayed"]] == [(3, 200, "2025-03-31")]
    assert (found["green_and_left_in_all"], found["churns"], found["red"]) == (1, 2, 1)


def test_the_top_band_is_asked_whether_it_expands_renews_and_promotes_each_account_once() -> None:
    rows = panel(
        *((n, JAN, 900, None) for n in range(1, 11)), *((n, JAN, 500, FEB if n > 13 else None) for n in range(11, 21)),
        renews_in=[20] * 20,
    )  # fmt: skip
    steps = paid(*(
        step for n in range(1, 21) for step in ((n, date(2025, 1, 1), True, 100.0),
        (n, FEB, True, 120.0 if n < 10 or 10 < n < 14 else 100.0))
    ))  # fmt: skip
    days = np.array([FEB.toordinal()] * 4)
    known = Known(REACH, 600, steps, Dated(np.array([1, 2, 11, 12]), days), Dated(np.array([1, 2]), days[:2]))
    found = report(rows, 60, known)["top_band"]
    # 9/10 − 3/10 of Newcombe's Table II: 0.1705 to 0.8090.
    assert (found["expand"]["top"], found["expand"]["others"]) == ([9, 10], [3, 10])
    assert found["expand"]["interval"] == pytest.approx([0.1705, 0.8090], abs=5e-5)
    # They were to renew on 20 February, and those who left did so on the 28th.
    assert (found["renew"]["top"], found["renew"]["others"]) == ([10, 10], [10, 10])
    assert (found["promote"]["top"], found["promote"]["others"]) == ([2, 2], [0, 2])


@pytest.mark.parametrize(
    ("found", "leavers", "code"),
    [
        (Estimate(0.7, 0.6, 0.8), 20, rules.SHOWN),
        (Estimate(0.55, 0.48, 0.62), 25, rules.NOT_SHOWN),
        (Estimate(0.55, 0.5, 0.62), 25, rules.NOT_SHOWN),
        (Estimate(0.3, 0.2, 0.4), 25, rules.WRONG_WAY),
        (Estimate(0.98, 0.97, 1.0), 25, rules.LEAK),
        (Estimate(0.9, 0.8, 0.95), 19, rules.FEW),
        (None, 0, rules.NOBODY),
    ],
)
def test_the_verdict_follows_from_the_interval(found: Estimate | None, leavers: int, code: str) -> None:
    assert verdict(found, leavers) == code


def world(kind: str, leavers: int = 30) -> Panel:
    """120 accounts on two landmarks; `leavers` of them leave within 60 days of the second."""
    drawn, rows = np.random.default_rng(11), []
    for n in range(120):
        gone = n < leavers
        points = {
            "random": int(drawn.integers(0, 1001)),
            "outcome": 0 if gone else 1000,
            "telling": int(drawn.integers(0, 700 if gone else 1001)),
            "wrong": int(drawn.integers(300 if gone else 0, 1001 if gone else 700)),
        }[kind]
        rows += [
            (n, FEB, points, date(2025, 4, 20) if gone else None),
            (n, MAR, points, date(2025, 4, 20) if gone else None),
        ]
    return panel(*rows)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("random", "Not shown to be predictive: 60 days ahead, the interval holds 0.5, which is what chance"),
        ("outcome", "Suspected leak: 60 days ahead it tells too well to be true. Look for"),
        ("telling", "Shown to be predictive: 60 days ahead, those who left scored lower than those who"),
        ("wrong", "Shown to point the wrong way: 60 days ahead, those who left scored higher than those who stayed."),
    ],
)  # fmt: skip
def test_random_scores_leaks_and_scores_that_tell_get_the_right_words(kind: str, words: str) -> None:
    found = report(world(kind), 60, KNOWN)
    assert verdict_words(60, found).startswith(words)
    assert found["interval"][0] <= found["auc"] <= found["interval"][1]
    assert "AUC" not in verdict_words(60, found, figures=False)


def test_below_20_leavers_each_is_listed_with_its_score_90_days_before_and_no_more_is_said() -> None:
    left_on = date(2025, 4, 20).toordinal()
    whole = world("outcome", 19)
    assert rules.days_to_ask(whole, [60], REACH) == [left_on - 90]
    assert rules.days_to_ask(world("outcome", 20), [60], REACH) == []
    found = report(whole, 60, Known(REACH, 600, before={(n, left_on): 10 * n or None for n in range(19)}))
    assert verdict_words(60, found) == (
        "Not shown to be predictive: only 19 customers left within 60 days of a month-end, and below 20 no more can be "
        "said."
    )
    assert found["each_churn"][:2] == [
        {"account": 0, "left_on": "2025-04-20", "points": None},
        {"account": 1, "left_on": "2025-04-20", "points": 10},
    ]
    assert len(found["each_churn"]) == 19
    assert report(world("outcome", 0), 60, KNOWN)["verdict"] == rules.NOBODY


def test_advice_about_weights_says_keep_yours_where_the_gain_may_be_nothing() -> None:
    gain = {"value": 0.012, "interval": [-0.04, 0.07]}
    keep = {"weights": {"advice": rules.KEEP, "gain": gain}}
    assert advice_words(keep) == (
        "Keep yours: on months not learned from, other weights than equal ones gain +0.01, between −0.04 and +0.07."
    )
    assert advice_words({"weights": None}).startswith("No weights are suggested")
    assert advice_words({"weights": keep["weights"] | {"advice": rules.TOO_FEW}}).startswith("Keep yours: too few")


def test_groups_have_the_points_that_the_scorecards_arithmetic_gives_them() -> None:
    parts = np.array([[100, np.nan, 900], [np.nan, np.nan, np.nan]])
    assert np.array_equal(rules.group_points(a_card(1, 2, 3), parts), parts / 1000, equal_nan=True)


@settings(max_examples=25)
@given(st.data())
def test_groups_of_any_card_are_those_of_the_scorecards_to_the_tenth(data: st.DataObject) -> None:
    card = data.draw(cards())
    row = data.draw(
        st.lists(st.none() | st.integers(0, 1000), min_size=len(card.measures), max_size=len(card.measures))
    )
    found = rules.group_points(card, np.array([row], np.float64))[0]
    for group, share in zip(card.groups, found, strict=True):
        tenths = group_points(card, group, row)
        assert np.isnan(share) if tenths is None else share * 1000 == pytest.approx(tenths, abs=0.5001)
