"""Consents: what a contact agreed to, on which day, how we know, and in which words."""

from typing import ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import OfAccountQuerySet
from crm.consents import rules
from crm.contacts.models import Contact
from crm.lib.scope import ScopedModel


class Purpose(models.TextChoices):
    INFORMATIONAL = rules.INFORMATIONAL, _("Information about the product")
    SURVEY = rules.SURVEY, _("Surveys")
    ADVERTISING = rules.ADVERTISING, _("Advertising and news")
    REFERRAL = rules.REFERRAL, _("Asks for a referral or review")


class ConsentQuerySet(OfAccountQuerySet["Consent"]):
    account_path: ClassVar[str] = "contact__account__"

    def newest_first(self) -> Self:
        """The first row of each purpose is the last word: by the day it was said, then by when we learned of it."""
        return self.order_by("-on", "-id")


class Consent(ScopedModel):
    """One word of a contact about one purpose: a yes, or a no that withdraws it. Appended, never edited.

    `on` is the day on which the person said it, `wording` the exact text that was agreed to (empty for a no).
    """

    contact = models.ForeignKey(Contact, models.PROTECT, related_name="+")
    purpose = models.CharField(_("purpose"), max_length=16, choices=Purpose.choices)
    given = models.BooleanField(_("given"))
    on = models.DateField(_("on"))
    source = models.CharField(_("source"), max_length=200)
    wording = models.TextField(_("wording"), blank=True)
    recorded_at = models.DateTimeField()

    objects = ConsentQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["contact", "purpose", "-on", "-id"], name="consent_last_word")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(purpose__in=Purpose.values), name="consent_purpose_known"),
            models.CheckConstraint(
                condition=models.Q(given=False) | ~models.Q(wording=""), name="consent_given_in_words"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {'yes' if self.given else 'no'} on {self.on}"
