"""Risk signals: changes worth a person's attention, one open row per account, kind and subject."""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.lib.scope import ScopedModel


class SignalKind(models.TextChoices):
    SCORE_DROP = "score_drop", _("Score fell")
    BAND_RED = "band_red", _("Band turned red")
    DETRACTOR = "detractor", _("Detractor")
    OVERDUE_PROMISE = "overdue_promise", _("Promise overdue")
    PAYMENT_FAILED = "payment_failed", _("Payment failed")
    ONBOARDING_STUCK = "onboarding_stuck", _("Onboarding stuck")


class RiskSignalQuerySet(OfAccountQuerySet["RiskSignal"]):
    def open(self) -> Self:
        return self.filter(closed_at=None)


class RiskSignal(ScopedModel):
    """One change and what shows it. Updated while open, closed when it clears, never opened twice.

    `subject` tells signals of one kind apart (an answer's id, a feature's key; empty: the account itself).
    `evidence` holds the plain figures it was opened on. The score is pointed at by values, not by a key:
    the ledger spreads over machines. A wider kind is added with the rule that opens it.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, choices=SignalKind.choices)
    subject = models.CharField(max_length=80, blank=True)
    opened_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_why = models.CharField(max_length=200, blank=True)
    snoozed_until = models.DateField(null=True)
    evidence = models.JSONField(default=dict)
    score_version = models.BigIntegerField(null=True)
    score_day = models.DateField(null=True)

    objects = RiskSignalQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["account", "-opened_at"], name="signal_by_account")]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind", "subject"], condition=models.Q(closed_at=None), name="signal_open_once"
            ),
            models.CheckConstraint(condition=models.Q(kind__in=SignalKind.values), name="signal_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} since {self.opened_at:%Y-%m-%d}"
