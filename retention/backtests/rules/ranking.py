"""How well a figure tells those who left from those who stayed, and how far that may be trusted.

An account stands on many landmarks, and its months are alike; so an interval comes from drawing whole accounts again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retention.backtests.rules.panel import Flags, Numbers, Whole

DRAWS, SEED = 2_000, 20_261_121
BLOCK = 2_048
ONCE = np.uint8(1)


@dataclass(frozen=True)
class Estimate:
    """A figure with the 95 % interval of its account-cluster bootstrap; the interval always holds the figure."""

    value: float
    low: float
    high: float


class Ranked:
    """One figure, low for whoever should leave, ready to be counted with accounts drawn several times.

    Those who leave are few, so the others are sorted once into the gaps between their values: what a draw needs is then
    how many fell into each gap, and all draws together are one product of matrices. Counts below 2²⁴ are exact in it.
    """

    def __init__(self, figure: Numbers | Whole, left: Flags, cluster: Whole) -> None:
        values, self._value = np.unique(figure[left], return_inverse=True)
        below, through = np.searchsorted(values, figure[~left]), np.searchsorted(values, figure[~left], side="right")
        # An even gap lies between two values, an odd one is a value itself.
        self._gap, self._gaps = below + through, 2 * len(values) + 1
        self._leaver, self._stayer = cluster[left], cluster[~left]

    def aucs(self, times: NDArray[np.uint8]) -> Numbers:
        """The chance that somebody who left has less than somebody who stayed, ties counting half; nan: no pair.

        `times`: a row for each draw, how often it drew each account. Sources: H. B. Mann & D. R. Whitney (1947), Annals
        of Mathematical Statistics 18, 50–60; as area under the ROC curve D. Bamber (1975), J. Math. Psychology 12, 387.
        """
        gone = _summed(times, self._leaver, self._value, self._gaps // 2)
        stayed = _summed(times, self._stayer, self._gap, self._gaps)
        lower = np.concatenate([np.zeros((len(times), 1)), np.cumsum(gone, axis=1)], axis=1)
        gaps = np.arange(self._gaps)
        won = (stayed * (lower[:, gaps // 2] + lower[:, (gaps + 1) // 2])).sum(axis=1) / 2
        pairs = lower[:, -1] * stayed.sum(axis=1)
        found: Numbers = np.divide(won, pairs, out=np.full(len(times), np.nan), where=pairs > 0)
        return found


def _summed(times: NDArray[np.uint8], accounts: Whole, cells: Whole, width: int) -> Numbers:
    """For each draw, how many places fell into each cell; by blocks of accounts, so that memory does not grow."""
    found = np.zeros((len(times), width))
    for start in range(0, times.shape[1], BLOCK):
        here = (accounts >= start) & (accounts < start + BLOCK)
        size = min(BLOCK, times.shape[1] - start)
        held = np.bincount((accounts[here] - start) * width + cells[here], minlength=size * width)
        found += times[:, start : start + size].astype(np.float32) @ held.reshape(size, width).astype(np.float32)
    return found


def auc(left: Numbers | Whole, stayed: Numbers | Whole) -> float:
    """Each of `left` and `stayed` an account of its own; nan when one of them is empty.

    Published example (J. A. Hanley & B. J. McNeil 1982, Radiology 143, 29–36, Table I): 0.893.
    """
    figure = np.concatenate([left, stayed])
    which = np.arange(len(figure)) < len(left)
    return float(Ranked(figure, which, np.arange(len(figure))).aucs(np.full((1, len(figure)), ONCE))[0])


@dataclass(frozen=True)
class Compared:
    """AUCs of several figures on the same places, with those of the same draws for each: so they can be set off."""

    aucs: Mapping[str, float]
    draws: Mapping[str, Numbers]

    def of(self, name: str) -> Estimate:
        return _estimate(self.aucs[name], self.draws[name])

    def lift(self, name: str, over: str) -> Estimate:
        """How much better `name` tells than `over`; an interval without 0 shows a difference."""
        return _estimate(self.aucs[name] - self.aucs[over], self.draws[name] - self.draws[over])


def compare(
    figures: Mapping[str, Numbers | Whole], left: Flags, accounts: Whole, *, draws: int = DRAWS, seed: int = SEED
) -> Compared | None:
    """Rank by each figure, and again for `draws` samples of whole accounts. None: nobody left, or nobody stayed.

    Deterministic: the same places and seed give the same intervals. Percentile intervals of a cluster bootstrap
    (B. Efron 1979, Annals of Statistics 7, 1–26; A. C. Davison & D. V. Hinkley 1997, ch. 3.8).
    """
    if not left.any() or left.all():
        return None
    names, cluster = np.unique(accounts, return_inverse=True)
    ranked = {name: Ranked(figure, left, cluster) for name, figure in figures.items()}
    drawn, size = np.random.default_rng(seed), len(names)
    times = np.empty((draws, size), np.uint8)
    for draw in range(draws):
        times[draw] = np.bincount(drawn.integers(0, size, size), minlength=size)
    return Compared(
        {name: float(each.aucs(np.full((1, size), ONCE))[0]) for name, each in ranked.items()},
        {name: each.aucs(times) for name, each in ranked.items()},
    )


def _estimate(value: float, draws: Numbers) -> Estimate:
    # A draw without anybody who left, or who stayed, has no figure.
    known = draws[~np.isnan(draws)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (value, value)
    return Estimate(value, min(float(low), value), max(float(high), value))
