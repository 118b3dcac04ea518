"""Who is told what happens here: endpoints, what happened, and what came of each telling."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.lib.locks import lock
from crm.staff.models import User
from crm.webhooks import rules

PURPOSE = "crm.webhooks.secret"


class EventKind(models.TextChoices):
    HEALTH_CHANGED = rules.HEALTH_CHANGED, _("An account’s health changed its band")
    SIGNAL_OPENED = rules.SIGNAL_OPENED, _("A risk signal was opened")
    SURVEY_ANSWERED = rules.SURVEY_ANSWERED, _("A survey was answered")
    CHURNED = rules.CHURNED, _("An account churned")


class Endpoint(models.Model):
    """An address that is told. Secrets are stored locked; the old one still signs until `old_until`.

    `failing_since`: the first failure since the last success. `paused_at`: it failed for three days, or said that it
    is gone; what happens meanwhile waits until somebody resumes it. Not `is_active`: nothing is kept for it at all.
    """

    url = models.CharField(_("address"), max_length=2_000)
    events = ArrayField(models.CharField(max_length=40, choices=EventKind.choices), verbose_name=_("tells of"))
    is_active = models.BooleanField(_("on"), default=True)
    locked_secret = models.TextField()
    locked_old_secret = models.TextField(blank=True)
    old_until = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    class Meta:
        db_table = "crm_webhook_endpoint"

    def __str__(self) -> str:
        return f"webhook {self.pk}"

    def secrets(self, at: datetime) -> list[str]:
        """The secrets that sign at an instant, the newest first."""
        held = [self.locked_secret]
        if self.old_until is not None and at < self.old_until:
            held.append(self.locked_old_secret)
        return [lock(PURPOSE).decrypt(text.encode()).decode() for text in held]


class WebhookEvent(models.Model):
    """Something that happened, told once to each endpoint: ids and figures, no personal values.

    `subject` tells events of one kind apart, so that a step which runs twice tells once. `message` is the webhook-id.
    """

    message = models.UUIDField(unique=True, default=uuid4)
    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=120)
    data = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        db_table = "crm_webhook_event"
        indexes = [models.Index(fields=["at"], name="webhook_event_by_age")]
        constraints = [models.UniqueConstraint(fields=["kind", "subject"], name="webhook_event_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class DeliveryState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    DELIVERED = "delivered", _("delivered")
    GIVEN_UP = "given_up", _("given up")


class Delivery(models.Model):
    """One event for one endpoint. `attempts` counts those begun; `tries` is what came of each, newest last.

    A claim holds while its `token` is there and `leased_until` is not over. Of an answer only the status is kept.
    """

    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="+")
    event = models.ForeignKey(WebhookEvent, models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    token = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    tries = models.JSONField(default=list, db_default=[])
    settled_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "crm_webhook_delivery"
        indexes = [
            models.Index(fields=["endpoint", "-id"], name="delivery_by_endpoint"),
            models.Index(fields=["endpoint", "due_at"], name="delivery_due", condition=models.Q(state="waiting")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event"], name="delivery_once"),
            models.CheckConstraint(condition=models.Q(state__in=DeliveryState.values), name="delivery_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.endpoint_id}"
