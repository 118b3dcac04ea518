"""Each case of the table through the arithmetic alone, and what holds for all hours."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.conversations import rules
from crm.conversations.rules import Cadence, Clock
from crm.lib.working_hours import Hours, after, open_time, opens
from tests.crm.conversations.cases import CASES, MUNICH, NEW_YORK, NIGHTS, PLACES, SEOUL, SHOP, Case, when


def run(case: Case) -> tuple[Clock, Hours, datetime]:
    """The clock after all that happened, the hours it runs by then, and the instant of the last thing."""
    hours, at = PLACES[case.place], when(case.asked)
    target = timedelta(minutes=case.minutes)
    clock = rules.asked(at, target, hours)
    for then in case.then:
        at = when(then.at)
        if then.what == "moved":
            clock, hours = rules.moved(clock, at, hours, PLACES[str(then.to)]), PLACES[str(then.to)]
        elif then.what == "retargeted":
            clock = rules.moved(clock, at, hours, hours, timedelta(minutes=int(then.to)))
        elif then.what == "reopened":
            clock = rules.reopened(clock, at, target, hours)
        elif then.what != "assigned":
            act = {"paused": rules.paused, "closed": rules.paused, "resumed": rules.resumed, "answered": rules.answered}
            clock = act[then.what](clock, at, hours)
    return clock, hours, at


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_a_clock_worked_out_by_hand(case):
    clock, hours, at = run(case)
    assert clock.due_at == (when(case.due) if case.due else None)
    if case.waited is not None:
        assert rules.waited(clock, at, hours) == timedelta(minutes=case.waited)
    assert clock.is_late(at) is case.late


def test_there_are_at_least_forty_cases_and_none_stands_twice():
    assert len({case[1:] for case in CASES}) == len(CASES) >= 40


def test_a_week_without_an_open_day_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Hours((None,) * 7, "UTC")


instants = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 1), timezones=st.just(UTC))
places = st.sampled_from([MUNICH, SEOUL, NEW_YORK, NIGHTS, SHOP])


@given(places, instants, st.integers(1, 6000))
def test_by_the_due_instant_exactly_the_target_has_passed_and_not_a_minute_before(hours, at, minutes):
    target = timedelta(minutes=minutes)
    due = after(hours, at, target)
    assert open_time(hours, at, due) == target
    assert open_time(hours, at, due - timedelta(minutes=1)) < target


@given(places, instants, st.integers(0, 20_000), st.integers(0, 20_000))
def test_open_time_adds_up_wherever_it_is_parted(hours, at, first, second):
    middle, end = at + timedelta(minutes=first), at + timedelta(minutes=first + second)
    assert open_time(hours, at, end) == open_time(hours, at, middle) + open_time(hours, middle, end)


@given(places, instants)
def test_the_first_open_instant_is_open_and_nothing_was_open_before(hours, at):
    first = opens(hours, at)
    assert open_time(hours, at, first) == timedelta()
    assert open_time(hours, first, first + timedelta(seconds=1)) == timedelta(seconds=1)


@pytest.mark.parametrize(
    ("cadence", "too_much", "about_ourselves"),
    [
        (Cadence(posts_in_week=5, posts=5, replies=5), False, False),
        (Cadence(posts_in_week=6, posts=6, replies=6), True, False),
        (Cadence(posts_in_week=0, posts=6, replies=5), False, True),
        (Cadence(posts_in_week=3, posts=3, replies=0), False, False),  # too few to say anything of
        (Cadence(posts_in_week=4, posts=4, replies=0), False, True),
        (Cadence(posts_in_week=0, posts=0, replies=0), False, False),
    ],
)
def test_five_posts_a_week_and_half_of_what_we_say_are_enough(cadence, too_much, about_ourselves):
    assert (cadence.is_too_much(5), cadence.is_about_ourselves(50)) == (too_much, about_ourselves)
