"""Who may write an account, and what fits a trait."""

from datetime import date
from decimal import Decimal

import pytest

from crm.accounts.rules import Holding, TraitRefused, may_hand_over, may_write, trait_value

ME, MINE, OTHER, THEIRS = 1, 10, 2, 20
own = Holding(owner_id=ME, owner_team_id=MINE)
colleague = Holding(owner_id=OTHER, owner_team_id=MINE)
foreign = Holding(owner_id=OTHER, owner_team_id=THEIRS)
my_pool, their_pool, nobody = Holding(pool_id=MINE), Holding(pool_id=THEIRS), Holding()
hidden = Holding(owner_id=OTHER, owner_team_id=MINE, restricted=True)
hidden_own = Holding(owner_id=ME, owner_team_id=MINE, restricted=True)
held = [own, colleague, foreign, my_pool, their_pool, nobody, hidden, hidden_own]


@pytest.mark.parametrize(
    ("role", "writes"),
    [
        ("ops_admin", [own, colleague, foreign, my_pool, their_pool, nobody, hidden, hidden_own]),
        ("manager", [own, colleague, my_pool, hidden_own]),
        ("rep", [own, my_pool, hidden_own]),
        ("read_only", []),
        ("system_admin", []),
    ],
)
def test_each_role_writes_its_own_part_of_the_book(role, writes):
    assert [row for row in held if may_write(role, ME, MINE, row)] == writes


def test_somebody_without_a_team_has_no_share_in_what_nobody_owns():
    assert [row for row in held if may_write("manager", ME, None, row)] == [own, hidden_own]


@pytest.mark.parametrize(
    ("role", "now", "new", "may"),
    [
        ("rep", my_pool, own, True),  # a member claims a row of the pool
        ("rep", my_pool, colleague, False),
        ("rep", own, colleague, False),
        ("rep", own, my_pool, False),
        ("manager", colleague, own, True),
        ("manager", own, my_pool, True),
        ("manager", own, foreign, False),
        ("manager", foreign, own, False),
        ("manager", own, nobody, False),
        ("ops_admin", foreign, nobody, True),
        ("system_admin", own, own, False),
    ],
)
def test_owners_change_inside_the_team_except_by_ops(role, now, new, may):
    assert may_hand_over(role, ME, MINE, now, new) is may


@pytest.mark.parametrize(
    ("type", "raw", "placed"),
    [
        ("number", "1240.5", ("number", Decimal("1240.5"))),
        ("number", -3, ("number", Decimal(-3))),
        ("number", 0.1, ("number", Decimal("0.1"))),
        ("number", "1.23456789", ("number", Decimal("1.234568"))),
        ("number", 2**53, ("number", Decimal(2**53))),
        ("text", "서울", ("text", "서울")),
        ("text", 7, ("text", "7")),
        ("flag", True, ("flag", True)),
        ("flag", "No", ("flag", False)),
        ("flag", 1, ("flag", True)),
        ("date", "2026-11-21", ("day", date(2026, 11, 21))),
        ("date", "2026-11-21T00:00:00Z", ("day", date(2026, 11, 21))),
    ],
)
def test_a_value_that_fits_is_placed_by_its_type(type, raw, placed):
    assert trait_value(type, raw) == placed


@pytest.mark.parametrize(
    ("type", "raw", "code"),
    [
        ("number", "12,5", "not_a_number"),
        ("number", True, "not_a_number"),
        ("number", float("nan"), "not_a_number"),
        ("number", "Infinity", "not_a_number"),
        ("number", [1], "not_a_number"),
        ("number", 2**53 + 1, "too_large"),
        ("number", "1e400", "too_large"),
        ("text", "x" * 1001, "too_long"),
        ("text", {"a": 1}, "not_a_text"),
        ("flag", "maybe", "not_yes_or_no"),
        ("flag", 1.0, "not_yes_or_no"),
        ("date", "21.11.2026", "not_a_date"),
        ("date", 20261121, "not_a_date"),
        ("date", "1492-10-12", "date_out_of_range"),
        ("number", None, "empty"),
        ("text", "  ", "empty"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_a_reason(type, raw, code):
    with pytest.raises(TraitRefused) as refused:
        trait_value(type, raw)
    assert refused.value.code == code
