"""Which outcome a play has had by a day: what followed, not what caused it."""

from datetime import date, timedelta

from retention.plays.rules import Baseline, returned


def use_returned(day: date, started_on: date, goal_days: int, week_now: int, baseline: Baseline) -> bool:
    """Whether use has come back by `day`, at the earliest a full week after the play began and within its window.

    The week that is looked at must lie wholly after the start, or it would count what went before.
    """
    inside = started_on + timedelta(days=7) <= day <= started_on + timedelta(days=goal_days)
    return inside and returned(week_now, baseline)
