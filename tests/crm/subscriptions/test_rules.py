"""Movements of MRR as arithmetic."""

from datetime import date
from decimal import Decimal

import pytest

from crm.subscriptions.rules import Move, Step, monthly, moves


def step(day: int, mrr: str | None, *, paid: bool = True, term_starts: bool = False) -> Step:
    return Step(date(2026, 1, day), paid, None if mrr is None else Decimal(mrr), term_starts)


@pytest.mark.parametrize(
    ("price", "months", "mrr"),
    [
        ("1200.00", 12, "100.000000"),
        ("100.00", 3, "33.333333"),
        ("200.00", 3, "66.666667"),
        ("0.01", 12, "0.000833"),
        # 0.09 / 64 = 0.00140625 and 0.03 / 64 = 0.00046875 are no halves; 0.01 / 64 = 0.00015625; these two are:
        ("0.05", 32, "0.001562"),  # 0.0015625 to the even 2
        ("0.11", 32, "0.003438"),  # 0.0034375 to the even 8
    ],
)
def test_the_price_of_a_period_becomes_a_month_half_even_to_six_places(price, months, mrr):
    assert monthly(Decimal(price), months) == Decimal(mrr)


def test_every_kind_is_named_from_the_daily_steps():
    steps = [
        step(1, "100"),
        step(2, "150"),
        step(3, "120"),
        step(4, "120", term_starts=True),
        step(5, "0", paid=False),
        step(9, "80"),
    ]
    assert list(moves(steps)) == [
        Move(date(2026, 1, 1), "new", Decimal(100)),
        Move(date(2026, 1, 2), "expansion", Decimal(50)),
        Move(date(2026, 1, 3), "contraction", Decimal(-30)),
        Move(date(2026, 1, 4), "renewal", Decimal(0)),
        Move(date(2026, 1, 5), "churn", Decimal(-120)),
        Move(date(2026, 1, 9), "reactivation", Decimal(80)),
    ]


def test_a_change_that_leaves_the_price_and_the_term_alone_is_no_movement():
    assert [move.kind for move in moves([step(1, "100"), step(2, "100")])] == ["new"]


def test_a_renewal_at_a_higher_price_is_an_expansion():
    kinds = [move.kind for move in moves([step(1, "100"), step(2, "110", term_starts=True)])]
    assert kinds == ["new", "expansion"]


def test_a_cheaper_price_for_a_longer_period_is_judged_by_mrr_alone():
    # 120 a month, then 1,200 for a year: more money at once, less a month.
    steps = [step(1, str(monthly(Decimal(120), 1))), step(2, str(monthly(Decimal(1200), 12)))]
    assert list(moves(steps))[1] == Move(date(2026, 1, 2), "contraction", Decimal(-20))


def test_a_missing_rate_leaves_the_amount_unknown_and_names_no_direction():
    steps = [step(1, None), step(2, "100"), step(3, None), step(4, "0", paid=False)]
    assert list(moves(steps)) == [Move(date(2026, 1, 1), "new", None), Move(date(2026, 1, 4), "churn", None)]
