"""When a play has reached its goal: arithmetic on uses a week."""

from dataclasses import dataclass
from typing import Final

BACK_TO: Final = 0.8  # of the weekly use before the fall
UP_BY: Final = 1.25  # on the week in which the play began, so that standing still is no return


@dataclass(frozen=True)
class Baseline:
    """Flagged uses: in the seven days before the play began, and a week's mean over the four weeks before the fall."""

    week_at_start: int
    week_before_fall: float


def returned(uses_in_week: int, baseline: Baseline) -> bool:
    """Whether use has come back: four fifths of what it was, and a quarter above where the play began.

    An account that never used anything has nothing to return to.
    """
    if baseline.week_before_fall <= 0:
        return False
    enough = uses_in_week >= BACK_TO * baseline.week_before_fall
    return enough and uses_in_week >= UP_BY * baseline.week_at_start and uses_in_week > 0
