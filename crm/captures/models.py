"""Mail that reps sent from their own mailbox: the address that catches it, and what was caught."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.staff.models import User


class CaptureAddress(models.Model):
    """How often one of us has had a new address made; no row: never. The secret part follows from it (rules.secret)."""

    user = models.OneToOneField(User, models.CASCADE, related_name="+")
    version = models.PositiveIntegerField(default=0)
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user_id}, version {self.version}"


class CaptureState(models.TextChoices):
    KEPT = "kept", _("In a conversation")
    UNMATCHED = "unmatched", _("Waits for you")
    DISCARDED = "discarded", _("Discarded")


class CapturedMail(models.Model):
    """One mail of one of us, so that it is taken in once. Only `unmatched` ones still have their words.

    `digest` is of its Message-ID, `references` of those that it answers. `recipients` are addresses in To and Cc.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    digest = models.CharField(max_length=32)
    state = models.CharField(max_length=9, choices=CaptureState.choices)
    sent_at = models.DateTimeField()
    captured_at = models.DateTimeField()
    references = models.JSONField(default=list)
    recipients = models.JSONField(default=list)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    text = models.TextField(_("text"), blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["user", "-id"], name="captured_unmatched", condition=models.Q(state="unmatched")),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "digest"], name="captured_once"),
            models.CheckConstraint(condition=models.Q(state__in=CaptureState.values), name="captured_state_known"),
        ]

    def __str__(self) -> str:
        return self.subject or self.digest
