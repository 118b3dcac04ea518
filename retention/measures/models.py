"""What a customer does not need of what it pays for: marked by one of us, per feature, as appended rows."""

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.lib.scope import ScopedModel
from crm.plans.models import Feature
from crm.staff.models import User


class NotNeededQuerySet(OfAccountQuerySet["NotNeeded"]):
    """Rows of an account; no words of their own yet."""


class NotNeeded(ScopedModel):
    """A feature that an account does not need from the UTC day `on` through `until` (null: for good), and why.

    It then leaves breadth, unused features and recaps. The last row by (on, id) of an account and feature holds; none
    is edited. `reason` empty: it is needed again. `by` null: a file did not say.
    """

    is_said: ClassVar[bool] = True  # what people wrote, who may name somebody: kept out of the record

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    feature = models.ForeignKey(Feature, models.PROTECT, related_name="+", verbose_name=_("feature"))
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    on = models.DateField()
    until = models.DateField(_("until"), null=True)
    recorded_at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = NotNeededQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "feature", "-on", "-id"], name="not_needed_by_account"),
            BrinIndex(fields=["recorded_at"], name="not_needed_by_recording"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(until=None) | models.Q(until__gte=models.F("on")), name="not_needed_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feature_id} from {self.on}"
