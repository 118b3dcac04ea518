"""What a draft would change, counted: bands, bins of points, and what red and green a spread of readings suggests."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from retention.measures.rules import FEWEST_FOR_PERCENTILES

BINS = 10


class Cell(NamedTuple):
    """So many accounts that stand in one band and bin now and would in others; None: not judged now, or unknown."""

    band: int | None
    would: int
    bin: int | None
    would_bin: int | None
    accounts: int


@dataclass(frozen=True)
class Preview:
    """A draft against what stands. `moves`: (band now, band by the draft) → accounts, where the two differ.

    `before` and `after` count accounts by tens of points. `missing`: share of accounts without each measure, 0..1, by
    place. `of`: accounts of the scorecard in all; more than `accounts` when only some were looked at.
    """

    accounts: int
    of: int
    moves: dict[tuple[int | None, int], int]
    before: list[int]
    after: list[int]
    missing: list[float]

    @property
    def moved(self) -> int:
        return sum(self.moves.values())

    @property
    def bins(self) -> list[tuple[int, int, int]]:
        """(from, to, accounts now), in points."""
        return [(n * 10, n * 10 + 10, accounts) for n, accounts in enumerate(self.before)]

    @property
    def is_sample(self) -> bool:
        return self.of > self.accounts


def counted(cells: Iterable[Cell], missing: Sequence[int], of: int) -> Preview:
    moves: dict[tuple[int | None, int], int] = {}
    before, after, accounts = [0] * BINS, [0] * BINS, 0
    for cell in cells:
        accounts += cell.accounts
        if cell.bin is not None:
            before[cell.bin] += cell.accounts
        if cell.would_bin is not None:
            after[cell.would_bin] += cell.accounts
        if cell.band != cell.would:
            moves[cell.band, cell.would] = moves.get((cell.band, cell.would), 0) + cell.accounts
    ordered = dict(sorted(moves.items(), key=lambda move: -move[1]))
    return Preview(accounts, max(of, accounts), ordered, before, after, [n / max(accounts, 1) for n in missing])


class Spread(NamedTuple):
    """How a measure reads over the own accounts: how many have a reading of how many, and five of its values."""

    accounts: int
    known: int
    least: Decimal | None
    tenth: Decimal | None
    middle: Decimal | None
    ninetieth: Decimal | None
    most: Decimal | None

    @property
    def has_percentiles(self) -> bool:
        return self.known >= FEWEST_FOR_PERCENTILES


def proposed(spread: Spread, *, fewer_is_better: bool) -> tuple[Decimal, Decimal] | None:
    """Red and green from the own accounts; None when all read the same, so that nothing can be proposed.

    The best and worst tenth get 100 and 0 points; below 50 accounts, where a tenth says little, the best and the worst.
    """
    low, high = (spread.tenth, spread.ninetieth) if spread.has_percentiles else (spread.least, spread.most)
    if low == high:
        low, high = spread.least, spread.most
    if low is None or high is None or low == high:
        return None
    low, high = plain(low), plain(high)
    return (high, low) if fewer_is_better else (low, high)


def plain(value: Decimal) -> Decimal:
    """Two significant digits, which is what a limit that people set by hand has."""
    return Decimal(f"{round(value, 1 - value.adjusted()):f}") if value else Decimal(0)
