"""How far a share, a difference of two shares, or a net score may be trusted.

None means that there is not enough data: nobody was counted. An interval of somebody always has a width, and
never reaches beyond what the figure can be.
"""

from dataclasses import dataclass
from math import sqrt

Z95 = 1.959963984540054  # two-sided 95 %


@dataclass(frozen=True)
class Interval:
    """Between which values the true figure lies in 19 of 20 such samples (for the default `z`)."""

    low: float
    high: float


def wilson(hits: float, n: float, z: float = Z95) -> Interval | None:
    """The interval of a share, 0..1: (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) ÷ (1 + z²/n), with p = hits ÷ n.

    Source: E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22,
    209–212. Published examples (R. G. Newcombe 1998, Statistics in Medicine 17, 857–872, Table I, method 3): 81 of
    263: 0.2553 to 0.3662; 15 of 148: 0.0624 to 0.1605; 0 of 20: 0 to 0.1611; 1 of 29: 0.0061 to 0.1718. `n` may be
    an effective size that is not whole. None: nobody was counted.
    """
    if n <= 0:
        return None
    share, room = hits / n, z * z / n
    centre = share + room / 2
    arm = z * sqrt(share * (1 - share) / n + room / (4 * n))
    # At the ends the formula gives 0 and 1 themselves; rounding must not go past them, nor stop short.
    low = 0.0 if hits <= 0 else max(0.0, (centre - arm) / (1 + room))
    high = 1.0 if hits >= n else min(1.0, (centre + arm) / (1 + room))
    return Interval(low, high)


def newcombe(hits: int, n: int, other_hits: int, other_n: int, z: float = Z95) -> Interval | None:
    """The interval of the difference p₁ − p₂ of two independent shares, −1..1, squared and added from Wilson's.

    low = d − √((p₁ − l₁)² + (u₂ − p₂)²), high = d + √((u₁ − p₁)² + (p₂ − l₂)²).
    Source: R. G. Newcombe (1998), Interval estimation for the difference between independent proportions:
    comparison of eleven methods, Statistics in Medicine 17, 873–890, method 10. Published examples (Table II):
    56/70 − 48/80: 0.0524 to 0.3339; 9/10 − 3/10: 0.1705 to 0.8090; 5/56 − 0/29: −0.0381 to 0.1926; 10/10 − 0/10:
    0.6075 to 1. None: nobody was counted on one of the sides.
    """
    first, second = wilson(hits, n, z), wilson(other_hits, other_n, z)
    if first is None or second is None:
        return None
    p, q = hits / n, other_hits / other_n
    return Interval(
        low=max(-1.0, p - q - sqrt((p - first.low) ** 2 + (second.high - q) ** 2)),
        high=min(1.0, p - q + sqrt((first.high - p) ** 2 + (q - second.low) ** 2)),
    )


def net_promoter(
    promoters: int, passives: int, detractors: int, population: int | None = None, z: float = Z95
) -> Interval | None:
    """The adjusted Wald interval of a Net Promoter Score in points, −100..100.

    Three answers are added, ¾ to promoters and ¾ to detractors; then the plain interval of the mean of +1, 0, −1.
    Source: B. Rocks (2016), Interval Estimation for the "Net Promoter Score", The American Statistician 70(4),
    365–372; the constants as in Lewis & Sauro (2021). Worked example: 162, 108, 54: centre 108 ÷ 327 = 33.03,
    ± 1.96 × 100 √(0.55605 ÷ 327) = 8.08: 24.95 to 41.11.
    `population`: how many could have been asked; both arms, taken from the observed score, shrink by the finite
    population correction √((N − n) ÷ (N − 1)) (Cochran 1977, ch. 2), so that they vanish when everyone has
    answered: then the score is not an estimate. `population` None: so many that it does not matter. None: no answers.
    """
    n = promoters + passives + detractors
    if not n:
        return None
    more = n + 3
    estimate, centre = 100 * (promoters - detractors) / n, 100 * (promoters - detractors) / more
    arm = z * net_promoter_error(promoters + 0.75, detractors + 0.75, more)
    # A single answer lies outside its own adjusted interval; the figure shown always lies within.
    low, high = min(centre - arm, estimate), max(centre + arm, estimate)
    shrunk = finite(n, population)
    return Interval(
        low=max(-100.0, estimate - shrunk * (estimate - low)), high=min(100.0, estimate + shrunk * (high - estimate))
    )


def net_promoter_error(promoters: float, detractors: float, n: float) -> float:
    """The plain standard error in points, of answers scored +1, 0 and −1: 100 √((p + d − (p − d)²) ÷ n).

    Published example (shared/data/README.md): 162 promoters, 108 passives, 54 detractors: 4.14. No answers:
    ZeroDivisionError.
    """
    return 100 * sqrt(((promoters + detractors) / n - ((promoters - detractors) / n) ** 2) / n)


def finite(n: int, population: int | None) -> float:
    """The finite population correction of n drawn from a population; 1 for an endless one, 0 when all answered."""
    if population is None:
        return 1.0
    return 0.0 if n >= population else sqrt((population - n) / (population - 1))
