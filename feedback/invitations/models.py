"""Invitations: who was asked, who was not and why."""

from secrets import token_urlsafe

from django.db import models

from crm.accounts.models import Account, OfAccountQuerySet
from crm.contacts.models import Contact
from crm.lib.scope import ScopedModel
from crm.outbox.models import OutboundMail
from feedback.surveys.models import Wave


def new_link() -> str:
    """128 random bits, as the public link carries them (signed besides)."""
    return token_urlsafe(16)


class InvitationQuerySet(OfAccountQuerySet["Invitation"]):
    """Rows of an account; no words of their own yet."""


class Invitation(ScopedModel):
    """One contact asked once in one wave. Nothing here says whether the link was opened: scanners open every link.

    `account` is the contact's own, even when another account has taken its place since.
    """

    wave = models.ForeignKey(Wave, models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="+")
    link = models.CharField(max_length=22, unique=True, default=new_link)
    mail = models.OneToOneField(OutboundMail, models.PROTECT, null=True, related_name="+")
    language = models.CharField(max_length=10, default="en")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["wave", "contact"], name="invitation_once")]

    def __str__(self) -> str:
        return f"invitation {self.pk}"


class NotAskedQuerySet(OfAccountQuerySet["NotAsked"]):
    """Rows of an account; no words of their own yet."""


class NotAsked(ScopedModel):
    """A contact that a wave left out, and the reason in words that anyone can read."""

    wave = models.ForeignKey(Wave, models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=40, help_text="a key of feedback.invitations.rules.REASONS")

    objects = NotAskedQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["wave", "reason", "id"], name="not_asked_by_reason")]
        constraints = [models.UniqueConstraint(fields=["wave", "contact"], name="not_asked_once")]

    def __str__(self) -> str:
        return self.reason
