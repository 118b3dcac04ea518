"""What to do next on one account: the draft that waits, else the next task; two queries, none where nothing waits."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, OuterRef, Subquery
from django.utils.translation import gettext as _

from crm.accounts.models import Account
from crm.contacts.models import Contact
from crm.staff.models import User
from crm.templatetags.ui import day as day_words
from retention.follow_ups.models import FollowUp, FollowUpQuerySet
from retention.follow_ups.queries import Review, review
from retention.playbooks.models import Step
from retention.plays.models import PlayStep
from retention.plays.queries import Progress
from retention.tasks.models import Task

RELATED = ("play_step__step", "play_step__play__playbook")


@dataclass(frozen=True)
class NextStep:
    """A draft with its review, or else the open task that is due first, or neither."""

    draft: FollowUp | None = None
    review: Review | None = None
    task: Task | None = None
    progress: Progress | None = None

    @property
    def due_on(self) -> date | None:
        return self.draft.occurrence_on if self.draft else self.task.due_on if self.task else None


def next_step(account: Account, *, draft: int | None, task: int | None, at: datetime) -> NextStep:
    """What waits on an account that the reader sees; `draft` and `task` are the ids of the first of each."""
    rows = FollowUp.objects.system("page of an account already shown").drafts()
    row = in_full(rows).filter(pk=draft).first() if draft else None
    if row is not None:
        if row.account_id == row.contact.account_id == account.pk:
            # Known already: each join less is a millisecond of planning.
            row.account = row.contact.account = account
        return NextStep(row, reviewed(row, at=at), progress=progress(row.play_step, row))
    tasks = Task.objects.system("page of an account already shown").open().select_related("assignee", *RELATED)
    found = tasks.annotate(steps=steps_of_playbook()).filter(pk=task).first() if task else None
    return NextStep(task=found, progress=progress(found.play_step, found) if found else None)


def drafts_in_full(user: User) -> Any:
    """Follow-ups that the user sees, with everything that a page shows around the text."""
    return in_full(FollowUp.objects.visible_to(user)).select_related("account__owner", "contact__account")


def in_full(rows: FollowUpQuerySet) -> Any:
    same = Contact.objects.system("names that a text must not tell").filter(account=OuterRef("account"))
    names = same.exclude(pk=OuterRef("contact")).order_by("pk").values("name")
    return rows.select_related("contact", "owner", *RELATED).annotate(
        others=ArraySubquery(names), steps=steps_of_playbook()
    )


def steps_of_playbook() -> Subquery:
    steps = Step.objects.filter(playbook=OuterRef("play_step__play__playbook")).order_by().values("playbook")
    return Subquery(steps.annotate(n=Count("pk")).values("n"))


def reviewed(draft: FollowUp, *, at: datetime) -> Review:
    """The review of a draft read by `drafts_in_full`; one query, for the budget."""
    others: list[str] = draft.others  # type: ignore[attr-defined]  # annotated
    return review(draft, at=at, others=others)


def progress(step: PlayStep | None, row: Any) -> Progress | None:
    """Where the play stands that brought a draft or task; `row` carries the number of steps."""
    if step is None:
        return None
    play = step.play
    goal_on: date = play.started_at.date() + timedelta(days=play.playbook.goal_days)
    return Progress(play, step.step.position, row.steps or step.step.position, _(play.playbook.goal), goal_on)


def progress_words(progress: Progress | None) -> str:
    """Which play, how far, to what end and by when."""
    if progress is None:
        return ""
    goal = {"goal": progress.goal, "day": day_words(progress.goal_on, progress.play.started_at)}
    return progress.sentence + " " + _("Goal: %(goal)s by %(day)s.") % goal


def draft_context(draft: FollowUp, found: Review, user: User, *, may_write: bool) -> dict[str, Any]:
    """What retention/_draft.html shows: the text as the customer will read it, and what may be done with it."""
    approves = found.may_approve(user)
    return {
        "row": draft,
        "review": found,
        "may_approve": approves,
        "may_write": may_write,
        "to": _("To %(name)s") % {"name": draft.contact.name},
        "approve_text": _("Approve, send %(when)s") % {"when": found.send_words},
        "waits_for": "" if approves else _("%(name)s approves this draft.") % {"name": draft.owner.name},
    }
