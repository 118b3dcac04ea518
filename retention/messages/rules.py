"""What an account got and what it came to: choosing the figures that a recap tells."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

MICRO = 1_000_000


@dataclass(frozen=True)
class Use:
    """One feature in the last four weeks and the four before, in its own unit (uses, or what it sums)."""

    feature_id: int
    name: str
    unit: str
    is_key: bool
    threshold: int
    now: Decimal
    before: Decimal


@dataclass(frozen=True)
class Recap:
    """What an account got for what it pays, over the 28 days before `day` and the 28 before those.

    `feature` empty: nothing was used at all. `per_unit`: price of one unit in `currency`, null without a price or
    without use. `seats` null: not sold by the seat. `unused`: key features of the paid plan without meaningful use.
    """

    active: int = 0
    active_before: int = 0
    seats: int | None = None
    feature: str = ""
    unit: str = ""
    amount: Decimal = Decimal(0)
    amount_before: Decimal = Decimal(0)
    per_unit: Decimal | None = None
    currency: str = ""
    mrr: Decimal | None = None
    unused: tuple[str, ...] = field(default=())


def main_use(uses: Iterable[Use]) -> Use | None:
    """The feature a recap speaks of: a key one if any was used, then the one with most use over both windows."""
    used = [use for use in uses if use.now or use.before]
    return max(used, key=lambda use: (use.is_key, use.now + use.before, -use.feature_id), default=None)


def unused(paid: Iterable[Use], used: Mapping[int, Use]) -> tuple[str, ...]:
    """Names of paid key features below their threshold, in the order given."""
    below = (f for f in paid if f.feature_id not in used or used[f.feature_id].now < f.threshold)
    return tuple(f.name for f in below if f.is_key)


def per_unit(mean_mrr: Decimal | None, amount: Decimal) -> Decimal | None:
    """What one unit came to: the mean MRR of the four weeks over the amount of the four weeks, to the cent."""
    if not mean_mrr or mean_mrr <= 0 or amount <= 0:
        return None
    return (mean_mrr / amount).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
