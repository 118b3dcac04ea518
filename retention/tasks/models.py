"""Tasks: a to-do for one of us, with the reason it exists."""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.lib.scope import ScopedModel
from crm.staff.models import User
from retention.plays.models import PlayStep
from retention.risk_signals.models import RiskSignal


class TaskQuerySet(OfAccountQuerySet["Task"]):
    def open(self) -> Self:
        return self.filter(done_at=None, dismissed_at=None)


class Task(ScopedModel):
    """A person's to-do. Came from a play's step, straight from a signal, or by hand (both null).

    `assignee` null: whoever owns the account then. A step makes one task, by constraint.
    """

    is_said = True  # what people wrote, who may name somebody: kept out of the record

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    play_step = models.OneToOneField(PlayStep, models.PROTECT, null=True, related_name="+")
    risk_signal = models.ForeignKey(RiskSignal, models.PROTECT, null=True, related_name="+")
    title = models.CharField(_("title"), max_length=200)
    detail = models.TextField(_("detail"), blank=True)
    assignee = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("for"))
    due_on = models.DateField(_("due"))
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    dismissed_at = models.DateTimeField(null=True)
    dismissed_why = models.CharField(max_length=200, blank=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["assignee", "due_on"], name="task_open", condition=models.Q(done_at=None, dismissed_at=None)
            ),
            models.Index(fields=["account", "-id"], name="task_by_account"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["risk_signal"],
                condition=models.Q(play_step=None, risk_signal__isnull=False),
                name="task_of_signal_once",
            ),
        ]

    def __str__(self) -> str:
        return self.title
