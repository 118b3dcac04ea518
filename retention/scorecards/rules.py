"""From the points of measures to the score: weights, groups, coverage, range, contributions, bands.

All in tenths of points (0..1000) and integers; halves go up at each stage: measure, group, score. Weights are
any positive numbers; only their shares act.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from itertools import count
from math import lcm
from typing import NamedTuple

from retention.measures.rules import MOST, Measure, half_up

AVERAGE, LOWEST, HIGHEST = "average", "lowest", "highest"
UNKNOWN, LEAVING, AT_RISK, STEADY, THRIVING = range(5)
Points = Sequence[int | None]
# Shares as integers, times 2,000, must fit into the database's bigint.
FINEST = 10**15


@dataclass(frozen=True)
class Group:
    """Measures that count as one. `members` are places in the card; `weights` theirs inside the group.

    A measure without a group is a group of its own.
    """

    weight: Decimal
    members: tuple[int, ...]
    weights: tuple[Decimal, ...]
    takes: str = AVERAGE


@dataclass(frozen=True)
class Card:
    """A scorecard's arithmetic. `minimum_coverage` in percent, `limits` in points: at risk, steady, thriving from."""

    measures: tuple[Measure, ...]
    groups: tuple[Group, ...]
    minimum_coverage: int = 50
    limits: tuple[int, int, int] = (40, 60, 80)
    minimum_tenure: int = 14

    @cached_property
    def whole_weights(self) -> tuple[int, ...]:
        """The groups' weights as integers in the same proportions."""
        return integers([Fraction(group.weight) for group in self.groups])

    @cached_property
    def whole_shares(self) -> tuple[int, ...]:
        """Each measure's share of all weight, as integers that add up to the whole, by place."""
        shares = [Fraction(0)] * len(self.measures)
        for group in self.groups:
            for place, weight in zip(group.members, group.weights, strict=True):
                shares[place] = Fraction(group.weight) * Fraction(weight) / sum(map(Fraction, group.weights))
        return integers(shares)

    @property
    def is_too_fine(self) -> bool:
        """Whether the weights are so finely divided that the database cannot count with them."""
        return sum(self.whole_shares) > FINEST

    def members(self, group: Group) -> list[tuple[int, int]]:
        """(place, weight as an integer) of a group's members."""
        return list(zip(group.members, integers([Fraction(weight) for weight in group.weights]), strict=True))


@dataclass(frozen=True)
class Judgement:
    """The score of one account: tenths of points, None when unknown; coverage in thousandths of all weight.

    `low` and `high`: the score if the missing measures were worst or best. `costliest` is the place, from 1,
    of the measure that costs most points, `cost` how many tenths.
    """

    points: int | None
    coverage: int
    low: int
    high: int
    band: int
    costliest: int | None
    cost: int


def integers(weights: Sequence[Fraction]) -> tuple[int, ...]:
    """Positive weights as integers in the same proportions."""
    whole = lcm(*(weight.denominator for weight in weights))
    return tuple(int(weight * whole) for weight in weights)


def average(parts: Sequence[tuple[int | None, int]]) -> int | None:
    """The weighted average of the known among (tenths, weight); None when none is known."""
    known = [(tenths, weight) for tenths, weight in parts if tenths is not None]
    if not known:
        return None
    return half_up(sum(tenths * weight for tenths, weight in known), sum(weight for _, weight in known))


def group_points(card: Card, group: Group, points: Points) -> int | None:
    known = [tenths for place in group.members if (tenths := points[place]) is not None]
    if group.takes == AVERAGE or not known:
        return average([(points[place], weight) for place, weight in card.members(group)])
    return min(known) if group.takes == LOWEST else max(known)


def total(card: Card, points: Points) -> int | None:
    """The score from the points of measures, whatever the coverage."""
    groups = [group_points(card, group, points) for group in card.groups]
    return average(list(zip(groups, card.whole_weights, strict=True)))


def judge(card: Card, points: Points) -> Judgement:
    known_weight = sum(share for share, tenths in zip(card.whole_shares, points, strict=True) if tenths is not None)
    all_weight = sum(card.whole_shares)
    score = total(card, points)
    if known_weight * 100 < card.minimum_coverage * all_weight:
        score = None
    found = costs(card, points)
    most = max(found, default=0)
    counts = score is not None and most > 0
    return Judgement(
        points=score,
        coverage=half_up(known_weight * 1000, all_weight),
        low=total(card, [0 if tenths is None else tenths for tenths in points]) or 0,
        high=total(card, [MOST if tenths is None else tenths for tenths in points]) or 0,
        band=band_of(score, card.limits),
        costliest=found.index(most) + 1 if counts else None,
        cost=most if counts else 0,
    )


def band_of(points: int | None, limits: Sequence[int]) -> int:
    """The band of a score in tenths; limits in points are the first of their band."""
    if points is None:
        return UNKNOWN
    return LEAVING + sum(1 for limit in limits if points >= limit * 10)


def shares(card: Card, points: Points) -> list[Fraction]:
    """Effective share of each measure in the score, by place; 0 where it is missing or does not decide."""
    found = [Fraction(0)] * len(card.measures)
    known = [group_points(card, group, points) for group in card.groups]
    known_weight = sum(w for w, tenths in zip(card.whole_weights, known, strict=True) if tenths is not None)
    for group, weight, tenths in zip(card.groups, card.whole_weights, known, strict=True):
        if tenths is None:
            continue
        inside = _inside(card, group, points)
        for place, part in inside.items():
            found[place] = Fraction(weight, known_weight) * part
    return found


