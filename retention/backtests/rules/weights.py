"""Weights that the past suggests for the groups of a scorecard, judged on months that they have not seen.

A group can only speak for staying, never against it, so no weight is negative; and weights are pulled to zero, since a
few dozen leavers support no more. Nothing here draws at random.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from retention.backtests.rules.panel import Flags, Numbers, Panel, Whole
from retention.backtests.rules.ranking import Compared, auc, compare

PENALTIES = (100.0, 10.0, 1.0, 0.1)
FEWEST_TO_FIT = 5  # distinct accounts that left, before anything is fitted
INNER = 3  # landmarks inside the training part on which penalties are compared
STEPS, CLOSE = 100, 1e-9


def logistic(x: Numbers, left: Flags, penalty: float) -> tuple[Numbers, float]:
    """Weights w ≥ 0 and b with P(left) = 1 ÷ (1 + exp(w·x − b)): most likely, less penalty × |w|² ÷ 2; b is free.

    Newton's steps onto w ≥ 0, halved until they gain (D. P. Bertsekas 1982, Projected Newton Methods for Optimization
    Problems with Simple Constraints, SIAM J. Control and Optimization 20, 221–246). Published example with a single x:
    hours studied against failing (20 students): w = 1.5046, b = 4.0777. Nobody left, or everybody did: no weights.
    """
    columns = np.column_stack([-x, np.ones(len(x))])
    ridge = np.append(np.full(x.shape[1], penalty), 0.0)
    found = np.zeros(x.shape[1] + 1)
    if not left.any() or left.all():
        return found[:-1], 0.0
    loss = partial(_loss, columns, left, ridge)
    for _step in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(columns @ found, -500, 500)))
        slope = columns.T @ (chance - left) + ridge * found
        bend = (columns * (chance * (1 - chance))[:, None]).T @ columns + np.diag(ridge)
        # A weight at zero whose slope would make it negative stays there.
        free = ~((found <= 0) & (slope > 0))
        free[-1] = True
        way = np.zeros_like(found)
        # A little on the diagonal, should nobody's chance be in doubt any more.
        way[free] = np.linalg.solve(bend[np.ix_(free, free)] + 1e-10 * np.eye(int(free.sum())), -slope[free])
        before, reach = loss(found), 1.0
        while True:
            tried = found + reach * way
            tried[:-1] = np.maximum(tried[:-1], 0.0)
            if loss(tried) <= before or reach < 1e-6:
                break
            reach /= 2
        moved = float(np.abs(tried - found).max())
        found = tried
        if moved < CLOSE:
            break
    return found[:-1], float(found[-1])


def _loss(columns: Numbers, left: Flags, ridge: Numbers, at: Numbers) -> float:
    risk = columns @ at
    return float(np.logaddexp(0, risk).sum() - risk[left].sum() + (ridge * at * at).sum() / 2)


def shares(weights: Numbers) -> Numbers:
    """Weights as shares of 1; equal ones where all are zero."""
    whole = weights.sum()
    return weights / whole if whole > 0 else np.full(len(weights), 1 / len(weights))


def filled(groups: Numbers) -> Numbers:
    """Missing groups stand where the mean of the known ones stands, as they do in a score of equal weights."""
    known = ~np.isnan(groups)
    mean = np.where(known, groups, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.where(known, groups, mean[:, None])


@dataclass(frozen=True)
class Suggestion:
    """`shares` by group, fitted on everything; `compared`: "suggested" against "equal" on months not fitted on.

    `leavers` are the distinct accounts that left in those months; `tested` how many months they are.
    """

    shares: tuple[float, ...]
    compared: Compared | None
    leavers: int
    tested: int


def suggest(panel: Panel, horizon: int) -> Suggestion | None:
    """Walk forward: for each landmark, weights from landmarks whose horizon was over before it. None: too little.

    `panel` is observed at this horizon. Nested: for each landmark the penalty is the one that told best on landmarks
    whose horizon was over before it, by weights that had not seen those either.
    """
    left, x = panel.left(horizon), filled(panel.groups)
    if x.shape[1] < 2 or not len(panel):
        return None
    walk = _Walk(panel, x, left, horizon)
    tested, suggested = walk.forward()
    if not tested.any():
        return None
    figures = {"suggested": _tenths(suggested[tested]), "equal": _tenths(x[tested].mean(axis=1))}
    return Suggestion(
        shares=tuple(float(share) for share in walk.fitted(int(panel.days.max()) + horizon + 1)),
        compared=compare(figures, left[tested], panel.accounts[tested]),
        leavers=len(np.unique(panel.accounts[tested & left])),
        tested=len(np.unique(panel.days[tested])),
    )


def _tenths(points: Numbers) -> Whole:
    """As scores are: rounded to tenths of points, halves up."""
    return np.floor(points * 1000 + 0.5).astype(np.int64)


class _Walk:
    """The fits of a walk, each made once: by the day before which all that it knew was over, and the penalty."""

    def __init__(self, panel: Panel, x: Numbers, left: Flags, horizon: int) -> None:
        self.panel, self.x, self.left, self.horizon = panel, x, left, horizon
        self.days = [int(day) for day in np.unique(panel.days)]
        self._kept: dict[tuple[int, float], Numbers] = {}

    def over(self, day: int) -> Flags:
        """Places whose horizon was over before the day."""
        return self.panel.days + self.horizon < day

    def enough(self, day: int) -> bool:
        gone = len(np.unique(self.panel.accounts[self.over(day) & self.left]))
        return gone >= FEWEST_TO_FIT and bool((self.over(day) & ~self.left).any())

    def forward(self) -> tuple[Flags, Numbers]:
        """Which places could be judged by weights that knew nothing of them, and their points 0..1 by those."""
        tested, points = np.zeros(len(self.panel), bool), np.zeros(len(self.panel))
        for day in filter(self.enough, self.days):
            now = self.panel.days == day
            tested |= now
            points[now] = self.x[now] @ self.fitted(day)
        return tested, points

    def fitted(self, day: int) -> Numbers:
        """Shares from everything that was over before the day, under the penalty that had told best by then."""
        return self._shares(day, self._penalty(day))

    def _shares(self, day: int, penalty: float) -> Numbers:
        if (day, penalty) not in self._kept:
            known = self.over(day)
            self._kept[day, penalty] = shares(logistic(self.x[known], self.left[known], penalty)[0])
        return self._kept[day, penalty]

    def _penalty(self, day: int) -> float:
        """The penalty that told best on the newest landmarks that were over; the strongest of equals."""
        inner = [each for each in self.days if each + self.horizon < day and self.enough(each)][-INNER:]
        seen = np.isin(self.panel.days, inner)
        best, most = PENALTIES[0], -1.0
        if not (seen & self.left).any():
            return best
        for penalty in PENALTIES:
            told = np.zeros(len(self.panel))
            for each in inner:
                now = self.panel.days == each
                told[now] = self.x[now] @ self._shares(each, penalty)
            found = auc(_tenths(told[seen & self.left]), _tenths(told[seen & ~self.left]))
            if found > most + 1e-12:
                best, most = penalty, found
        return best
