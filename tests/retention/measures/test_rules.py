"""Scales as a table: from a reading to tenths of points."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from retention.measures.rules import PERCENTILE, STEPS, Measure, half_up, needed, percentiles, points


def linear(red: str, green: str) -> Measure:
    return Measure(key="m", kind="reach", red=Decimal(red), green=Decimal(green))


@pytest.mark.parametrize(
    ("red", "green", "value", "tenths"),
    [
        ("0.2", "0.7", "0.2", 0),
        ("0.2", "0.7", "0.36", 320),
        ("0.2", "0.7", "0.7", 1000),
        ("0.2", "0.7", "0.1", 0),
        ("0.2", "0.7", "3", 1000),
        ("28", "1", "28", 0),
        ("28", "1", "1", 1000),
        ("28", "1", "14.5", 500),
        ("-0.5", "0.5", "-0.18", 320),
    ],
)
def test_a_value_lies_between_its_red_and_green_limits_in_either_direction(
    red: Any, green: Any, value: Any, tenths: Any
) -> None:
    assert points(linear(red, green), Decimal(value)) == tenths


def test_halves_of_a_tenth_go_up() -> None:
    # 1 of 2000 is half a tenth of a point, a hair less is none.
    assert points(linear("0", "2000"), Decimal(1)) == 1
    assert points(linear("0", "2000"), Decimal("0.999999999")) == 0
    assert [half_up(n, 2) for n in (0, 1, 2, 3)] == [0, 1, 1, 2]


def test_a_missing_value_has_no_points() -> None:
    assert points(linear("0", "1"), None) is None


def test_steps_give_the_points_of_the_last_step_reached_and_the_first_holds_below_it() -> None:
    idle = Measure(
        key="m",
        kind="recency",
        scale=STEPS,
        steps=((Decimal(1), Decimal(100)), (Decimal(7), Decimal("60.25")), (Decimal(28), Decimal(0))),
    )
    assert [points(idle, Decimal(v)) for v in ("0", "1", "6.9", "7", "27", "28", "90")] == [
        1000, 1000, 1000, 603, 603, 0, 0,
    ]  # fmt: skip


def test_percentile_is_below_and_half_of_the_other_equals_among_the_others() -> None:
    # 51 accounts read 0..50: the one that reads 30 has 30 of 50 others below.
    values = [Decimal(n) for n in range(51)]
    found = percentiles(values)
    assert (found[0], found[30], found[50]) == (0, 600, 1000)
    assert percentiles(values, descending=True)[30] == 400
    # 50 equal ones: none below, 49 others equal, half of them: 24.5 of 49 is the middle.
    assert percentiles([Decimal(7)] * 50) == [500] * 50


def test_fewer_than_fifty_readings_have_no_percentile_and_missing_ones_do_not_count() -> None:
    assert percentiles([Decimal(n) for n in range(49)] + [None] * 5) == [None] * 54
    found = percentiles([Decimal(n) for n in range(50)] + [None])
    assert (found[49], found[50]) == (1000, None)


def test_the_value_needed_for_some_points_is_read_off_the_scale() -> None:
    assert needed(linear("0.2", "0.7"), 800) == Decimal("0.6")
    assert needed(linear("28", "1"), 1000) == Decimal(1)
    steps = Measure(
        key="m",
        kind="reach",
        scale=STEPS,
        steps=((Decimal(0), Decimal(0)), (Decimal(10), Decimal(50)), (Decimal(30), Decimal(100))),
    )
    assert needed(steps, 800) == Decimal(30)
    assert needed(Measure(key="m", kind="reach", scale=PERCENTILE), 800) is None


def test_a_scale_that_cannot_judge_is_refused() -> None:
    with pytest.raises(ValueError, match="same value"):
        linear("1", "1")
    with pytest.raises(ValueError, match="7, 28, 84"):
        Measure(key="m", kind="reach", window=30)
    with pytest.raises(ValueError, match="at least one step"):
        Measure(key="m", kind="reach", scale=STEPS)


numbers = st.decimals("-50", "50", places=3, allow_nan=False)


@given(numbers, numbers, numbers, numbers)
def test_a_reading_nearer_to_green_is_never_worth_less(
    red: Decimal, green: Decimal, one: Decimal, other: Decimal
) -> None:
    assume(red != green)
    worse, better = sorted((one, other), reverse=red > green)
    linear = Measure(key="m", kind="reach", red=red, green=green)
    assert (points(linear, worse) or 0) <= (points(linear, better) or 0)
    ranks = percentiles([worse, better, *(Decimal(n) for n in range(-24, 25))], descending=red > green)
    assert (ranks[0] or 0) <= (ranks[1] or 0)
