"""Who stood how on which landmark, and what became of them: plain arrays, one place for each account and landmark."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from retention.measures.rules import MOST
from retention.scorecards.rules import AVERAGE, LOWEST, Card

Whole = NDArray[np.int64]
Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

NEVER = 2**31  # a day, or a number of days, beyond everything
FARTHEST = 36  # landmarks: older ones speak of another product and another team


class Leak(ValueError):
    """A score rests on something that was recorded after its landmark; nothing may be concluded from it."""


@dataclass(frozen=True)
class Panel:
    """Live accounts with a known band on landmarks; every array has the same length. Days are ordinals.

    `points` are tenths. `last_use`: days since the last use. `renews_in`: days to the nearest renewal, NEVER: none is
    stated. `left_on`: the first unpaid day after the landmark, NEVER: paid for as long as anything is known.
    `groups`: a row for each place, a column for each group of the card, points as a share 0..1, nan where missing.
    """

    accounts: Whole
    days: Whole
    points: Whole
    bands: Whole
    last_use: Whole
    renews_in: Whole
    left_on: Whole
    groups: Numbers

    def __len__(self) -> int:
        return len(self.accounts)

    def only(self, which: Flags | Whole) -> "Panel":
        return Panel(*(getattr(self, field.name)[which] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence["Panel"]) -> "Panel":
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def observed(self, horizon: int, reach: date) -> "Panel":
        """The places whose horizon is over by `reach`, the last day for which departures are known."""
        return self.only(self.days + horizon <= reach.toordinal())

    def left(self, horizon: int) -> Flags:
        """Who left in (landmark, landmark + horizon]; to be asked of what is observed."""
        return self.left_on <= self.days + horizon


def _key(accounts: Whole, days: Whole) -> Whole:
    """One number that sorts by account, then by day; ordinals stay below 2²² through the year 9999."""
    return accounts * 2**22 + days


@dataclass(frozen=True)
class Steps:
    """What accounts pay from a day on, until their next step; by account and day. `mrr` nan: no rate is known."""

    accounts: Whole
    days: Whole
    paid: Flags
    mrr: Numbers

    def _places(self, accounts: Whole, days: Whole) -> tuple[Whole, Flags]:
        """The step that holds on each day, and whether there is one."""
        places = np.searchsorted(_key(self.accounts, self.days), _key(accounts, days), side="right") - 1
        known = places >= 0
        known[known] = self.accounts[places[known]] == accounts[known]
        return places, known

    def pays(self, accounts: Whole, days: Whole) -> Flags:
        places, known = self._places(accounts, days)
        found = np.zeros(len(accounts), bool)
        found[known] = self.paid[places[known]]
        return found

    def mrr_on(self, accounts: Whole, days: Whole) -> Numbers:
        """nan: unknown, or never a customer by then; 0: nothing is paid."""
        places, known = self._places(accounts, days)
        found = np.full(len(accounts), np.nan)
        found[known] = np.where(self.paid, self.mrr, 0.0)[places[known]]
        return found

    def left_after(self, accounts: Whole, days: Whole) -> Whole:
        """The first unpaid day after each day; NEVER: none is known."""
        ends, end_days = self.accounts[~self.paid], self.days[~self.paid]
        places = np.searchsorted(_key(ends, end_days), _key(accounts, days), side="right")
        known = places < len(ends)
        known[known] = ends[places[known]] == accounts[known]
        found = np.full(len(accounts), NEVER, dtype=np.int64)
        found[known] = end_days[places[known]]
        return found


@dataclass(frozen=True)
class Dated:
    """Things that happened at accounts on days; sorted by account and day."""

    accounts: Whole
    days: Whole

    def within(self, accounts: Whole, after: Whole, through: Whole) -> Flags:
        """Whether anything happened at each account in (after, through]."""
        keys = _key(self.accounts, self.days)
        early, late = (np.searchsorted(keys, _key(accounts, days), side="right") for days in (after, through))
        return late > early


def group_points(card: Card, components: Numbers) -> Numbers:
    """Points 0..1 of each group of the card from those of its measures, nan where none of a group is known."""
    found = np.full((len(components), len(card.groups)), np.nan)
    for place, group in enumerate(card.groups):
        own = components[:, list(group.members)] / MOST
        known = ~np.isnan(own)
        some = known.any(axis=1)
        if group.takes == AVERAGE:
            weights = np.array([float(weight) for weight in group.weights]) * known
            found[some, place] = (np.where(known, own, 0) * weights).sum(axis=1)[some] / weights.sum(axis=1)[some]
        else:
            taken = np.nanmin if group.takes == LOWEST else np.nanmax
            found[some, place] = taken(own[some], axis=1)
    return found


def month_ends(first: date, last: date) -> list[date]:
    """Last days of the months from `first` through `last`, both included where they are month-ends."""
    found: list[date] = []
    day = first
    while True:
        following = (day.replace(day=28) + timedelta(4)).replace(day=1)
        if following - timedelta(1) > last:
            return found
        found.append(following - timedelta(1))
        day = following


def landmarks(first: date | None, reach: date, horizons: Sequence[int]) -> list[date]:
    """Month-ends of which the shortest horizon is over by `reach`, the newest 36. `first` None: nothing is known."""
    if first is None or not horizons:
        return []
    return month_ends(first, reach - timedelta(min(horizons)))[-FARTHEST:]
