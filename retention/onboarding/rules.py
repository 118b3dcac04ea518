"""Where an account stands in its onboarding: what follows from its plan and from the days on which milestones were
reached. No Django, no clock, no rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

FIRST_USE, USES, MEANINGFUL, PEOPLE, HAND = "first_use", "uses", "meaningful", "people", "hand"
OF_FEATURE: Final = (FIRST_USE, USES, MEANINGFUL)
WITH_AMOUNT: Final = (USES, MEANINGFUL, PEOPLE)
ON_TRACK, BEHIND, STUCK, DONE, OVER, LEFT = "on_track", "behind", "stuck", "done", "over", "left"
GOING: Final = (STUCK, BEHIND, ON_TRACK)  # still in onboarding, whoever needs us most first
WINDOW: Final = 28  # days within which use is meaningful
SETTLES: Final = 30  # days after its end in which late usage still moves what an onboarding came to
HORIZON: Final = 180  # days after a step was due within which an account left, or not
ENOUGH: Final = 10  # accounts on each side, below which leaving with and without a step is not compared


def _(text: str) -> str:
    """Mark a sentence for translation; whoever shows it translates it."""
    return text


# Files of milestones that were reached and are said by hand.
MILESTONES, LABEL = "milestones", _("Milestones reached")
ABOUT = _(
    "Steps of their onboarding that customers have taken, where somebody says so; what usage shows comes by itself."
)
COLUMNS = {
    "account": ("account_id", "company_id", "customer_id", "account_external_id"),
    "milestone": ("step", "name", "key", "task"),
    "reached_on": ("reached", "on", "date", "done_on", "completed_on"),
}
EXAMPLE = {"account": "acme", "milestone": "Kickoff held", "reached_on": "2026-11-02"}


@dataclass(frozen=True)
class Terms:
    """Over after `lasts_days`; stuck after `stuck_days` in which something is overdue and nothing was reached."""

    started_on: date
    lasts_days: int
    stuck_days: int

    @property
    def last_day(self) -> date:
        return self.started_on + timedelta(days=self.lasts_days)


@dataclass(frozen=True)
class Step:
    """A milestone of one account, expected so many days after the start. `on` None: it was not reached."""

    expected_days: int
    on: date | None = None


@dataclass(frozen=True)
class Standing:
    """How an onboarding stood at the end of a day; `seen_on` is the day by which it is judged, where it froze before.

    `reached` of all steps; `met` of the `expected` ones, those that were due before. `late` days since the first
    missing one was due; `next` its place among the steps, None: all are reached. `stuck_since` None: it is not stuck.
    """

    state: str
    seen_on: date
    reached: int
    expected: int
    met: int
    late: int
    next: int | None
    stuck_since: date | None = None

    @property
    def progress(self) -> float | None:
        """Share of what was expected by then that was reached, 0..1; None: nothing was expected yet."""
        return self.met / self.expected if self.expected else None


def standing(terms: Terms, steps: Sequence[Step], day: date, left_on: date | None = None) -> Standing | None:
    """How it stood at the end of `day`; None: it had not begun. `left_on`: the first day without a paid term.

    A step is overdue from the day after it was due. Whoever leaves, or is not done in time, stays as on the last day.
    """
    if day < terms.started_on:
        return None
    ends = [day, terms.last_day] if left_on is None else [day, terms.last_day, left_on - timedelta(days=1)]
    seen_on = min(ends)
    days = [step.on if step.on and step.on <= seen_on else None for step in steps]
    due = [terms.started_on + timedelta(days=step.expected_days) for step in steps]
    missing = [place for place, on in enumerate(days) if on is None]
    expected = [place for place, on in enumerate(due) if on < seen_on]
    late = max((seen_on - due[missing[0]]).days, 0) if missing else 0
    still = (seen_on - max(on for on in days if on)).days if any(days) else late
    if not missing:
        state = DONE
    elif left_on is not None and left_on <= min(day, terms.last_day):
        state = LEFT
    elif day > terms.last_day:
        state = OVER
    elif not late:
        state = ON_TRACK
    else:
        state = STUCK if min(late, still) >= terms.stuck_days else BEHIND
    since = seen_on - timedelta(days=min(late, still) - terms.stuck_days) if state == STUCK else None
    met = sum(days[place] is not None for place in expected)
    place = missing[0] if missing else None
    return Standing(state, seen_on, len(steps) - len(missing), len(expected), met, late, place, since)


def reached_on(days: Iterable[tuple[date, int]], amount: int, within: int | None = None) -> date | None:
    """The first day by which as much was done, in all or within so many days; None: never. `days` in their order."""
    done: list[tuple[date, int]] = []
    for day, much in days:
        done = [one for one in done if within is None or (day - one[0]).days < within] + [(day, much)]
        if sum(each for _day, each in done) >= amount:
            return day
    return None
