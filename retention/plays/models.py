"""Plays: one run of a playbook on one account, from the signal that started it."""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.lib.scope import ScopedModel
from retention.playbooks.models import Playbook, Step
from retention.risk_signals.models import RiskSignal


class PlayQuerySet(OfAccountQuerySet["Play"]):
    def running(self) -> Self:
        return self.filter(ended_at=None)


class PlayEnd(models.TextChoices):
    SOLVED = "solved", _("solved")
    FINISHED = "finished", _("finished")
    CHURNED = "churned", _("the account left")


class Play(ScopedModel):
    """One run; `entry` counts the account's runs of this playbook from 1. Ended by itself when not needed."""

    playbook = models.ForeignKey(Playbook, models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    entry = models.PositiveIntegerField()
    risk_signal = models.ForeignKey(RiskSignal, models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=40, blank=True, choices=PlayEnd.choices, help_text="empty while it runs")
    baseline = models.JSONField(default=dict, help_text="the goal's measure when the play began, plain figures")

    objects = PlayQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["playbook", "account", "entry"], name="play_entry_once"),
            models.UniqueConstraint(
                fields=["playbook", "account"], condition=models.Q(ended_at=None), name="play_running_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.playbook} {self.entry}"


class PlayStepState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    DUE = "due", _("Due")
    DONE = "done", _("Done")
    SKIPPED = "skipped", _("Skipped")


class PlayStepQuerySet(OfAccountQuerySet["PlayStep"]):
    """Rows of an account; no words of their own yet."""


class PlayStep(ScopedModel):
    """One step of one play. Plays marks it due; tasks and follow-ups pick it up and finish it."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    play = models.ForeignKey(Play, models.PROTECT, related_name="+")
    step = models.ForeignKey(Step, models.PROTECT, related_name="+")
    due_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=PlayStepState.choices, default=PlayStepState.WAITING)
    settled_at = models.DateTimeField(null=True)
    why = models.CharField(max_length=200, blank=True, help_text="why it was skipped")

    objects = PlayStepQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["state", "due_at"], name="play_step_due")]
        constraints = [models.UniqueConstraint(fields=["play", "step"], name="play_step_once")]

    def __str__(self) -> str:
        return f"{self.step} {self.state}"
