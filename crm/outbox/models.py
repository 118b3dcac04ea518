"""The outbox: approved mails on their way out, each through one guarded state machine (rules.md §5)."""

import uuid
from datetime import datetime
from typing import ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.attention.models import Reservation
from crm.contacts.models import Contact
from crm.lib.scope import ScopedModel
from crm.outbox import rules
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


class Reason(models.TextChoices):
    """Why a mail did not simply go out; the label is a sentence that anyone can read."""

    NONE = "", ""
    CONTACT_BUDGET = "contact_budget", _("This person has had as many mails from us in 30 days as we allow ourselves.")
    ACCOUNT_BUDGET = (
        "account_budget",
        _("This customer has had as many mails from us in 30 days as we allow ourselves."),
    )
    HELD = "held", _("We ask this customer nothing while something on our side is unsettled.")
    SUPPRESSED = "suppressed", _("This address gets no such mail from us: it unsubscribed, bounced or complained.")
    ERASED = "erased", _("This person's data were erased.")
    LEFT = "left", _("This person no longer works there.")
    NO_ADDRESS = "no_address", _("No usable email address is known for this person. Correct it on the contact.")
    NEW_ADDRESS = "new_address", _("The person's address or account has changed since this mail was approved.")
    BAD_HEADER = "bad_header", _("The subject or a name holds a line end, which no mail header may.")
    NO_CONSENT = "no_consent", _("Advertising needs the person's consent, or a stated reason why it needs none.")
    WITHDRAWN = "withdrawn", _("This person said no to such mail.")
    UNMARKED = "unmarked", _("Advertising to Korea says (광고) before its subject and how to get no more of it.")
    NOT_OURS = "not_ours", _("The account no longer belongs to the person who signs or approved this mail.")
    SIGNER_LEFT = "signer_left", _("The person who signs or approved this mail is no longer with us.")
    LATE = "late", _("It could not go out before its time had passed. Look at it again before it is sent.")
    CHANGED = "changed", _("The text is not the one that was approved.")
    ATTEMPTS = "attempts", _("Five attempts did not get it out.")
    HARD_BOUNCE = "hard_bounce", _("The mail server says that there is no such address.")
    REFUSED = "refused", _("The mail server refused it for good.")
    NOT_NOW = "not_now", _("The mail server asked us to try again later.")
    AWAY = "away", _("The mail server could not be reached.")
    RESTORED = (
        "restored",
        _("It was waiting when the backup was made that has been restored. It may have been sent since."),
    )
    NO_ANSWER = "no_answer", _("The mail server did not say whether it took the mail.")


class MailRefused(ValueError):
    """A mail that may not be approved at all; `reason` says why, and so does `str()`, in the reader's language."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason)

    def __str__(self) -> str:
        return str(self.reason.label)


class MailQuerySet(OfAccountQuerySet["OutboundMail"]):
    def claimable(self, at: datetime) -> Self:
        """Due and not spent; also what a worker claimed and then died with, since nothing was handed over."""
        waiting = models.Q(state=MailState.APPROVED, due_at__lte=at) & (
            models.Q(retry_at=None) | models.Q(retry_at__lte=at)
        )
        dropped = models.Q(state=MailState.CLAIMED, lease_until__lte=at)
        return self.filter(waiting | dropped, attempts__lt=rules.ATTEMPTS)

    def late(self, at: datetime) -> Self:
        return self.filter(_idle(at), late_at__lte=at)

    def spent(self, at: datetime) -> Self:
        return self.filter(_idle(at), attempts__gte=rules.ATTEMPTS)

    def silent(self, at: datetime) -> Self:
        """Handed over by a worker that never came back with an answer."""
        return self.filter(state=MailState.HANDOFF, lease_until__lte=at)


def _idle(at: datetime) -> models.Q:
    return models.Q(state=MailState.APPROVED) | models.Q(state=MailState.CLAIMED, lease_until__lte=at)


class OutboundMail(ScopedModel):
    """One mail to one contact. The row begins approved; drafts live with whoever writes them (follow_ups).

    Subject and bodies are frozen by `body_hash` (SHA-256 over address, subject and both bodies). `key` makes
    the mail unique for its reason. `claim` is the token of the worker that holds it until `lease_until`.
    """

    key = models.CharField(max_length=200, unique=True)
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=MailKind.choices)
    manual = models.BooleanField(default=True, help_text="a person wrote or read this very text")
    unattended = models.BooleanField(default=False)
    reply = models.BooleanField(default=False, help_text="answers the customer's own message")
    purpose = models.CharField(max_length=16, blank=True, help_text="whose consent it rests on; empty: its kind's")
    exemption = models.CharField(max_length=200, blank=True, help_text="why advertising needs no consent here")
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
    retry_at = models.DateTimeField(null=True, help_text="not before, after an attempt that failed for the moment")
    state = models.CharField(max_length=12, choices=MailState.choices, default=MailState.APPROVED)
    reason = models.CharField(max_length=20, default="", blank=True, help_text="a Reason, or nothing")
    claim = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)
    handoff_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True, help_text="when the state became final")
    server_said = models.TextField(blank=True)
    reservation = models.ForeignKey(Reservation, models.PROTECT, null=True, related_name="+")

    objects = MailQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["due_at", "id"],
                name="mail_due",
                condition=models.Q(state__in=["approved", "claimed", "handoff"]),
            ),
            models.Index(fields=["account", "-id"], name="mail_by_account"),
            models.Index(
                fields=["state", "-id"],
                name="mail_by_state",
                condition=models.Q(state__in=["failed", "unconfirmed", "suppressed", "cancelled", "returned"]),
            ),
            models.Index(fields=["-settled_at"], name="mail_settled", condition=models.Q(state__in=["sent", "failed"])),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(state__in=MailState.values), name="mail_state_known"),
            models.CheckConstraint(condition=models.Q(kind__in=MailKind.values), name="mail_kind_known"),
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def frozen(self) -> str:
        """The hash of what stands in the row now; equal to `body_hash` while nothing was touched."""
        return rules.body_hash(self.to_address, self.subject, self.body_text, self.body_html)

    @property
    def reason_words(self) -> str:
        return str(Reason(self.reason).label)

    @property
    def is_ask(self) -> bool:
        return rules.is_ask(self.kind, manual=self.manual, unattended=self.unattended, reply=self.reply)

    @property
    def budgeted(self) -> bool:
        """Answers and transactional mail draw on no budget."""
        return not self.reply and self.kind != MailKind.TRANSACTIONAL

    @property
    def is_open(self) -> bool:
        return self.state in (MailState.APPROVED, MailState.CLAIMED)

    @property
    def can_go_again(self) -> bool:
        return self.state in (MailState.UNCONFIRMED, MailState.FAILED)


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


class UnsubscribeLink(models.Model):
    """What an unsubscribe link refuses: one address, as its hash, and one kind of mail. It never expires.

    It names no person, so it goes on working after the person was erased.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    address_hash = models.CharField(max_length=64)
    scope = models.CharField(max_length=16)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["address_hash", "scope"], name="unsubscribe_link_once"),
        ]

    def __str__(self) -> str:
        return f"unsubscribe {self.scope}"


class Pause(models.Model):
    """Sending stopped itself: so many hard bounces among the last mails. `lifted_at` null: it still stands."""

    at = models.DateTimeField()
    bounced = models.SmallIntegerField()
    of_last = models.SmallIntegerField()
    lifted_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.bounced} of {self.of_last}"
