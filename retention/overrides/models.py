"""Overrides: a band that one of us sets in the place of the computed one, for a reason and until a day; appended."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.lib.scope import ScopedModel
from crm.staff.models import User
from retention.scorecards import rules


class OverrideBand(models.IntegerChoices):
    """What an account can be said to be; nobody says that it is unknown."""

    LEAVING = rules.LEAVING, _("leaving")
    AT_RISK = rules.AT_RISK, _("at risk")
    STEADY = rules.STEADY, _("steady")
    THRIVING = rules.THRIVING, _("thriving")


class OverrideQuerySet(OfAccountQuerySet["Override"]):
    """Rows of an account; no words of their own yet."""


class Override(ScopedModel):
    """The band that holds from the UTC day `on` through `until`, whatever the score comes to; the points stay computed.

    The last row by (on, id) holds; none is edited. `band` null: none from then on. `by` null: a file did not say.
    """

    is_said: ClassVar[bool] = True  # what people wrote, who may name somebody: kept out of the record

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    band = models.SmallIntegerField(_("health"), null=True, choices=OverrideBand.choices)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    on = models.DateField()
    until = models.DateField(_("until"))
    recorded_at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = OverrideQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "-on", "-id"], name="override_by_account"),
            models.Index(fields=["recorded_at"], name="override_by_time"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(band=None) | models.Q(band__in=OverrideBand.values) & ~models.Q(reason=""),
                name="override_has_band_and_reason",
            ),
            models.CheckConstraint(condition=models.Q(until__gte=models.F("on")), name="override_ends_after_start"),
        ]

    def __str__(self) -> str:
        return f"{self.band} until {self.until}"