def _inside(card: Card, group: Group, points: Points) -> dict[int, Fraction]:
    """How a group's weight falls on its known members; lowest and highest go to the first that decides."""
    known = [(place, weight) for place, weight in card.members(group) if points[place] is not None]
    if group.takes == AVERAGE:
        whole = sum(weight for _, weight in known)
        return {place: Fraction(weight, whole) for place, weight in known}
    value = group_points(card, group, points)
    return {next(place for place, _ in known if points[place] == value): Fraction(1)}


def costs(card: Card, points: Points) -> list[int]:
    """How many tenths each measure keeps the score from 100, by place."""
    return [
        half_up((share * (MOST - tenths)).numerator, (share * (MOST - tenths)).denominator) if tenths is not None else 0
        for share, tenths in zip(shares(card, points), points, strict=True)
    ]


def contributions(card: Card, points: Points) -> list[int]:
    """Tenths that each measure brings, by place; they add up to the score by largest remainder.

    Empty known set: all 0.
    """
    score = total(card, points)
    exact = [share * (tenths or 0) for share, tenths in zip(shares(card, points), points, strict=True)]
    return added_up(exact, score or 0)


def added_up(exact: Sequence[Fraction], whole: int) -> list[int]:
    """Round each part to an integer so that they add up to `whole`: the largest remainders get the rest first."""
    found = [int(part // 1) for part in exact]
    order = sorted(range(len(exact)), key=lambda n: (-(exact[n] - found[n]), n))
    short = whole - sum(found)
    # Groups round on their own, so the rest may also fall short of the parts by a tenth or two.
    candidates = [n for n in order if exact[n] > 0] if short > 0 else [n for n in reversed(order) if found[n] > 0]
    for turn in range(abs(short)):
        if candidates:
            found[candidates[turn % len(candidates)]] += 1 if short > 0 else -1
    return found


def new_key(kind: str, taken: Collection[str]) -> str:
    """A key for one more measure of a kind, none of those that were ever taken."""
    return next(key for n in count(1) if (key := kind if n == 1 else f"{kind}-{n}") not in taken)


# --- presets for whoever begins ------------------------------------------------------------------------------


def _(text: str) -> str:
    """Mark a sentence for translation; whoever shows it translates it."""
    return text


class Outcome(NamedTuple):
    """Something a customer should get, as a measure. `assumes`: what red and green stand on, in words."""

    key: str
    words: str
    kind: str
    window: int
    red: Decimal
    green: Decimal
    unit: str
    assumes: str
    needs: str


class Rhythm(NamedTuple):
    """How often a product of its kind is used. `quiet`: days without use from none to all points lost."""

    words: str
    quiet: tuple[int, int]
    window: int
    uses: int


# What a small customer (up to 20 people) does in 28 days when all is well; larger ones do as many times more.
RHYTHMS = {
    "daily": Rhythm(_("Most working days: planning, support, sales, code"), (14, 2), 28, 80),
    "weekly": Rhythm(_("About once a week: reports, campaigns, reviews"), (28, 8), 28, 12),
    "monthly": Rhythm(_("Around the end of the month: invoices, payroll, closing"), (62, 35), 84, 3),
}
SIZES = {
    "small": (_("Up to 20 people"), 1),
    "middle": (_("20 to 200 people"), 4),
    "large": (_("More than 200 people"), 15),
}
OURS = _("Our assumption, from no study: look at the spread over your own accounts after a month, and move the limits.")
SHIPPED = _("As in the scorecard that Holdfast begins with; its limits are our assumption.")
CHOSEN = ("recency", "trend", "reach")


def outcomes(rhythm: str, size: str) -> dict[str, Outcome]:
    """The outcomes to choose three from, for a product used in this rhythm by customers of this size."""
    about, (_words, times) = RHYTHMS[rhythm], SIZES[size]
    enough = Decimal(about.uses * times)
    found = (
        Outcome("recency", _("Somebody there uses it, and did lately"), "recency", about.window,
                Decimal(about.quiet[0]), Decimal(about.quiet[1]), "days", OURS, _("any usage")),
        Outcome("trend", _("They use it no less than before"), "trend", about.window,
                Decimal("-0.5"), Decimal(0), "", OURS, _("usage of two periods")),
        Outcome("reach", _("They get enough done with it"), "reach", 28,
                enough / 10, enough, "uses", OURS, _("any usage")),
        Outcome("breadth", _("They use the key features that they pay for"), "breadth", 28,
                Decimal("0.1"), Decimal("0.8"), "key features", SHIPPED, _("plans with features, subscriptions")),
        Outcome("depth", _("Most of the people they pay for are active"), "depth", 28,
                Decimal("0.2"), Decimal("0.7"), "active people", SHIPPED, _("seats, and events of each person")),
    )  # fmt: skip
    return {outcome.key: outcome for outcome in found}


def meaningful(rhythm: str, size: str) -> int:
    """From how many uses of a feature in 28 days on it is meaningful, for a start: a quarter of what is enough."""
    return max(1, RHYTHMS[rhythm].uses * SIZES[size][1] // 4)
