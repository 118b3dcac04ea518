"""What a renewal came to, and whether it was foreseen: arithmetic only, mirrored by due.sql."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

RENEWS, GROWS, AT_RISK, LEAVES = "renews", "grows", "at_risk", "leaves"
RENEWED, EXPANDED, CONTRACTED, CHURNED, UNKNOWN = "renewed", "expanded", "contracted", "churned", "unknown"
# At risk means that less may come; a customer who stays and pays less has shown that it was.
TRUE: Final = {
    RENEWS: {RENEWED, EXPANDED},
    GROWS: {EXPANDED},
    AT_RISK: {CONTRACTED, CHURNED},
    LEAVES: {CHURNED},
}
JUDGED_DAYS: Final = 30  # a forecast is judged as it stood so many days before the renewal
ENOUGH: Final = 8  # below so many judged forecasts a rate says nothing: its 95 % interval spans over 50 points
SOON_DAYS: Final = 30


def outcome(before: Decimal | None, after: Decimal | None, *, paid: bool) -> str:
    """Name what became of a renewal: MRR of its lines before, and of them and what replaced them after.

    None: a rate is missing, so the direction cannot be known; that they went on paying, or did not, still can.
    """
    if not paid:
        return CHURNED
    if before is None or after is None:
        return UNKNOWN
    if after == before:
        return RENEWED
    return EXPANDED if after > before else CONTRACTED


def came_true(category: str, outcome: str) -> bool | None:
    """Whether a forecast was right; None: it cannot be told, or there was none."""
    if category not in TRUE or (outcome == UNKNOWN and category != LEAVES):
        return None
    return outcome in TRUE[category]


@dataclass(frozen=True)
class Record:
    """How many of somebody's forecasts came true."""

    right: int
    judged: int

    @property
    def is_enough(self) -> bool:
        return self.judged >= ENOUGH

    @property
    def share(self) -> float:
        return self.right / self.judged if self.judged else 0.0
