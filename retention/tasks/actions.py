"""Tasks come from due steps, straight from detractors, or from a person; they are done or put aside with a reason."""

from datetime import date, datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crm.accounts.actions import require_write
from crm.accounts.models import Account
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib.working_hours import working_day
from crm.staff.models import User
from retention.playbooks.models import StepKind
from retention.plays.actions import finish_step
from retention.plays.models import PlayStep, PlayStepState
from retention.risk_signals.actions import answer_detractor
from retention.risk_signals.models import RiskSignal, SignalKind
from retention.tasks.models import Task

ANSWER = gettext_noop("Answer what they told us")


@transaction.atomic
def pick_up(*, at: datetime, by: Actor) -> str:
    """Make tasks of due steps and of detractors that have none; the constraints make each once.

    Tasks of plays that ended meanwhile are put aside: nobody calls about use that has come back.
    """
    needless = Task.objects.system("tasks nobody needs any more").open().filter(play_step__state=PlayStepState.SKIPPED)
    withdrawn = needless.update(dismissed_at=at, dismissed_why=gettext_noop("the play ended"))
    steps = PlayStep.objects.system("due steps become tasks").filter(state=PlayStepState.DUE, step__kind=StepKind.TASK)
    taken = Task.objects.system("steps that have a task").exclude(play_step=None).values("play_step")
    signals = RiskSignal.objects.system("detractors become tasks").open().filter(kind=SignalKind.DETRACTOR)
    answered = Task.objects.system("signals that have a task").filter(play_step=None).exclude(risk_signal=None)
    rows = [
        Task(
            account_id=step.account_id,
            play_step=step,
            risk_signal_id=step.play.risk_signal_id,
            title=step.step.title,
            due_on=working_day(at.date()),
            created_at=at,
        )
        for step in steps.exclude(pk__in=taken).select_related("step", "play").order_by("pk")
    ]
    rows += [
        Task(account_id=s.account_id, risk_signal=s, title=ANSWER, due_on=working_day(at.date()), created_at=at)
        for s in signals.exclude(pk__in=answered.values("risk_signal")).order_by("pk")
    ]
    made = len(Task.objects.bulk_create(rows, ignore_conflicts=True))
    if made or withdrawn:
        audit.record("tasks.picked_up", ("task", "all"), at=at, by=by, after={"made": made, "withdrawn": withdrawn})
    return f"{made} tasks made" + (f", {withdrawn} withdrawn" if withdrawn else "")


@transaction.atomic
def create_task(
    account: Account,
    *,
    title: str,
    due_on: date,
    at: datetime,
    by: User,
    assignee: User | None = None,
    detail: str = "",
) -> Task:
    """Add a task by hand. Raises PermissionDenied when `by` may not write the account."""
    require_write(account, by=by)
    task = Task.objects.create(
        account=account, title=title, detail=detail, due_on=due_on, assignee=assignee, created_at=at
    )
    audit.record("task.created", task, at=at, by=by, after={"due_on": due_on, "assignee": assignee and assignee.pk})
    return task


@transaction.atomic
def finish_task(task: Task, *, at: datetime, by: User) -> bool:
    """Mark a task done, its step with it, and a detractor as answered. False when it was closed already."""
    if not _close(task, {"done_at": at}, by=by):
        return False
    if task.play_step:
        finish_step(task.play_step, at=at, by=by)
    elif task.risk_signal and task.risk_signal.kind == SignalKind.DETRACTOR:
        answer_detractor(task.risk_signal, at=at, by=by)
    audit.record("task.done", task, at=at, by=by)
    return True


@transaction.atomic
def dismiss_task(task: Task, *, why: str, at: datetime, by: User) -> bool:
    """Put a task aside for a reason. False when it was closed already."""
    if not why.strip():
        raise PermissionDenied(_("A task is put aside for a reason."))
    if not _close(task, {"dismissed_at": at, "dismissed_why": why[:200]}, by=by):
        return False
    if task.play_step:
        finish_step(task.play_step, at=at, by=by, skipped=why)
    audit.record("task.dismissed", task, at=at, by=by, after={"why": why})
    return True


def _close(task: Task, new: dict[str, object], *, by: User) -> bool:
    if task.assignee_id != by.pk:
        require_write(task.account, by=by)
    return bool(Task.objects.visible_to(by).open().filter(pk=task.pk).update(**new))
