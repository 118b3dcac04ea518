"""Outcomes: what became of an account after a play — saved, grown, or left."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.lib.scope import ScopedModel
from retention.plays.models import Play


class OutcomeKind(models.TextChoices):
    SAVED = "saved", _("Use returned")
    GROWN = "grown", _("Grew")
    LEFT = "left", _("Left")


class OutcomeQuerySet(OfAccountQuerySet["Outcome"]):
    """Rows of an account; no words of their own yet."""


class Outcome(ScopedModel):
    """One outcome of one play, with the figures that show it; a play may be saved first and left later.

    It records what followed, not what caused it: that takes a held-out group.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    play = models.ForeignKey(Play, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, choices=OutcomeKind.choices)
    on = models.DateField(help_text="UTC day on which it became true")
    evidence = models.JSONField(default=dict)
    recorded_at = models.DateTimeField()

    objects = OutcomeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["play", "kind"], name="outcome_once"),
            models.CheckConstraint(condition=models.Q(kind__in=OutcomeKind.values), name="outcome_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.on}"
