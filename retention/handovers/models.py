"""Handovers: an account that changed hands, and whether the one who took it has read what that means."""

from typing import ClassVar, Self

from django.db import models

from crm.accounts.models import Account, OfAccountQuerySet, OwnerChange
from crm.lib.scope import ScopedModel
from crm.staff.models import User


class HandoverQuerySet(OfAccountQuerySet["Handover"]):
    def unread(self) -> Self:
        """Not read yet, by an owner who still has the account."""
        return self.filter(read_at=None, account__owner=models.F("taker"))


class Handover(ScopedModel):
    """One change of owner after the first, made by the rows it points at. `giver` null: a pool, or nobody.

    `moved` counts the drafts and the approved mails, back as drafts, that came along; `read_at` null: not read yet.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    change = models.OneToOneField(OwnerChange, models.PROTECT, related_name="+")
    giver = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    taker = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    moved = models.PositiveIntegerField(default=0)
    read_at = models.DateTimeField(null=True)

    objects = HandoverQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "-id"], name="handover_by_account"),
            models.Index(fields=["taker", "-id"], name="handover_unread", condition=models.Q(read_at=None)),
        ]

    def __str__(self) -> str:
        return f"to {self.taker_id} at {self.at}"
