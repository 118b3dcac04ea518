"""Playbooks: written recipes — what starts them, what they do, and by what they want to be judged."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from retention.risk_signals.models import SignalKind


class Playbook(models.Model):
    """A recipe that any of its signals starts. Its goal is a leading measure within a window, such as active people."""

    key = models.SlugField(_("key"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=120)
    triggers = ArrayField(models.CharField(max_length=20, choices=SignalKind.choices), verbose_name=_("starts on"))
    goal = models.CharField(_("goal"), max_length=200, help_text=_("in words a rep would use"))
    goal_days = models.PositiveSmallIntegerField(_("within, days"), default=21)
    reentry_days = models.PositiveSmallIntegerField(_("not again within, days"), default=60)
    is_on = models.BooleanField(_("on"), default=True)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class StepKind(models.TextChoices):
    TASK = "task", _("Task for the owner")
    MESSAGE = "message", _("Draft to a contact")


class Step(models.Model):
    """One step of a playbook, due `after_days` after the play began. `template` is a message's key."""

    playbook = models.ForeignKey(Playbook, models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField(_("position"))
    kind = models.CharField(_("kind"), max_length=10, choices=StepKind.choices)
    title = models.CharField(_("title"), max_length=200)
    template = models.SlugField(_("template"), max_length=80, blank=True)
    after_days = models.PositiveSmallIntegerField(_("after, days"), default=0)

    class Meta:
        ordering = ["playbook", "position"]
        constraints = [
            models.UniqueConstraint(fields=["playbook", "position"], name="step_position_once"),
            models.CheckConstraint(
                condition=~models.Q(kind="message") | ~models.Q(template=""), name="step_message_has_template"
            ),
        ]

    def __str__(self) -> str:
        return self.title
