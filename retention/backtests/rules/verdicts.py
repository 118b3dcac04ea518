"""What may be said of a score, and what may not: codes, which queries.py puts into words."""

from retention.backtests.rules.ranking import Estimate

FEWEST_LEAVERS = 20
LEAK_FROM = 0.98
NOBODY, FEW, LEAK, SHOWN, NOT_SHOWN, WRONG_WAY = "nobody", "few", "leak", "shown", "not_shown", "wrong_way"
KEEP, CHANGE, TOO_FEW = "keep", "change", "too_few"


def verdict(found: Estimate | None, leavers: int) -> str:
    """The order matters: a leak of few is a leak that nobody can tell, so nothing is said of it."""
    if leavers == 0:
        return NOBODY
    if leavers < FEWEST_LEAVERS or found is None:
        return FEW
    if found.value >= LEAK_FROM:
        return LEAK
    if found.low > 0.5:
        return SHOWN
    return WRONG_WAY if found.high < 0.5 else NOT_SHOWN


def better(gain: Estimate | None, leavers: int) -> str:
    """Whether other weights are worth having: only when the interval of their gain lies above 0."""
    if gain is None or leavers < FEWEST_LEAVERS:
        return TOO_FEW
    return CHANGE if gain.low > 0 else KEEP
