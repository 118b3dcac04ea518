"""When a signal opens and when it clears; tenths of points, days in UTC."""

from typing import Final

DROP: Final = 100  # fallen by ten points or more in 28 days
HYSTERESIS: Final = 30  # opens below a limit, clears at the limit and three points
DETRACTOR_MOST: Final = 6
FRESH: Final = 7  # days: what has been so for longer, as in a file taken over, is no transition


def fell(points: int, before: int) -> bool:
    """Whether the score fell enough to open a signal."""
    return before - points >= DROP


def fall_cleared(points: int, before: int) -> bool:
    """Whether a fall from `before` has been made up for, all but less than the limit and the hysteresis."""
    return points >= before - DROP + HYSTERESIS


def turned_red(points: int, before: int, limit: int) -> bool:
    """Whether the score crossed the limit from above: a transition, never a state."""
    return points < limit <= before


def red_cleared(points: int, limit: int) -> bool:
    return points >= limit + HYSTERESIS
