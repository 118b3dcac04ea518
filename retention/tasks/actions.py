"""Tasks come from due steps, straight from detractors, or from a person; they are done or put aside with a reason."""

from datetime import date, datetime

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crm.accounts.actions import require_write
from crm.accounts.models import Account, AccountQuerySet
from crm.accounts.queries import colleagues
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.bulk_edits.actions import Done, Row, close, keep, open_for_undo, picked
from crm.bulk_edits.models import BulkEdit, BulkEditRow, EditKind
from crm.lib.working_hours import working_day
from crm.staff.models import User
from retention.playbooks.models import StepKind
from retention.plays.actions import finish_step, reopen_step
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
    account = require_write(account, by=by)
    _may_take(account, assignee, by)
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
    audit.record("task.dismissed", task, at=at, by=by, after={"why": audit.said(why)})
    return True


@transaction.atomic
def change_task(
    task: Task, *, title: str, due_on: date, detail: str, assignee: User | None, at: datetime, by: User
) -> Task:
    """Change an open task. Raises ValidationError when it was settled meanwhile."""
    row = _locked(task, by=by)
    if row.done_at or row.dismissed_at:
        raise ValidationError(_("It was settled already."))
    if assignee and assignee.pk != row.assignee_id:
        _may_take(row.account, assignee, by)
    before, after = audit.changes(row, {"title": title, "due_on": due_on, "detail": detail, "assignee": assignee})
    row.title, row.due_on, row.detail, row.assignee = title, due_on, detail, assignee
    if after:
        row.save(update_fields=list(after))
        shown = {"due_on", "assignee"}  # title and detail may name a person
        kept = [{name: value for name, value in values.items() if name in shown} for values in (before, after)]
        audit.record("task.changed", row, at=at, by=by, before=kept[0], after=kept[1] | {"fields": sorted(after)})
    return row


@transaction.atomic
def reopen_task(task: Task, *, at: datetime, by: User) -> Task:
    """Take back that it was done or put aside. Raises ValidationError where what followed cannot be taken back."""
    row = _locked(task, by=by)
    if not (row.done_at or row.dismissed_at):
        raise ValidationError(_("It is open already."))
    if not can_reopen(row):
        raise ValidationError(_("The customer counts as answered; add a new task instead."))
    if row.play_step and not reopen_step(row.play_step, at=at, by=by):
        raise ValidationError(_("Its play has ended meanwhile; add a new task instead."))
    row.done_at, row.dismissed_at, row.dismissed_why = None, None, ""
    row.save(update_fields=["done_at", "dismissed_at", "dismissed_why"])
    audit.record("task.reopened", row, at=at, by=by)
    return row


@transaction.atomic
def give_tasks(account: Account, *, giver: User, taker: User, at: datetime, by: Actor) -> int:
    """Give the open tasks that one of us has on an account to another; returns how many."""
    mine = Task.objects.system("tasks go along with their account").open().filter(account=account, assignee=giver)
    given = mine.update(assignee=taker)
    if given:
        after = {"from": giver.pk, "to": taker.pk, "tasks": given}
        audit.record("tasks.given", account, at=at, by=by, after=after)
    return given


def can_reopen(task: Task) -> bool:
    """Whether settling it can be taken back: an answered detractor stays answered."""
    return task.done_at is None or task.play_step_id is not None or task.risk_signal_id is None


def _may_take(account: Account, assignee: User | None, by: User) -> None:
    if assignee and not colleagues(account, by).filter(pk=assignee.pk).exists():
        raise ValidationError({"assignee": _("This person does not work on the account. Choose another one.")})


def _locked(task: Task, *, by: User) -> Task:
    if task.assignee_id != by.pk:
        require_write(task.account, by=by)
    rows = (
        Task.objects.visible_to(by)
        .select_for_update(of=("self",))
        .select_related("account__owner", "play_step", "risk_signal")
    )
    row = rows.filter(pk=task.pk).first()
    if row is None:
        raise PermissionDenied
    return row


def _close(task: Task, new: dict[str, object], *, by: User) -> bool:
    if task.assignee_id != by.pk:
        require_write(task.account, by=by)
    return bool(Task.objects.visible_to(by).open().filter(pk=task.pk).update(**new))


@transaction.atomic
def create_tasks(rows: AccountQuerySet, *, title: str, due_on: date, at: datetime, by: User) -> Done:
    """Add the task on each of the accounts that `by` may write, for whoever owns it then."""
    accounts, skipped = picked(rows, by=by)
    new = [Task(account_id=account.pk, title=title, due_on=due_on, created_at=at) for account in accounts]
    made = Task.objects.bulk_create(new, batch_size=2_000)
    if not made:
        return Done(None, 0, skipped, 0)
    kept: list[Row] = [(task.account_id, {}, {"task": task.pk}) for task in made]
    edit = keep(EditKind.TASKS, kept, skipped=skipped, after={"due_on": due_on}, at=at, by=by)
    return Done(edit, len(made), skipped, 0)


@transaction.atomic
def withdraw_tasks(edit: BulkEdit, *, at: datetime, by: User) -> int:
    """Put those tasks of `create_tasks` aside that nobody has settled meanwhile; returns how many."""
    edit = open_for_undo(edit, at=at, by=by)
    made = BulkEditRow.objects.system("the tasks of this change").filter(edit=edit)
    ids = [row["task"] for row in made.values_list("after", flat=True)]
    still_open = Task.objects.system("the tasks of this change").open().filter(pk__in=ids)
    withdrawn = still_open.update(dismissed_at=at, dismissed_why=gettext_noop("taken back"))
    close(edit, restored=withdrawn, at=at, by=by)
    return withdrawn
