"""From a reading to points: scales, and rounding that database and Python share.

Points are counted in tenths, 0..1000, so that sums are integers; halves go up. `reading.sql` and
`queries.points_sql` follow the same formulas, and a test holds them against these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

WINDOWS = (7, 28, 84)
MOST = 1000
FEWEST_FOR_PERCENTILES = 50
LINEAR, STEPS, PERCENTILE = "linear", "steps", "percentile"


@dataclass(frozen=True)
class Measure:
    """One number about one account, and the scale that places it between 0 and 100.

    `threshold` is people's own (depth), `trait` the id of the one that is read; None for kinds without one.
    `valid_days`: what is older is missing; None: as the kind says. `counts_amount` says whether the chosen
    feature sums a property rather than uses. `steps` are (from value, points 0..100), ascending.
    """

    key: str
    kind: str
    window: int = 28
    feature: int | None = None
    counts_amount: bool = False
    threshold: int | None = None
    per_price: bool = False
    scale: str = LINEAR
    red: Decimal = Decimal(0)
    green: Decimal = Decimal(1)
    steps: tuple[tuple[Decimal, Decimal], ...] = ()
    trait: int | None = None
    valid_days: int | None = None

    def __post_init__(self) -> None:
        if self.window not in WINDOWS:
            raise ValueError(f"A window is {', '.join(map(str, WINDOWS))} days, not {self.window}.")
        if self.scale == LINEAR and self.red == self.green:
            raise ValueError("Red and green are the same value.")
        if self.scale == STEPS and not self.steps:
            raise ValueError("Steps need at least one step.")


def half_up(part: int, whole: int) -> int:
    """Round part ÷ whole, neither negative, to a whole number; halves go up."""
    return (2 * part + whole) // (2 * whole)


def tenths(share: Fraction) -> int:
    return half_up((share * MOST).numerator, (share * MOST).denominator)


def points(measure: Measure, value: Decimal | None) -> int | None:
    """Tenths of points of a value on a linear or stepped scale; None stays None.

    Linear works in both directions: days since last use have red=28, green=1.
    """
    if value is None:
        return None
    if measure.scale == STEPS:
        return _stepped(measure.steps, value)
    way = Fraction(measure.green) - Fraction(measure.red)
    return tenths(min(max((Fraction(value) - Fraction(measure.red)) / way, Fraction(0)), Fraction(1)))


def _stepped(steps: Sequence[tuple[Decimal, Decimal]], value: Decimal) -> int:
    """The points of the last step reached; the first step holds below its own limit too."""
    reached = [worth for limit, worth in steps if limit <= value]
    worth = reached[-1] if reached else steps[0][1]
    return tenths(Fraction(worth) / 100)


def percentiles(values: Sequence[Decimal | None], *, descending: bool = False) -> list[int | None]:
    """Tenths of 100 × (below + ½ other equals) ÷ (n − 1) among the known values.

    `descending`: fewer is better. Fewer than 50 known values: nobody has a percentile.
    """
    known = sorted(value for value in values if value is not None)
    if len(known) < FEWEST_FOR_PERCENTILES:
        return [None] * len(values)
    return [None if value is None else _percentile(known, value, descending) for value in values]


def _percentile(known: Sequence[Decimal], value: Decimal, descending: bool) -> int:
    equals = sum(1 for other in known if other == value) - 1
    worse = sum(1 for other in known if (other > value if descending else other < value))
    return half_up(MOST * (2 * worse + equals), 2 * (len(known) - 1))


def needed(measure: Measure, wanted: int) -> Decimal | None:
    """The nearest value that is worth at least `wanted` tenths; None where a scale cannot say (percentiles)."""
    if measure.scale == LINEAR:
        share = Fraction(wanted, MOST)
        value = Fraction(measure.red) + share * (Fraction(measure.green) - Fraction(measure.red))
        return Decimal(value.numerator) / Decimal(value.denominator)
    if measure.scale == STEPS:
        return next((limit for limit, worth in measure.steps if worth * 10 >= wanted), None)
    return None
