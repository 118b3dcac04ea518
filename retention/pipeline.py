"""The one pipeline: facts → usage → scores → signals → plays → tasks and follow-ups → outcomes, in this order.

Each stage fills *through* an instant, is remembered in the ledger (crm.fills), and goes only as far as what it
reads. Twice changes nothing; two at once leave one result; after three days of downtime it catches up.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from crm.audit.rules import Actor
from crm.fills.actions import StageBusy, fill
from crm.goals.actions import keep_readings
from crm.lib.formats import Count
from crm.subscriptions.actions import derive_stages
from crm.templatetags.ui import day as day_words
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


# What stages say, clause by clause and with # for each figure. It is kept in English by whoever ran them.
SAID: Mapping[str, Promise] = {
    "# accounts churned": ngettext_lazy("%(n)s account churned", "%(n)s accounts churned", "n"),
    "# returned": _("%(n)s returned"),
    "No onboarding plan is set.": _("No onboarding plan is set."),
    "# accounts began": ngettext_lazy("%(n)s account began", "%(n)s accounts began", "n"),
    "# milestones recorded": ngettext_lazy("%(n)s milestone recorded", "%(n)s milestones recorded", "n"),
    "Windows stand at #.": _("Windows stand at %(day)s."),
    "Windows were rebuilt as of #.": _("Windows were rebuilt as of %(day)s."),
    "The windows were never built.": _("The windows were never built."),
    "No scorecard is published.": _("No scorecard is published."),
    "Nothing has changed.": _("Nothing has changed."),
    "# accounts were judged as of #.": ngettext_lazy(
        "%(n)s account was judged as of %(day)s.", "%(n)s accounts were judged as of %(day)s.", "n"
    ),
    "# ledger rows written": ngettext_lazy("%(n)s ledger row written", "%(n)s ledger rows written", "n"),
    "# days judged": ngettext_lazy("%(n)s day judged", "%(n)s days judged", "n"),
    "No day is due.": _("No day is due."),
    "The figures of # goals were kept.": ngettext_lazy(
        "The figures of %(n)s goal were kept.", "The figures of %(n)s goals were kept.", "n"
    ),
    "Today's figures are kept or not due yet.": _("Today's figures are kept or not due yet."),
    "# signals opened": ngettext_lazy("%(n)s signal opened", "%(n)s signals opened", "n"),
    "# closed": _("%(n)s closed"),
    "# sent": _("%(n)s sent"),
    "# back as drafts": ngettext_lazy("%(n)s back as a draft", "%(n)s back as drafts", "n"),
    "# withdrawn": _("%(n)s withdrawn"),
    "# words prepared": ngettext_lazy("%(n)s draft prepared", "%(n)s drafts prepared", "n"),
    "# handovers made": ngettext_lazy("%(n)s handover made", "%(n)s handovers made", "n"),
    "# drafts followed their accounts": ngettext_lazy(
        "%(n)s draft followed its account", "%(n)s drafts followed their accounts", "n"
    ),
    "# plays started": ngettext_lazy("%(n)s play started", "%(n)s plays started", "n"),
    "# ended": _("%(n)s ended"),
    "# steps due": ngettext_lazy("%(n)s step due", "%(n)s steps due", "n"),
    "# tasks made": ngettext_lazy("%(n)s task made", "%(n)s tasks made", "n"),
    "# drafts written": ngettext_lazy("%(n)s draft written", "%(n)s drafts written", "n"),
    "# outcomes recorded": ngettext_lazy("%(n)s outcome recorded", "%(n)s outcomes recorded", "n"),
}
FIGURE = re.compile(r"\d+(?:-\d+)*")


def in_words(said: str) -> str:
    """What a stage said, in the words and figures of the reader; a clause that is not known stays as it is."""
    return ", ".join(_clause(each) for each in said.split(", "))


def _clause(said: str) -> str:
    text = SAID.get(FIGURE.sub("#", said))
    return said if text is None else str(text % dict(map(_place, FIGURE.findall(said))))


def _place(figure: str) -> tuple[str, str | Count]:
    return ("day", day_words(date.fromisoformat(figure))) if "-" in figure else ("n", Count(figure))


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
