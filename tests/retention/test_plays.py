"""Plays start once per signal, their steps become due in time, and they end when they are no longer needed."""

from datetime import timedelta

import pytest

from crm.audit.rules import System
from retention.messages.actions import ensure_default_templates
from retention.outcomes.actions import record_outcomes
from retention.outcomes.models import Outcome
from retention.outcomes.queries import sentence
from retention.playbooks.actions import ensure_default_playbooks
from retention.plays.actions import advance, finish_step
from retention.plays.models import Play, PlayStep
from retention.plays.queries import progress
from retention.plays.rules import Baseline, returned
from retention.risk_signals.actions import look
from retention.risk_signals.models import RiskSignal
from retention.tasks.actions import finish_task, pick_up
from retention.tasks.models import Task
from tests import factories
from tests.retention.chain import NOW, TODAY, event, owned, stands, uses

BY = System("test")
pytestmark = pytest.mark.django_db


@pytest.fixture
def fallen():
    """An account whose score fell by 26 points, with the default playbook."""
    ensure_default_templates(at=NOW, by=BY)
    ensure_default_playbooks(at=NOW, by=BY)
    account, owner, contact = owned()
    stands(account, 460, 720)
    look(at=NOW, by=BY)
    return account, owner, contact


def states(account):
    steps = PlayStep.objects.system("test").filter(account=account).order_by("step__position")
    return list(steps.values_list("state", flat=True))


def test_a_signal_starts_one_play_however_often_the_pipeline_runs(fallen):
    account, *_ = fallen
    assert advance(at=NOW, by=BY) == "1 plays started, 0 ended, 1 steps due"
    assert advance(at=NOW, by=BY) == "0 plays started, 0 ended, 0 steps due"
    assert Play.objects.system("test").get().entry == 1
    assert states(account) == ["due", "waiting"]


def test_two_signals_of_one_account_start_one_play(fallen):
    account, *_ = fallen
    stands(account, 390, 720)
    look(at=NOW, by=BY)
    advance(at=NOW, by=BY)
    assert Play.objects.system("test").count() == 1


def test_a_second_fall_within_the_pause_starts_nothing(fallen):
    account, *_ = fallen
    advance(at=NOW, by=BY)
    recovered = NOW + timedelta(days=10)
    stands(account, 720, 720, recovered.date())
    look(at=recovered, by=BY)
    advance(at=recovered, by=BY)
    assert Play.objects.system("test").get().end_reason == "solved"
    for days, expected in ((30, 1), (61, 2)):
        again = NOW + timedelta(days=days)
        RiskSignal.objects.system("test").open().update(closed_at=again)
        stands(account, 400, 720, again.date())
        look(at=again, by=BY)
        advance(at=again, by=BY)
        assert Play.objects.system("test").count() == expected


def test_the_task_comes_after_seven_days_once_and_finishing_it_finishes_the_step(fallen):
    account, owner, _ = fallen
    advance(at=NOW, by=BY)
    assert pick_up(at=NOW, by=BY) == "0 tasks made"
    later = NOW + timedelta(days=7)
    advance(at=later, by=BY)
    assert [pick_up(at=later, by=BY), pick_up(at=later, by=BY)] == ["1 tasks made", "0 tasks made"]
    task = Task.objects.system("test").get()
    assert (task.due_on, task.risk_signal.account_id) == (later.date(), account.pk)
    assert finish_task(task, at=later, by=owner) is True
    assert finish_task(task, at=later, by=owner) is False
    assert states(account) == ["due", "done"]


def test_a_play_whose_steps_are_settled_ends_when_its_window_has_passed(fallen):
    advance(at=NOW, by=BY)
    for step in PlayStep.objects.system("test"):
        finish_step(step, at=NOW, by=BY)
    advance(at=NOW + timedelta(days=20), by=BY)
    assert Play.objects.system("test").get().ended_at is None
    advance(at=NOW + timedelta(days=21), by=BY)
    assert Play.objects.system("test").get().end_reason == "finished"


def test_progress_names_the_step_and_the_goal_day(fallen):
    account, *_ = fallen
    assert progress(account) is None
    advance(at=NOW, by=BY)
    found = progress(account)
    assert (found.step, found.steps, found.goal_on) == (1, 2, TODAY + timedelta(days=21))
    assert found.sentence == "Play “They get less than they pay for”, step 1 of 2."


@pytest.mark.parametrize(
    ("week", "start", "before", "expected"),
    [
        (80, 20, 100.0, True),
        (79, 20, 100.0, False),
        (80, 70, 100.0, False),  # hardly above where it began
        (0, 0, 0.0, False),  # nothing to return to
    ],
)
def test_use_has_returned_at_four_fifths_and_a_quarter_above_the_start(week, start, before, expected):
    assert returned(week, Baseline(start, before)) is expected


def test_returned_use_is_an_outcome_once_with_its_figures(fallen):
    account, *_ = fallen
    trips = event()
    # 100 a week before the fall, 10 in the week the play begins, 90 in a week after it.
    uses(account, trips, None, {TODAY - timedelta(days=days): 100 for days in (50, 43, 36, 30)})
    uses(account, trips, None, {TODAY - timedelta(days=3): 10, TODAY + timedelta(days=8): 90})
    advance(at=NOW, by=BY)
    assert Play.objects.system("test").get().baseline == {"week_at_start": 10, "week_before_fall": 100.0}
    assert record_outcomes(at=NOW + timedelta(days=6), by=BY) == "0 outcomes recorded"
    assert record_outcomes(at=NOW + timedelta(days=9), by=BY) == "1 outcomes recorded"
    assert record_outcomes(at=NOW + timedelta(days=10), by=BY) == "0 outcomes recorded"
    outcome = Outcome.objects.system("test").get()
    assert (outcome.kind, outcome.on) == ("saved", TODAY + timedelta(days=9))
    assert sentence(outcome) == "Use returned: 90 uses in a week, 10 when the play began, 100 before the fall."
    assert sentence(Outcome(kind="saved", evidence={"now": 1, "start": 0, "before": 1234})) == (
        "Use returned: 1 use in a week, 0 when the play began, 1,234 before the fall."
    )
    assert sentence(Outcome(kind="left", on=NOW.date(), evidence={"days": 1})) == (
        f"The account left on {NOW.day} Nov 2026, 1 day after the play began."
    )


def test_leaving_is_an_outcome_on_the_first_day_without_a_paid_term(fallen):
    account, *_ = fallen
    factories.subscription(account, ends_on=TODAY + timedelta(days=12))
    advance(at=NOW, by=BY)
    record_outcomes(at=NOW + timedelta(days=11), by=BY)
    assert not Outcome.objects.system("test").exists()
    record_outcomes(at=NOW + timedelta(days=12), by=BY)
    outcome = Outcome.objects.system("test").get()
    assert (outcome.kind, outcome.on, outcome.evidence) == ("left", TODAY + timedelta(days=12), {"days": 12})
