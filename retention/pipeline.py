"""The one pipeline: facts → usage → scores → signals → plays → tasks and follow-ups → outcomes, in this order.

Each stage fills *through* an instant, is remembered in the ledger (crm.fills), and goes only as far as what it
reads. Twice changes nothing; two at once leave one result; after three days of downtime it catches up.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.audit.rules import Actor
from crm.fills.actions import StageBusy, fill
from crm.goals.actions import keep_readings
from crm.subscriptions.actions import derive_stages
from retention.follow_ups import actions as follow_ups
from retention.handovers import actions as handovers
from retention.messages.actions import ensure_default_templates
from retention.onboarding.actions import follow
from retention.outcomes.actions import record_outcomes
from retention.playbooks.actions import ensure_default_playbooks
from retention.plays import actions as plays
from retention.risk_signals import actions as risk_signals
from retention.scorecards.actions import ensure_default_scorecard
from retention.scores import actions as scores
from retention.tasks import actions as tasks

Run = Callable[[datetime, datetime, Actor], str]


class Stage(NamedTuple):
    """A stage's name in the ledger and on its page, and how it runs: (through, at, by) → what it did, in a sentence."""

    name: str
    label: str | Promise
    run: Run


def _stages(through: datetime, at: datetime, by: Actor) -> str:
    churned, returned = derive_stages(through.date(), at=at, by=by)
    return f"{churned} accounts churned, {returned} returned"


STAGES: tuple[Stage, ...] = (
    Stage("lifecycle", _("Stages of accounts"), _stages),
    # Before the scores, which clear the marks of changed accounts.
    Stage("onboarding", _("Onboarding of accounts"), lambda through, at, by: follow(through, at=at, by=by)),
    Stage("windows", _("Windows of usage"), lambda through, at, by: scores.refresh_windows(through, at=at, by=by)),
    Stage("current scores", _("Current scores"), lambda through, at, by: scores.score_changed(through, at=at, by=by)),
    Stage("ledger", _("Score ledger"), lambda through, at, by: scores.score_due(through, at=at, by=by)),
    Stage("goals", _("Figures of goals"), lambda through, at, by: keep_readings(through, at=at, by=by)),
    Stage("signals", _("Risk signals"), lambda through, at, by: risk_signals.look(at=through, by=by)),
    Stage(
        "follow-up results", _("What became of drafts"), lambda through, at, by: follow_ups.settle(at=through, by=by)
    ),
    Stage(
        "late answers",
        _("Words that an answer will be late"),
        lambda through, at, by: follow_ups.warn(at=through, by=by),
    ),
    Stage("handovers", _("Handovers"), lambda through, at, by: handovers.catch_up(at=through, by=by)),
    Stage("plays", _("Plays"), lambda through, at, by: plays.advance(at=through, by=by)),
    Stage("tasks", _("Tasks"), lambda through, at, by: tasks.pick_up(at=through, by=by)),
    Stage("drafts", _("Drafts"), lambda through, at, by: follow_ups.pick_up(at=through, by=by)),
    Stage("outcomes", _("Outcomes"), lambda through, at, by: record_outcomes(at=through, by=by)),
)


def run(*, through: datetime, at: datetime, by: Actor) -> list[tuple[str, str]]:
    """Run every stage through an instant; return what each said.

    A stage that another process is running at this moment is left to it, and so are those after it, which
    read what it writes. An error is kept in the stage's row and raised.
    """
    said: list[tuple[str, str]] = []
    for stage in STAGES:
        try:
            said.append((stage.name, fill(stage.name, _bound(stage, at, by), through=through, at=at)))
        except StageBusy:
            said.append((stage.name, "is being run by another process"))
            break
    return said


def _bound(stage: Stage, at: datetime, by: Actor) -> Callable[[datetime], str]:
    return lambda through: stage.run(through, at, by)


def ensure_defaults(*, at: datetime, by: Actor) -> None:
    """What every installation begins with: one scorecard, one playbook, its texts. Changed ones stay as they are."""
    ensure_default_scorecard(at=at, by=by)
    ensure_default_templates(at=at, by=by)
    ensure_default_playbooks(at=at, by=by)
