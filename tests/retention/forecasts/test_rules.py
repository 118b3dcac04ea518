"""What a renewal came to and whether it was foreseen, as tables."""

from decimal import Decimal

import pytest

from retention.forecasts.rules import Record, came_true, outcome


@pytest.mark.parametrize(
    ("before", "after", "paid", "name"),
    [
        (100, 100, True, "renewed"),
        (100, 101, True, "expanded"),
        (100, 99, True, "contracted"),
        (100, None, False, "churned"),
        (None, None, False, "churned"),  # that nothing is paid can be told without a rate
        (None, 100, True, "unknown"),
        (100, None, True, "unknown"),
        (0, 0, True, "renewed"),
    ],
)
def test_an_outcome_is_named_by_mrr_before_and_after(before, after, paid, name):
    mrr = [None if each is None else Decimal(each) for each in (before, after)]
    assert outcome(*mrr, paid=paid) == name


@pytest.mark.parametrize(
    ("category", "renewed", "expanded", "contracted", "churned", "unknown"),
    [
        ("renews", True, True, False, False, None),
        ("grows", False, True, False, False, None),
        ("at_risk", False, False, True, True, None),
        ("leaves", False, False, False, True, False),  # somebody who pays in an unknown currency has not left
        ("", None, None, None, None, None),
    ],
)
def test_a_forecast_is_right_when_it_came_true(category, renewed, expanded, contracted, churned, unknown):
    found = [came_true(category, each) for each in ("renewed", "expanded", "contracted", "churned", "unknown")]
    assert found == [renewed, expanded, contracted, churned, unknown]


def test_a_rate_is_said_from_eight_judged_forecasts_on():
    assert [Record(6, judged).is_enough for judged in (7, 8)] == [False, True]
    assert (Record(6, 8).share, Record(0, 0).share) == (0.75, 0.0)
