"""What a pulse is, and how it comes in from a file. No Django, no clock, no rows."""

from datetime import date, timedelta
from typing import Final


def _(text: str) -> str:
    """Mark a sentence for translation; whoever shows it translates it."""
    return text


VALUES: Final = range(1, 6)
LABEL = _("Pulses")
ABOUT = _("How our people find accounts, from 1 to 5, with the reason.")
PULSES = "pulses"
COLUMNS = {
    "account": ("account_id", "company_id", "customer_id", "account_external_id"),
    "pulse": ("value", "score", "csm_pulse", "sentiment", "rating"),
    "reason": ("why", "comment", "note", "text"),
    "on": ("date", "day", "at", "created", "created_on"),
    "by": ("csm", "owner", "user", "by_whom", "author"),
    "valid_until": ("valid_through", "expires", "expires_on", "until"),
}
EXAMPLE = {
    "account": "acme", "pulse": "4", "reason": "The new dispatcher plans with us daily.", "on": "2026-11-02", "by": "",
    "valid_until": "",
}  # fmt: skip


def last_day(on: date, days: int) -> date:
    """The last day on which a pulse of the day `on` counts, its own included."""
    return on + timedelta(days=days - 1)
