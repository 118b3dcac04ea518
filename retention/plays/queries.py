"""Which accounts enter a play now, how running plays stand, and the use that they are judged by."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db import connection
from django.utils.translation import gettext as _

from crm.accounts.models import Account
from crm.lib.sql_files import load
from retention.plays.models import Play, PlayStep, PlayStepState
from retention.plays.rules import Baseline


class Start(NamedTuple):
    playbook_id: int
    account_id: int
    signal_id: int
    entry: int


def starts(*, at: datetime) -> list[Start]:
    """The (playbook, account) pairs that enter now."""
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "starts"), {"at": at, "day": at.date()})
        return [Start(*row) for row in cursor.fetchall()]


def weekly_uses(accounts: Collection[int], day: date) -> dict[int, Baseline]:
    """Flagged uses of the week before `day`, beside a week's mean before the fall; zero for accounts without use."""
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "weekly_uses"), {"accounts": list(accounts), "day": day})
        found = {account: Baseline(week, before) for account, week, before in cursor.fetchall()}
    return {account: found.get(account, Baseline(0, 0.0)) for account in accounts}


@dataclass(frozen=True)
class Progress:
    """Where an account's running play stands: which step of how many, the goal in words, and by when."""

    play: Play
    step: int
    steps: int
    goal: str
    goal_on: date

    @property
    def sentence(self) -> str:
        values = {"playbook": _(self.play.playbook.name), "step": self.step, "steps": self.steps}
        return _("Play “%(playbook)s”, step %(step)s of %(steps)s.") % values


def progress(account: Account) -> Progress | None:
    """The running play of an account, the latest when there are several; null when none runs. Two queries."""
    running = Play.objects.system("page of an account already shown").running().filter(account=account)
    play = running.select_related("playbook", "risk_signal").order_by("-started_at", "-pk").first()
    if play is None:
        return None
    steps = PlayStep.objects.system("steps of that play").filter(play=play).order_by("step__position")
    states = list(steps.values_list("state", flat=True))
    settled = sum(state in (PlayStepState.DONE, PlayStepState.SKIPPED) for state in states)
    goal_on = play.started_at.date() + timedelta(days=play.playbook.goal_days)
    return Progress(play, min(settled + 1, len(states)), len(states), _(play.playbook.goal), goal_on)
