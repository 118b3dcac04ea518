"""The outbox: approved mails on their way out, each through one guarded state machine (rules.md §5)."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.attention.models import Reservation
from crm.contacts.models import Contact
from crm.lib.scope import ScopedModel
from crm.staff.models import User


class MailState(models.TextChoices):
    APPROVED = "approved", _("Approved, waiting for its time")
    CLAIMED = "claimed", _("Being handed over")
    HANDOFF = "handoff", _("Handed to the mail server")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Not sent")
    UNCONFIRMED = "unconfirmed", _("Perhaps sent")
    SUPPRESSED = "suppressed", _("Suppressed")
    CANCELLED = "cancelled", _("Cancelled")
    RETURNED = "returned", _("Back with the rep")


class MailKind(models.TextChoices):
    INFORMATIONAL = "informational", _("Informational")
    SURVEY = "survey", _("Survey")
    ADVERTISING = "advertising", _("Advertising")
    TRANSACTIONAL = "transactional", _("Transactional")


class OutboundMail(ScopedModel):
    """One mail to one contact. The row begins approved; drafts live with whoever writes them (follow_ups).

    Subject and bodies are frozen by `body_hash` (SHA-256 over address, subject and both bodies). `key` makes
    the mail unique for its reason. `claim` is the token of the worker that holds it until `lease_until`.
    """

    key = models.CharField(max_length=200, unique=True)
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=MailKind.choices)
    unattended = models.BooleanField(default=False)
    signer = models.ForeignKey(User, models.PROTECT, related_name="+", help_text="in whose name it is sent")
    approved_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    approved_at = models.DateTimeField()
    to_name = models.CharField(max_length=200)
    to_address = models.CharField(max_length=254)
    from_name = models.CharField(max_length=200)
    from_address = models.CharField(max_length=254)
    reply_to = models.CharField(max_length=254, blank=True)
    subject = models.CharField(max_length=300)
    body_text = models.TextField()
    body_html = models.TextField(blank=True)
    body_hash = models.CharField(max_length=64)
    headers = models.JSONField(default=dict)
    language = models.CharField(max_length=10, default="en")
    message_id = models.CharField(max_length=200, unique=True)
    due_at = models.DateTimeField(help_text="not before")
    late_at = models.DateTimeField(null=True, help_text="after this it goes back to the rep instead of out")
    state = models.CharField(max_length=12, choices=MailState.choices, default=MailState.APPROVED)
    claim = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)
    handoff_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True, help_text="when the state became final")
    server_said = models.TextField(blank=True)
    reservation = models.ForeignKey(Reservation, models.PROTECT, null=True, related_name="+")

    objects = OfAccountQuerySet["OutboundMail"].as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["due_at", "id"],
                name="mail_due",
                condition=models.Q(state__in=["approved", "claimed", "handoff"]),
            ),
            models.Index(fields=["account", "-id"], name="mail_by_account"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(state__in=MailState.values), name="mail_state_known"),
            models.CheckConstraint(condition=models.Q(kind__in=MailKind.values), name="mail_kind_known"),
        ]

    def __str__(self) -> str:
        return self.subject


class Suppression(models.Model):
    """An address that gets no mail any more, as a salted hash so that erasing the person keeps the refusal.

    `scope`: everything (bounce, complaint, erasure), or one kind of mail (unsubscribe).
    """

    address_hash = models.CharField(max_length=64)
    scope = models.CharField(max_length=16, default="everything")
    reason = models.CharField(max_length=40)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["address_hash", "scope"], name="suppression_once"),
        ]

    def __str__(self) -> str:
        return self.reason
