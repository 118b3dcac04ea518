"""The attention budget: what we may still ask of a contact and an account, and when we may not ask at all."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.contacts.models import Contact
from crm.lib.scope import ScopedModel


class ReservationState(models.TextChoices):
    RESERVED = "reserved", _("Reserved")
    CONFIRMED = "confirmed", _("Confirmed")
    RELEASED = "released", _("Released")


class Reservation(ScopedModel):
    """One mail's share of the budget, taken at approval; counts for 30 days unless released.

    `overdraft`: manual mail that went beyond the limit, which is shown but allowed.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=20, help_text="follow_up, survey, …")
    state = models.CharField(max_length=10, choices=ReservationState.choices, default=ReservationState.RESERVED)
    overdraft = models.BooleanField(default=False)
    at = models.DateTimeField()

    objects = OfAccountQuerySet["Reservation"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "at"], name="reservation_by_account"),
            models.Index(fields=["contact", "at"], name="reservation_by_contact"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.state}"


class Hold(ScopedModel):
    """No asks of this account from `from_at` until `until_at` (null: until somebody lifts it), and why.

    `subject` names the row that caused it, so that the same cause holds once and can be lifted by its cause.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40, help_text="severe_ticket, detractor, outage, payment_dispute")
    subject = models.CharField(max_length=80)
    from_at = models.DateTimeField()
    until_at = models.DateTimeField(null=True)

    objects = OfAccountQuerySet["Hold"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "kind", "subject"], name="hold_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
