"""Subscriptions: what an account pays, as appended changes; everything in MRR is derived from these."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.lib.scope import ScopedModel
from crm.plans.models import Plan
from crm.subscriptions import rules


class SubscriptionQuerySet(OfAccountQuerySet["Subscription"]):
    """Rows of an account; no words of their own yet."""


class Subscription(ScopedModel):
    """One line of what an account buys; an account may have several that add up."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("account"))
    external_id = models.CharField(_("external id"), max_length=255)
    plan = models.ForeignKey(Plan, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("plan"))
    created_at = models.DateTimeField()

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "external_id"], name="subscription_external_id_unique"),
        ]

    def __str__(self) -> str:
        return self.external_id


class SubscriptionChangeQuerySet(OfAccountQuerySet["SubscriptionChange"]):
    """Rows of an account; no words of their own yet."""


class SubscriptionChange(ScopedModel):
    """What a subscription is from `effective_on` on, until its next change or `ends_on` (exclusive; null: open).

    Days are UTC. `price` is what one billing period costs after discount; `mrr` = price ÷ billing_months, in
    `currency`, stored as derived so that sums never divide. `seats` null: the product is not sold by the seat.
    Appended, never edited: of two rows for one day the later recorded one holds (`id` breaks a tie).
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="+")
    effective_on = models.DateField(_("from"))
    ends_on = models.DateField(_("until"), null=True, blank=True)
    plan = models.ForeignKey(Plan, models.PROTECT, null=True, related_name="+")
    seats = models.PositiveIntegerField(_("seats"), null=True, blank=True)
    price = models.DecimalField(_("price per billing period"), max_digits=14, decimal_places=2)
    billing_months = models.PositiveSmallIntegerField(_("billing period, months"), default=1)
    currency = models.CharField(_("currency"), max_length=3)
    mrr = models.DecimalField(_("MRR"), max_digits=18, decimal_places=6)
    renews_on = models.DateField(_("renews on"), null=True, blank=True)
    notice_on = models.DateField(_("notice by"), null=True, blank=True)
    recorded_at = models.DateTimeField()

    objects = SubscriptionChangeQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "effective_on"], name="change_by_account"),
            models.Index(fields=["subscription", "effective_on", "id"], name="change_by_subscription"),
            models.Index(fields=["renews_on"], name="change_by_renewal"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_on=None) | models.Q(ends_on__gte=models.F("effective_on")),
                name="change_ends_after_start",
            ),
            models.CheckConstraint(condition=models.Q(price__gte=0), name="change_price_not_negative"),
            models.CheckConstraint(condition=models.Q(billing_months__gte=1), name="change_billing_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.mrr} {self.currency} from {self.effective_on}"


class PaymentKind(models.TextChoices):
    FAILED = rules.FAILED, _("Failed")
    DISPUTED = rules.DISPUTED, _("Disputed")
    SETTLED = rules.SETTLED, _("Settled")


class PaymentQuerySet(OfAccountQuerySet["Payment"]):
    """Rows of an account; no words of their own yet."""


class Payment(ScopedModel):
    """That money failed to come, was disputed, or settled what was open; appended, never edited.

    `on` is a UTC day. `invoice` names the money that a row is about, so that its settlement finds it; empty: the
    subscription's own, whichever. What is open follows from the rows (rules.troubles). `amount` null: not stated.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="+", verbose_name=_("subscription"))
    external_id = models.CharField(_("external id"), max_length=255, null=True, blank=True)
    kind = models.CharField(_("what happened"), max_length=8, choices=PaymentKind.choices)
    on = models.DateField(_("on"))
    invoice = models.CharField(_("invoice"), max_length=255, blank=True)
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=2, null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3)
    why = models.CharField(max_length=300, blank=True)
    recorded_at = models.DateTimeField()

    objects = PaymentQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "-on", "-id"], name="payment_by_account"),
            BrinIndex(fields=["recorded_at"], name="payment_by_recording"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["subscription", "external_id"], name="payment_external_id_unique"),
            models.CheckConstraint(condition=models.Q(kind__in=PaymentKind.values), name="payment_kind_known"),
            models.CheckConstraint(
                condition=models.Q(amount=None) | models.Q(amount__gte=0), name="payment_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.on}"


class ExchangeRate(models.Model):
    """What one unit of `currency` is worth in the reporting currency from `day` on."""

    currency = models.CharField(_("currency"), max_length=3)
    day = models.DateField(_("from"))
    rate = models.DecimalField(_("rate"), max_digits=18, decimal_places=8)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["currency", "day"], name="rate_once"),
            models.CheckConstraint(condition=models.Q(rate__gt=0), name="rate_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.rate} from {self.day}"
