"""How long a customer has been waiting for an answer, counted in the hours in which somebody is there.

The clock runs in the account's hours, zone and holidays. Who answers does not matter to it: a conversation that is
handed to somebody else has waited just as long.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from crm.lib.working_hours import NOTHING, Hours, after, open_time

FEW_POSTS = 4


@dataclass(frozen=True)
class Clock:
    """`target`: the open time within which somebody should answer, from `asked_at` on.

    `spent`: open time that had passed at `since`; `since` None: it stands still. `due_at`: the instant by which the
    target is used up as things are; it stays once it has passed, and is None while the clock stands still before.
    """

    asked_at: datetime
    target: timedelta
    spent: timedelta
    since: datetime | None
    due_at: datetime | None
    answered_at: datetime | None = None

    def is_late(self, at: datetime) -> bool:
        """Whether the answer came after the target, or has not come and the target is over. On the dot is in time."""
        return self.due_at is not None and self.due_at < (self.answered_at or at)


@dataclass(frozen=True)
class Cadence:
    """What we said on social channels: our own posts in 7 days, and posts and replies to others in 28."""

    posts_in_week: int
    posts: int
    replies: int

    @property
    def said(self) -> int:
        return self.posts + self.replies

    def is_too_much(self, most_in_week: int) -> bool:
        return self.posts_in_week > most_in_week

    def is_about_ourselves(self, most_percent: int) -> bool:
        """Whether more of it than that share is our own posts; of fewer than FEW_POSTS nothing is said."""
        return self.posts >= FEW_POSTS and 100 * self.posts > most_percent * self.said


def asked(at: datetime, target: timedelta, hours: Hours) -> Clock:
    """The customer wrote: the clock starts, or waits for the doors to open."""
    return Clock(asked_at=at, target=target, spent=NOTHING, since=at, due_at=after(hours, at, target))


def warned_at(clock: Clock, hours: Hours, percent: int) -> datetime | None:
    """The instant by which `percent` of the target is used up as things are. None: the clock stands still."""
    if clock.since is None:
        return None
    return after(hours, clock.since, clock.target * percent / 100 - clock.spent)


def waited(clock: Clock, at: datetime, hours: Hours) -> timedelta:
    """Open time that the customer has been waiting by `at`."""
    return clock.spent + (open_time(hours, clock.since, at) if clock.since else NOTHING)


def paused(clock: Clock, at: datetime, hours: Hours) -> Clock:
    """We wait for the customer, or it was closed: nothing more is counted."""
    kept = clock.due_at if clock.due_at and clock.due_at < at else None
    return replace(clock, spent=waited(clock, at, hours), since=None, due_at=kept)


def resumed(clock: Clock, at: datetime, hours: Hours) -> Clock:
    """It is our turn again, with what was left of the target. A clock that runs or has its answer stays as it is."""
    if clock.since or clock.answered_at:
        return clock
    return replace(clock, since=at, due_at=clock.due_at or after(hours, at, clock.target - clock.spent))


def answered(clock: Clock, at: datetime, hours: Hours) -> Clock:
    """Somebody answered; a second answer changes nothing."""
    if clock.answered_at:
        return clock
    return replace(clock, spent=waited(clock, at, hours), since=None, answered_at=at)


def reopened(clock: Clock, at: datetime, target: timedelta, hours: Hours) -> Clock:
    """Open again: what had been answered waits anew from now on, what never was goes on with what was left."""
    return asked(at, target, hours) if clock.answered_at else resumed(clock, at, hours)


def moved(clock: Clock, at: datetime, was: Hours, now: Hours, target: timedelta | None = None) -> Clock:
    """Zone, hours, holidays or target change at `at`: what was counted stays counted, the rest runs by the new ones.

    A shorter target that is used up already is due now, not in the past; one that was missed stays missed.
    """
    target = target or clock.target
    if clock.since is None:
        return replace(clock, target=target)
    spent = waited(clock, at, was)
    missed = clock.due_at if clock.due_at and clock.due_at < at else None
    return replace(clock, target=target, spent=spent, since=at, due_at=missed or after(now, at, target - spent))
