"""Conversations: what was said between a customer and us, who answers, and by when."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from crm.accounts.models import Account, OfAccountQuerySet
from crm.contacts.models import Contact
from crm.conversations.rules import Clock
from crm.lib.scope import ScopedModel
from crm.plans.models import Plan
from crm.staff.models import User


class Channel(models.TextChoices):
    MAIL = "mail", pgettext_lazy("channel", "Mail")
    CALL = "call", pgettext_lazy("channel", "Call")
    MEETING = "meeting", pgettext_lazy("channel", "Meeting")
    CHAT = "chat", pgettext_lazy("channel", "Chat")
    TICKET = "ticket", pgettext_lazy("channel", "Ticket")
    MENTION = "mention", pgettext_lazy("channel", "Social mention")
    NOTE = "note", pgettext_lazy("channel", "Note")


def channel_icon(channel: str) -> str:
    """The kind of line (crm.templatetags.ui.line_icon) that stands for a channel."""
    return "social" if channel == Channel.MENTION else channel


class ConversationState(models.TextChoices):
    OPEN = "open", _("It is our turn")
    WAITING = "waiting", _("Waiting for them")
    CLOSED = "closed", _("Closed")


class ConversationQuerySet(OfAccountQuerySet["Conversation"]):
    def open(self) -> Self:
        """Those in which it is our turn."""
        return self.filter(state=ConversationState.OPEN)

    def running(self) -> Self:
        """Those whose clock is running."""
        return self.open().exclude(since=None)

    def in_danger(self, at: datetime) -> Self:
        """Those whose first answer will be late if nobody answers soon, or is late already."""
        return self.open().filter(warn_at__lte=at)


class Conversation(ScopedModel):
    """One conversation with a customer, in whichever channel; a call or a note is one with a single entry.

    `responder` is the one of us whom the customer hears from; null: nobody yet. The clock (crm.conversations.rules)
    stands in the columns from `asked_at` to `answered_at`; `asked_at` null: nobody waits, as after thanks or in a
    note. `spent_seconds` is open time. `warn_at`: from when on the target is in danger; null: no clock runs.
    `began_at` and `last_at` are when something was said, not when we learned of it; `closed_at` too, and in what
    others recorded it may lie before the first answer.
    """

    # The indexes below begin with these three.
    account = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False, verbose_name=_("account"))
    contact = models.ForeignKey(
        Contact, models.PROTECT, null=True, related_name="+", db_index=False, verbose_name=_("person")
    )
    responder = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", db_index=False, verbose_name=_("who answers")
    )
    external_id = models.CharField(_("external id"), max_length=255, null=True)
    channel = models.CharField(_("channel"), max_length=8, choices=Channel.choices)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    inbound = models.BooleanField(_("they began it"), default=False)
    state = models.CharField(_("state"), max_length=8, choices=ConversationState.choices)
    began_at = models.DateTimeField()
    last_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True)
    target_minutes = models.PositiveIntegerField(null=True)
    spent_seconds = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    warn_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField()

    objects = ConversationQuerySet.as_manager()
    is_said = True  # the subject may name somebody, so the record does not repeat it

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "-last_at", "-id"], name="conversation_by_account"),
            models.Index(
                models.F("due_at").asc(nulls_last=True),
                "id",
                name="conversation_open_by_due",
                condition=models.Q(state="open"),
            ),
            models.Index(
                "responder",
                models.F("due_at").asc(nulls_last=True),
                "id",
                name="conversation_open_by_person",
                condition=models.Q(state="open"),
            ),
            models.Index(
                "account",
                models.F("due_at").asc(nulls_last=True),
                "id",
                name="conversation_open_by_account",
                condition=models.Q(state="open"),
            ),
            # With all that Today asks of them, so that it need not look at the rows.
            models.Index(
                fields=["responder", "warn_at"],
                include=["account", "id"],
                name="conversation_in_danger_of",
                condition=models.Q(state="open"),
            ),
            models.Index(fields=["last_at"], name="conversation_mentions", condition=models.Q(channel="mention")),
            models.Index(fields=["contact"], name="conversation_by_contact", condition=models.Q(contact__isnull=False)),
            models.Index(fields=["-last_at", "-id"], name="conversation_by_time"),
            # By weeks, so that of a word that stands in every other subject the newest are found first.
            GinIndex(
                models.Func("subject", "last_at", function="crm_words_of_week", output_field=SearchVectorField()),
                name="conversation_by_words",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["external_id"], name="conversation_external_id_unique"),
            models.CheckConstraint(condition=models.Q(channel__in=Channel.values), name="conversation_channel_known"),
            models.CheckConstraint(
                condition=models.Q(state__in=ConversationState.values), name="conversation_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(asked_at=None, since=None, due_at=None)
                | models.Q(asked_at__isnull=False, target_minutes__gt=0),
                name="conversation_clock_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(since=None) | models.Q(state="open", answered_at=None),
                name="conversation_clock_runs_while_open",
            ),
        ]

    def __str__(self) -> str:
        return self.subject or str(Channel(self.channel).label)

    @property
    def clock(self) -> Clock | None:
        """None: nobody waits for an answer."""
        if self.asked_at is None or self.target_minutes is None:
            return None
        return Clock(
            asked_at=self.asked_at,
            target=timedelta(minutes=self.target_minutes),
            spent=timedelta(seconds=self.spent_seconds),
            since=self.since,
            due_at=self.due_at,
            answered_at=self.answered_at,
        )


class EntryQuerySet(OfAccountQuerySet["Entry"]):
    account_path: ClassVar[str] = "conversation__account__"


class Entry(ScopedModel):
    """Something that was said in a conversation, in order of `at`. `inbound`: by them, else by `said_by` of us.

    `said_by` null in what they said, and in what a file or a program brought.
    """

    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()
    inbound = models.BooleanField()
    text = models.TextField(_("text"), blank=True)
    said_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = EntryQuerySet.as_manager()
    is_said = True

    class Meta:
        indexes: ClassVar = [models.Index(fields=["conversation", "at", "id"], name="entry_by_conversation")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d}"


class ResponseTarget(models.Model):
    """The open minutes within which a first answer is due, by channel and plan; `plan` null: any other plan.

    No row for a channel: what comes in there has no clock. Of several plans of an account the shortest target holds.
    """

    plan = models.ForeignKey(Plan, models.CASCADE, null=True, related_name="+", verbose_name=_("plan"))
    channel = models.CharField(_("channel"), max_length=8, choices=Channel.choices)
    minutes = models.PositiveIntegerField(_("minutes"))

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["channel", "plan"], name="response_target_once", nulls_distinct=False),
            models.CheckConstraint(condition=models.Q(minutes__range=(1, 60_000)), name="response_target_minutes"),
            models.CheckConstraint(
                condition=models.Q(channel__in=Channel.values), name="response_target_channel_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.minutes} min"
