"""Starting plays from signals, marking their steps due, and ending them when they are no longer needed."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from crm.audit import actions as audit
from crm.audit.rules import Actor
from retention.playbooks.models import Step
from retention.plays import queries
from retention.plays.models import Play, PlayEnd, PlayStep, PlayStepState

OPEN = (PlayStepState.WAITING, PlayStepState.DUE)


@transaction.atomic
def advance(*, at: datetime, by: Actor) -> str:
    """Start what its signal calls for, mark steps due, end what has cleared; twice changes nothing."""
    ended = _end_needless(at=at)
    started = _start(queries.starts(at=at), at=at)
    waiting = PlayStep.objects.system("steps whose time has come").filter(state=PlayStepState.WAITING)
    due = waiting.filter(due_at__lte=at, play__ended_at=None).update(state=PlayStepState.DUE)
    if started or ended:
        counts = {"started": started, "ended": ended}
        audit.record("plays.advanced", ("play", "all"), at=at, by=by, after=counts)
    return f"{started} plays started, {ended} ended, {due} steps due"


def _start(starts: Iterable[queries.Start], *, at: datetime) -> int:
    starts = list(starts)
    baselines = queries.weekly_uses([start.account_id for start in starts], at.date()) if starts else {}
    plays = [
        Play(
            playbook_id=start.playbook_id,
            account_id=start.account_id,
            risk_signal_id=start.signal_id,
            entry=start.entry,
            started_at=at,
            baseline={
                "week_at_start": baselines[start.account_id].week_at_start,
                "week_before_fall": baselines[start.account_id].week_before_fall,
            },
        )
        for start in starts
    ]
    # Another pipeline may have started the same one a moment ago; the constraint lets one of them in.
    Play.objects.bulk_create(plays, ignore_conflicts=True)
    keys = {(play.playbook_id, play.account_id, play.entry) for play in plays}
    made = Play.objects.system("the plays just started").filter(started_at=at, ended_at=None)
    mine = [play for play in made if (play.playbook_id, play.account_id, play.entry) in keys]
    _add_steps(mine, at=at)
    return len(mine)


def _add_steps(plays: list[Play], *, at: datetime) -> None:
    steps = Step.objects.filter(playbook__in={play.playbook_id for play in plays}).order_by("playbook_id", "position")
    rows = [
        PlayStep(account_id=play.account_id, play=play, step=step, due_at=at + timedelta(days=step.after_days))
        for play in plays
        for step in steps
        if step.playbook_id == play.playbook_id
    ]
    PlayStep.objects.bulk_create(rows, ignore_conflicts=True)


def _end_needless(*, at: datetime) -> int:
    """End plays whose signal has closed, and those whose steps are settled and whose goal's window has passed."""
    ended = 0
    running = Play.objects.system("which plays are still needed").running().select_related("risk_signal", "playbook")
    for play in running.order_by("pk"):
        reason = _end_reason(play, at=at)
        if reason:
            _end(play, reason, at=at)
            ended += 1
    return ended


def _end_reason(play: Play, *, at: datetime) -> str:
    if play.risk_signal.closed_at is not None:
        return PlayEnd.CHURNED if play.risk_signal.closed_why == "the account left" else PlayEnd.SOLVED
    if at < play.started_at + timedelta(days=play.playbook.goal_days):
        return ""
    left = PlayStep.objects.system("steps of that play").filter(play=play, state__in=OPEN)
    return "" if left.exists() else PlayEnd.FINISHED


def _end(play: Play, reason: str, *, at: datetime) -> None:
    Play.objects.system("that play").filter(pk=play.pk, ended_at=None).update(ended_at=at, end_reason=reason)
    steps = PlayStep.objects.system("its open steps").filter(play=play, state__in=OPEN)
    steps.update(state=PlayStepState.SKIPPED, settled_at=at, why=f"the play ended: {reason}")


@transaction.atomic
def finish_step(step: PlayStep, *, at: datetime, by: Actor, skipped: str = "") -> bool:
    """Settle a step as done, or as skipped with a reason. False when it was settled already."""
    rows = PlayStep.objects.system("the step at hand").filter(pk=step.pk, state__in=OPEN)
    state = PlayStepState.SKIPPED if skipped else PlayStepState.DONE
    settled = bool(rows.update(state=state, settled_at=at, why=skipped[:200]))
    if settled:
        audit.record("play_step.settled", step, at=at, by=by, after={"state": state.value, "why": audit.said(skipped)})
    return settled


@transaction.atomic
def reopen_step(step: PlayStep, *, at: datetime, by: Actor) -> bool:
    """Make a settled step due again. False when its play has ended, or the step is open."""
    rows = PlayStep.objects.system("the step at hand").filter(pk=step.pk, play__ended_at=None).exclude(state__in=OPEN)
    reopened = bool(rows.update(state=PlayStepState.DUE, settled_at=None, why=""))
    if reopened:
        audit.record("play_step.reopened", step, at=at, by=by)
    return reopened
