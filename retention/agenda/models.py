"""The agenda: what waits on an account, put off until a day for a reason."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.lib.scope import ScopedModel
from crm.staff.models import User


class PutOffQuerySet(OfAccountQuerySet["PutOff"]):
    """Rows of an account; no words of their own yet."""


class PutOff(ScopedModel):
    """Whatever waited on an account at `at` stays out of Today until the day `until`, or until it is taken back.

    What begins later shows all the same: a reason for not calling is no reason for not hearing of an angry answer.
    """

    is_said = True  # what people wrote, who may name somebody: kept out of the record

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    until = models.DateField(_("until"))
    why = models.CharField(max_length=200)
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    taken_back_at = models.DateTimeField(null=True)

    objects = PutOffQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "-id"], name="put_off", condition=models.Q(taken_back_at=None)),
        ]

    def __str__(self) -> str:
        return f"until {self.until}: {self.why}"
