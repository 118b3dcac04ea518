"""What explains a score: the parts it is made of, what changed between two days, and what would help most.

Tenths of points throughout; every list adds up to its score by construction.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from retention.measures.rules import LINEAR, MOST, PERCENTILE, Measure, needed
from retention.measures.rules import points as points_of
from retention.scorecards.rules import Card, Points, contributions, total

VERSION, OTHERS, KNOWN = "version", "others", "known"


@dataclass(frozen=True)
class Judged:
    """An account's components under one card, tenths by place, and the readings behind them; None: missing."""

    card: Card
    components: tuple[int | None, ...]
    values: tuple[Decimal | None, ...] = ()

    def by_key(self) -> dict[str, tuple[Measure, int | None, Decimal | None]]:
        values = self.values or (None,) * len(self.components)
        parts = zip(self.card.measures, self.components, values, strict=True)
        return {measure.key: (measure, tenths, value) for measure, tenths, value in parts}


def differences(before: Judged, after: Judged) -> dict[str, int]:
    """Tenths by which each measure moved the score, adding up to the difference of the two scores.

    Besides the keys of measures: VERSION, when the card changed; OTHERS, when an account that reads the same ranks
    otherwise, or no longer, among those that it is compared with; KNOWN, when other measures are known.
    They are settled first, so that a measure's line is its own movement under equal weights and scales. Nothing in
    common: all of it is one line. Unknown scores have none: give judged accounts with a known component.
    """
    moved: dict[str, int] = {}
    start = before
    if before.card != after.card:
        start = _under(after, before)
        moved[VERSION] = _score(start) - _score(before)
    elif (ranked := _ranked_now(before, after)) != before:
        start = ranked
        moved[OTHERS] = _score(start) - _score(before)
    common = [a is not None and b is not None for a, b in zip(start.components, after.components, strict=True)]
    first, last = _only(start, common), _only(after, common)
    known = (_score(first) - _score(start)) + (_score(after) - _score(last))
    if first.components != start.components or last.components != after.components:
        moved[KNOWN] = known
    was, now = contributions(first.card, first.components), contributions(last.card, last.components)
    for measure, is_common, one, other in zip(after.card.measures, common, was, now, strict=True):
        if is_common:
            moved[measure.key] = other - one
    return moved


def _under(after: Judged, before: Judged) -> Judged:
    """What was read before, as the other card would have judged it.

    A measure that only the other card has, or that reads something else there, stands as it is after: whatever it
    does to the score, the card did and not the account.
    """
    held = before.by_key()
    parts = (
        _again(held.get(measure.key), measure, now)
        for measure, now in zip(after.card.measures, after.components, strict=True)
    )
    return Judged(after.card, tuple(parts))


def _again(held: tuple[Measure, int | None, Decimal | None] | None, measure: Measure, now: int | None) -> int | None:
    if held is None or not reads_alike(held[0], measure):
        return now
    old, tenths, value = held
    if old == measure:
        return tenths
    if measure.scale == PERCENTILE:
        return now if tenths is not None else None
    return points_of(measure, value)


def _ranked_now(before: Judged, after: Judged) -> Judged:
    """What was read before, ranked as the same reading ranks after."""
    if not (before.values and after.values):
        return before
    parts = zip(before.card.measures, before.components, after.components, before.values, after.values, strict=True)
    components = tuple(
        now if measure.scale == PERCENTILE and _is_same(value, read) else tenths
        for measure, tenths, now, value, read in parts
    )
    return replace(before, components=components)


def _is_same(value: Decimal | None, read: Decimal | None) -> bool:
    """Whether two readings are one; the ledger keeps seven digits of what stands exactly now."""
    return value is not None and read is not None and abs(value - read) <= abs(read) / 1_000_000


def reads_alike(old: Measure, measure: Measure) -> bool:
    """Whether both read the same of an account, on whatever scale they place it."""
    return replace(old, scale=measure.scale, red=measure.red, green=measure.green, steps=measure.steps) == measure


def _only(judged: Judged, kept: list[bool]) -> Judged:
    parts = (part if is_kept else None for part, is_kept in zip(judged.components, kept, strict=True))
    return Judged(judged.card, tuple(parts))


def _score(judged: Judged) -> int:
    return total(judged.card, judged.components) or 0


@dataclass(frozen=True)
class Target:
    """A reading within reach of the measure at `place`, and the tenths that the score would gain.

    `value` None: the scale is a percentile, so the target is a rank: among the best (100 − worth ÷ 10) percent.
    """

    place: int
    value: Decimal | None
    worth: int
    gain: int


def target(card: Card, components: Points, place: int, *, base: Decimal | None, whole: bool) -> Target | None:
    """Where the measure becomes thriving, or its best when it is; None when that gains nothing.

    `whole`: the reading is a count over `base`, or a count itself, so the target is a whole number of them.
    """
    measure = card.measures[place]
    wanted = card.limits[2] * 10 if (components[place] or 0) < card.limits[2] * 10 else MOST
    value = _rounded(measure, needed(measure, wanted), base, whole)
    worth = wanted if measure.scale == PERCENTILE else points_of(measure, value)
    if worth is None:
        return None
    changed = [worth if n == place else tenths for n, tenths in enumerate(components)]
    gain = (total(card, changed) or 0) - (total(card, components) or 0)
    return Target(place, value, worth, gain) if gain > 0 else None


def _rounded(measure: Measure, value: Decimal | None, base: Decimal | None, whole: bool) -> Decimal | None:
    """Round away from red, to a whole count where only whole ones exist."""
    if value is None or not whole:
        return value
    rises = measure.scale != LINEAR or measure.green > measure.red
    count = (value * (base or 1)).quantize(Decimal(1), rounding=ROUND_CEILING if rises else ROUND_FLOOR)
    return count / base if base else count
