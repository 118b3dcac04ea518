"""Pulses: how one of us finds an account, beside the computed score and never inside it; as appended rows."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.lib.scope import ScopedModel
from crm.staff.models import User
from retention.pulses import rules


class PulseQuerySet(OfAccountQuerySet["Pulse"]):
    """Rows of an account; no words of their own yet."""


class Pulse(ScopedModel):
    """How somebody found an account on the UTC day `on`, from 1 (about to leave) to 5 (could not be better), and why.

    The last row by (on, id) holds through `valid_until`; none is edited. `value` null: the pulse before it was taken
    back, and there was none earlier. `by` null: somebody who was never a user here.
    """

    is_said: ClassVar[bool] = True  # what people wrote, who may name somebody: kept out of the record

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    value = models.PositiveSmallIntegerField(
        _("pulse"), null=True, validators=[MinValueValidator(rules.VALUES[0]), MaxValueValidator(rules.VALUES[-1])]
    )
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    on = models.DateField()
    valid_until = models.DateField()
    recorded_at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = PulseQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["account", "-on", "-id"], name="pulse_by_account")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(value=None)
                | models.Q(value__gte=rules.VALUES[0], value__lte=rules.VALUES[-1]) & ~models.Q(reason=""),
                name="pulse_is_1_to_5_with_reason",
            ),
            models.CheckConstraint(condition=models.Q(valid_until__gte=models.F("on")), name="pulse_ends_after_start"),
        ]

    def __str__(self) -> str:
        return f"{self.value} on {self.on}"
