"""Whether a score tells who leaves: the arithmetic of a back-test, on plain values.

Points are tenths. A row is one account on one landmark; an account has many rows, so intervals come from
drawing whole accounts again (definitions.md, "Churn, back-test").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

DRAWS, SEED = 2_000, 20_261_121
FEWEST_LEAVERS = 20
LEAK_FROM = 0.98
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """A live account with a known score on a landmark, and whether it left within the horizon."""

    account: str
    day: date
    points: int
    band: int
    left: bool


@dataclass(frozen=True)
class Estimate:
    """A figure with the 95 % interval of its account-cluster bootstrap."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Found:
    """`auc`: the chance that somebody who left scored lower than somebody who stayed. `difference` in points."""

    auc: Estimate
    difference: Estimate


def month_ends(first: date, last: date) -> list[date]:
    """Last days of the months from `first` through `last`, both included where they are month-ends."""
    ends, day = [], first
    while day <= last:
        if (day + timedelta(1)).day == 1:
            ends.append(day)
        day += timedelta(1)
    return ends


def label(landmark: date, left_on: date | None, horizon: int, reach: date) -> bool | None:
    """Whether an account left in (landmark, landmark + horizon]; None when it is not known or it was gone by then.

    `reach`: the last day for which departures are known. `left_on`: first unpaid day, None while it pays.
    """
    end = landmark + timedelta(horizon)
    if end > reach or (left_on is not None and left_on <= landmark):
        return None
    return left_on is not None and left_on <= end


def auc(left: Sequence[int], stayed: Sequence[int]) -> float:
    """Chance that one of `left` is below one of `stayed`, ties counting half (Mann and Whitney 1947)."""
    return _auc(*_histograms(np.array([*left, *stayed]), np.array([1] * len(left) + [0] * len(stayed)), None))


def _histograms(points: NDArray[np.int64], left: NDArray[np.int64], weights: Numbers | None) -> tuple[Numbers, Numbers]:
    """Weight of those who left and of those who stayed, at each distinct score in ascending order."""
    values, place = np.unique(points, return_inverse=True)
    weights = np.ones(len(points)) if weights is None else weights
    gone, here = (np.bincount(place, weights * which, minlength=len(values)) for which in (left, 1 - left))
    return gone.astype(np.float64), here.astype(np.float64)


def _auc(left: Numbers, stayed: Numbers) -> float:
    pairs = left.sum() * stayed.sum()
    above = stayed.sum() - stayed.cumsum()
    return float((left * (above + stayed / 2)).sum() / pairs) if pairs else float("nan")


def _difference(points: Numbers, left: NDArray[np.int64], weights: Numbers) -> float:
    gone, here = weights * left, weights * (1 - left)
    if not gone.sum() or not here.sum():
        return float("nan")
    return float((gone @ points) / gone.sum() - (here @ points) / here.sum())


def compare(rows: Sequence[Row], *, draws: int = DRAWS, seed: int = SEED) -> Found:
    """Those who left against those who stayed. Deterministic: the same rows and seed give the same intervals."""
    points, left = np.array([row.points for row in rows]), np.array([int(row.left) for row in rows])
    names, cluster = np.unique([row.account for row in rows], return_inverse=True)
    scores, even = points / 10, np.ones(len(rows))
    drawn = np.random.default_rng(seed)
    aucs, differences = [], []
    for _draw in range(draws):
        times = np.bincount(drawn.integers(0, len(names), len(names)), minlength=len(names))
        weights = times[cluster].astype(np.float64)
        aucs.append(_auc(*_histograms(points, left, weights)))
        differences.append(_difference(scores, left, weights))
    return Found(
        auc=_estimate(_auc(*_histograms(points, left, None)), aucs),
        difference=_estimate(_difference(scores, left, even), differences),
    )


def _estimate(value: float, draws: Sequence[float]) -> Estimate:
    # A draw without anybody who left has no figure.
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return Estimate(value, float(low), float(high))


def verdict(found: Estimate, leavers: int) -> str:
    """What may be said of an AUC and its interval."""
    if leavers < FEWEST_LEAVERS:
        return f"only {leavers} left: no more can be said"
    if found.value >= LEAK_FROM:
        return "suspected leak: too good to be true"
    if found.low > 0.5:
        return "shown to be predictive"
    if found.high < 0.5:
        return "shown to point the wrong way"
    return "not shown to be predictive"
