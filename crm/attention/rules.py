"""The attention budget as arithmetic: how much of two limits is used, and what is left of both."""

from dataclasses import dataclass
from datetime import timedelta

PER_CONTACT = 3
PER_ACCOUNT = 6
WINDOW = timedelta(days=30)


@dataclass(frozen=True)
class Use:
    """Mails that count now: reserved ones, and those handed over within the last 30 days."""

    contact: int
    account: int

    @property
    def left(self) -> int:
        """How many more this contact may get: the smaller rest of the two limits, never below 0."""
        return max(0, min(PER_CONTACT - self.contact, PER_ACCOUNT - self.account))

    @property
    def overdrawn(self) -> int:
        """By how many mails the tighter limit is passed; 0 while both hold."""
        return max(0, self.contact - PER_CONTACT, self.account - PER_ACCOUNT)

    @property
    def exhausted(self) -> str:
        """Which limit allows no further mail: "contact_budget", "account_budget", or "" for neither."""
        if self.contact >= PER_CONTACT:
            return "contact_budget"
        return "account_budget" if self.account >= PER_ACCOUNT else ""
