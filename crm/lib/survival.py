"""How long customers stay, steps take, or anything lasts of which some have not ended yet.

Who has not ended is *censored*: known to have lasted that long, and nothing beyond. Spells count in whole units
(days, mostly). None means that there is not enough data.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import erfc, exp, gamma, log, sqrt

import numpy as np

from crm.lib.intervals import Z95, wilson

HALF = 0.5 + 1e-12  # a product of shares may miss one half by a rounding


@dataclass(frozen=True)
class Spell:
    """`lasted` units; `ended`: whether it ended then, or was only watched until then."""

    lasted: int
    ended: bool


@dataclass(frozen=True)
class Step:
    """From `at` on, `share` of all are still there, 0..1, within [low, high]. `ended` of `at_risk` ended at `at`."""

    at: int
    at_risk: int
    ended: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """The steps by time, one for each instant at which anybody ended or left sight. `through`: the last of them."""

    steps: tuple[Step, ...]

    @property
    def through(self) -> int:
        return self.steps[-1].at

    def at(self, moment: int) -> Step | None:
        """How it stands at `moment`. None: before the first step (everybody is there), or after nobody was watched."""
        passed = [step for step in self.steps if step.at <= moment <= self.through]
        return passed[-1] if passed else None

    @property
    def median(self) -> int | None:
        """The first instant by which half of all have ended. None: so many never ended while they were watched."""
        return next((step.at for step in self.steps if step.share <= HALF), None)

    @property
    def median_between(self) -> tuple[int | None, int | None]:
        """The interval of the median: where the bands pass one half (Brookmeyer & Crowley 1982). None: never."""
        low = next((step.at for step in self.steps if step.low <= HALF), None)
        return low, next((step.at for step in self.steps if step.high <= HALF), None)


def kaplan_meier(spells: Iterable[Spell], z: float = Z95) -> Curve | None:
    """The share still there, S(t) = Π (1 − dᵢ/nᵢ) over the instants up to t, with Greenwood's bands.

    Sources: E. L. Kaplan & P. Meier (1958), JASA 53, 457–481; variance of log S by M. Greenwood (1926):
    Σ dᵢ ÷ (nᵢ (nᵢ − dᵢ)); bands on the log(−log S) scale (J. D. Kalbfleisch & R. L. Prentice 1980, ch. 1), which
    stay within 0..1. Where that scale has no value, at S = 1 and S = 0, Wilson's interval of the people at risk
    (of the effective number, K. J. Rothman 1978) takes its place, so that no band is ever without width.
    Published example (Freireich et al. 1963, 6-MP): 0.8571 at 6, band 0.6197 to 0.9516; 0.8067 at 7; 0.7529 at 10.
    None: nobody was watched.
    """
    ended, censored = Counter[int](), Counter[int]()
    for spell in spells:
        (ended if spell.ended else censored)[spell.lasted] += 1
    at_risk = ended.total() + censored.total()
    steps: list[Step] = []
    share, variance, effective = 1.0, 0.0, float(at_risk)
    for at in sorted(ended.keys() | censored.keys()):
        gone = ended[at]
        if gone:
            # Of how many people without censoring this would be the interval; at the last step that of the one before.
            effective = share * (1 - share) / (share * share * variance) if 0 < share < 1 else float(at_risk)
            share = share * (1 - gone / at_risk)
            variance += gone / (at_risk * (at_risk - gone)) if gone < at_risk else 0.0
        elif share == 1:
            effective = float(at_risk)
        low, high = _band(share, variance, effective, z)
        steps.append(Step(at, at_risk, gone, share, low, high))
        at_risk -= gone + censored[at]
    return Curve(tuple(steps)) if steps else None


def _band(share: float, variance: float, effective: float, z: float) -> tuple[float, float]:
    if 0 < share < 1:
        reach = z * sqrt(variance) / -log(share)
        return share ** exp(reach), share ** exp(-reach)
    around = wilson(share * effective, effective, z)
    assert around is not None  # somebody was at risk
    return around.low, around.high


@dataclass(frozen=True)
class Difference:
    """`chance`: how often groups that are alike would differ this much, 0..1; small means that they are not alike."""

    chi_squared: float
    degrees: int
    chance: float


def log_rank(groups: Sequence[Iterable[Spell]]) -> Difference | None:
    """Whether groups end at different paces: (O − E)ᵀ V⁻¹ (O − E) over the instants at which anybody ended.

    E are the ends expected if all groups were alike, V their hypergeometric covariance. Sources: N. Mantel (1966),
    Cancer Chemotherapy Reports 50, 163–170; R. Peto & J. Peto (1972), JRSS A 135, 185–207. Published examples:
    Freireich 6-MP against placebo 16.79; lung cancer by sex (Loprinzi et al. 1994) 10.33.
    None: nobody ended, or never while two groups were watched.
    """
    watched = [list(group) for group in groups]
    instants = sorted({spell.lasted for group in watched for spell in group if spell.ended})
    if not instants:
        return None
    lasted = [np.sort([spell.lasted for spell in group]) for group in watched]
    ends = [np.sort([spell.lasted for spell in group if spell.ended]) for group in watched]
    # Rows are instants, columns groups: how many were at risk just before, and how many ended then.
    at_risk = np.array([len(each) - np.searchsorted(each, instants) for each in lasted], dtype=float).T
    ended = np.array([np.searchsorted(each, instants, "right") - np.searchsorted(each, instants) for each in ends]).T
    n, d = at_risk.sum(axis=1), ended.sum(axis=1)
    portion = at_risk / n[:, None]
    surplus = (ended - portion * d[:, None]).sum(axis=0)
    spread = d * (n - d) / np.maximum(n - 1, 1)
    covariance = np.diag(spread @ portion) - portion.T @ (portion * spread[:, None])
    # The surpluses add up to nothing, so one group says nothing of its own; nor does one that was never watched
    # while somebody ended. Such directions have no spread but what rounding leaves, which must not be divided by.
    spreads, directions = np.linalg.eigh(covariance)
    speaks = spreads > 1e-9 * max(spreads.max(), 1)
    degrees = int(speaks.sum())
    if not degrees:
        return None
    found = float(((directions.T @ surplus)[speaks] ** 2 / spreads[speaks]).sum())
    return Difference(found, degrees, chi_squared_tail(found, degrees))


def chi_squared_tail(value: float, degrees: int) -> float:
    """The chance that a χ² of so many degrees of freedom is at least `value` (Abramowitz & Stegun 1964, 26.4.4–5)."""
    half = value / 2
    if degrees % 2:
        rest: float = sum(half ** (k + 0.5) / gamma(k + 1.5) for k in range((degrees - 1) // 2))
        return erfc(sqrt(half)) + exp(-half) * rest
    terms: float = sum(half**k / gamma(k + 1) for k in range(degrees // 2))
    return exp(-half) * terms
