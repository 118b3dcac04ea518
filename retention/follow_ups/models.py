"""Follow-ups: a word to a customer, drafted with the account's own figures, approved by a person, sent once."""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.contacts.models import Contact
from crm.conversations.models import Conversation
from crm.lib.scope import ScopedModel
from crm.outbox.models import OutboundMail
from crm.staff.models import User
from retention.plays.models import PlayStep


class FollowUpState(models.TextChoices):
    DRAFT = "draft", _("Waiting for approval")
    APPROVED = "approved", _("Approved")
    DISMISSED = "dismissed", _("Not now")
    CANCELLED = "cancelled", _("No longer needed")


class FollowUpQuerySet(OfAccountQuerySet["FollowUp"]):
    def drafts(self) -> Self:
        return self.filter(state=FollowUpState.DRAFT)


class FollowUp(ScopedModel):
    """One personal message. `facts` are the figures the draft was written from, as of `facts_day`.

    Of a play's step, or (`conversation`) the word that an answer will be late. After approval the text lives,
    frozen, in `mail`; this row then only points at it.
    """

    is_said = True  # what people wrote, who may name somebody: kept out of the record

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="+")
    play_step = models.ForeignKey(PlayStep, models.PROTECT, null=True, related_name="+")
    # An index below is by it.
    conversation = models.ForeignKey(Conversation, models.PROTECT, null=True, related_name="+", db_index=False)
    occurrence_on = models.DateField(_("due"))
    owner = models.ForeignKey(User, models.PROTECT, related_name="+", help_text="in whose name it is written")
    subject = models.CharField(_("subject"), max_length=300)
    body = models.TextField(_("text"))
    language = models.CharField(max_length=10, default="en")
    why = models.CharField(max_length=300, help_text="one sentence for the rep: what happened")
    facts = models.JSONField(default=dict)
    facts_day = models.DateField()
    state = models.CharField(max_length=10, choices=FollowUpState.choices, default=FollowUpState.DRAFT)
    state_why = models.CharField(max_length=200, blank=True)  # of an approved one: why in spite of the lint
    revision = models.PositiveSmallIntegerField(
        default=1, help_text="part of the mail's key: a text returned and mended is another mail"
    )
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    mail = models.OneToOneField(OutboundMail, models.PROTECT, null=True, related_name="+")

    objects = FollowUpQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["owner", "occurrence_on"], name="draft_by_owner", condition=models.Q(state="draft")),
            models.Index(fields=["account", "-id"], name="follow_up_by_account"),
            models.Index(
                fields=["conversation"],
                name="follow_up_by_conversation",
                condition=models.Q(conversation__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["play_step", "contact", "occurrence_on"], name="follow_up_once"),
            models.UniqueConstraint(
                fields=["conversation"],
                condition=models.Q(state="draft", conversation__isnull=False),
                name="follow_up_of_conversation_once",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="approved") | models.Q(mail__isnull=False), name="follow_up_approved_has_mail"
            ),
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def is_reply(self) -> bool:
        """Whether it answers their own message: of those the lint only advises, and no budget is asked."""
        return self.conversation_id is not None
