"""The budget as arithmetic."""

import pytest

from crm.attention.rules import Use


@pytest.mark.parametrize(
    ("contact", "account", "left", "overdrawn", "exhausted"),
    [
        (0, 0, 3, 0, ""),
        (1, 1, 2, 0, ""),
        (2, 5, 1, 0, ""),
        (0, 5, 1, 0, ""),
        (3, 3, 0, 0, "contact_budget"),
        (0, 6, 0, 0, "account_budget"),
        (4, 4, 0, 1, "contact_budget"),
        (1, 8, 0, 2, "account_budget"),
    ],
)
def test_what_is_left_is_the_smaller_rest(
    contact: int, account: int, left: int, overdrawn: int, exhausted: str
) -> None:
    use = Use(contact, account)
    assert (use.left, use.overdrawn, use.exhausted) == (left, overdrawn, exhausted)
