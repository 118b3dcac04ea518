"""Forecasts: what a rep expects of a renewal, as appended rows."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.lib.scope import ScopedModel
from crm.staff.models import User
from retention.forecasts import rules


class Category(models.TextChoices):
    RENEWS = rules.RENEWS, _("Renews")
    GROWS = rules.GROWS, _("Grows")
    AT_RISK = rules.AT_RISK, _("At risk")
    LEAVES = rules.LEAVES, _("Leaves")


class ForecastQuerySet(OfAccountQuerySet["Forecast"]):
    """Rows of an account; no words of their own yet."""


class Forecast(ScopedModel):
    """What somebody expects of the lines of one account that renew on one day. The newest row holds; none is edited.

    `mrr`: what these lines are expected to pay a month afterwards, in `currency`, the reporting currency then; null:
    not stated. `category` empty: the forecast before it was taken back and there was none earlier.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    renews_on = models.DateField(_("renews on"))
    category = models.CharField(_("forecast"), max_length=8, choices=Category.choices, blank=True)
    mrr = models.DecimalField(_("MRR afterwards"), max_digits=18, decimal_places=6, null=True)
    currency = models.CharField(_("currency"), max_length=3)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, related_name="+")

    objects = ForecastQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "renews_on", "-id"], name="forecast_of_renewal"),
            models.Index(fields=["renews_on"], name="forecast_by_day"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(category__in=["", *Category.values]), name="forecast_category_known"
            ),
            models.CheckConstraint(
                condition=models.Q(mrr=None) | models.Q(mrr__gte=0), name="forecast_mrr_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_category_display()} on {self.renews_on}"
