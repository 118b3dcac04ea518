"""The attention budget: what we may still ask of a contact and an account, and when we may not ask at all."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.attention.rules import WINDOW
from crm.contacts.models import Contact
from crm.lib.scope import ScopedModel

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class ReservationState(models.TextChoices):
    RESERVED = "reserved", _("Reserved")
    CONFIRMED = "confirmed", _("Confirmed")
    RELEASED = "released", _("Released")


class Refusal(models.TextChoices):
    """Why a mail gets no share of the budget; the label is the sentence that anyone can read."""

    CONTACT_BUDGET = "contact_budget", _("This person has had as many mails from us in 30 days as we allow ourselves.")
    ACCOUNT_BUDGET = (
        "account_budget",
        _("This customer has had as many mails from us in 30 days as we allow ourselves."),
    )
    HELD = "held", _("We ask this customer nothing while something on our side is unsettled.")


class ReservationQuerySet(OfAccountQuerySet["Reservation"]):
    def counting(self, at: datetime) -> Self:
        """What draws on the budget at `at`: reserved, however long ago, or handed over in the window before it."""
        confirmed = models.Q(state=ReservationState.CONFIRMED, at__gt=at - WINDOW)
        return self.filter(models.Q(state=ReservationState.RESERVED) | confirmed)


class Reservation(ScopedModel):
    """One mail's share of the budget. `at` is the approval, and from the handoff on the handoff.

    Reserved it counts until it is settled; confirmed for 30 days; released not at all.
    `overdraft`: manual mail that went beyond the limit, which is shown but allowed.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=20, help_text="follow_up, survey, …")
    state = models.CharField(max_length=10, choices=ReservationState.choices, default=ReservationState.RESERVED)
    overdraft = models.BooleanField(default=False)
    at = models.DateTimeField()

    objects = ReservationQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "at"], name="reservation_by_account"),
            models.Index(fields=["contact", "at"], name="reservation_by_contact"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.state}"


class HoldKind(models.TextChoices):
    SEVERE_TICKET = "severe_ticket", _("a severe ticket is open")
    DETRACTOR = "detractor", _("an unhappy answer waits for our reply")
    OUTAGE = "outage", _("an outage touches them")
    PAYMENT_DISPUTE = "payment_dispute", _("a payment is in dispute")


class HoldQuerySet(OfAccountQuerySet["Hold"]):
    def standing(self, at: datetime) -> Self:
        return self.filter(models.Q(until_at=None) | models.Q(until_at__gt=at), from_at__lte=at)


class Hold(ScopedModel):
    """No asks of this account from `from_at` until `until_at` (null: until somebody lifts it), and why.

    `subject` names the row that caused it, so that the same cause holds once and can be lifted by its cause.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40, help_text="severe_ticket, detractor, outage, payment_dispute")
    subject = models.CharField(max_length=80)
    from_at = models.DateTimeField()
    until_at = models.DateTimeField(null=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "kind", "subject"], name="hold_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"

    @property
    def sentence(self) -> "_StrPromise | str":
        words = dict(HoldKind.choices).get(self.kind, self.kind)
        return _("No asks for now: %(why)s.") % {"why": words}
