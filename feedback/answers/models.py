"""Answers: what customers said, one per invitation."""

from typing import Self

from django.db import models

from crm.accounts.models import Account, OfAccountQuerySet
from crm.contacts.models import Contact
from crm.lib.scope import ScopedModel
from feedback.invitations.models import Invitation


class AnswerQuerySet(OfAccountQuerySet["Answer"]):
    def detractors(self) -> Self:
        return self.filter(score__lte=6, set_aside="")


class Answer(ScopedModel):
    """0 (not at all likely) to 10 (certainly), with the reason in the customer's words. Editable for 24 hours.

    `set_aside` non-empty: not counted (a scanner, our own network), with the reason.
    """

    invitation = models.OneToOneField(Invitation, models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="+")
    score = models.PositiveSmallIntegerField()
    comment = models.TextField(blank=True)
    answered_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True)
    set_aside = models.CharField(max_length=40, blank=True)

    objects = AnswerQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["account", "-answered_at"], name="answer_by_account")]
        constraints = [models.CheckConstraint(condition=models.Q(score__lte=10), name="answer_score_0_to_10")]

    def __str__(self) -> str:
        return f"{self.score} on {self.answered_at:%Y-%m-%d}"
