"""Filters that people keep, and the figures of accounts that lists are filtered and sorted by."""

from __future__ import annotations

from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.lib.scope import ScopedModel
from crm.staff.models import User


class AccountFiguresQuerySet(OfAccountQuerySet["AccountFigures"]):
    """Rows of an account; no words of their own yet."""


class AccountFigures(ScopedModel):
    """What an account pays and does, one narrow row to filter and sort by; as of `day`, replaced by every run.

    Pages print what is paid from the subscriptions themselves: a row here may be a minute behind. `mrr` is in the
    reporting currency, null: nothing is paid, or a rate is missing. `last_use_on` null: no use is known.
    `uses_28`: uses over [day − 28, day), null: the windows do not hold 28 days.
    """

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True, related_name="+")
    day = models.DateField()
    mrr = models.DecimalField(max_digits=24, decimal_places=6, null=True)
    seats = models.BigIntegerField(null=True)
    renews_on = models.DateField(null=True)
    notice_on = models.DateField(null=True)
    plan_ids = ArrayField(models.BigIntegerField(), default=list)
    last_use_on = models.DateField(null=True)
    uses_28 = models.BigIntegerField(null=True)

    objects = AccountFiguresQuerySet.as_manager()

    class Meta:
        db_table = "crm_account_figures"
        indexes = [
            models.Index(fields=["mrr", "account"], name="figures_by_mrr"),
            models.Index(fields=["renews_on", "account"], name="figures_by_renewal"),
            models.Index(fields=["last_use_on", "account"], name="figures_by_last_use"),
            models.Index(fields=["uses_28", "account"], name="figures_by_uses"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} on {self.day}"


class Shared(models.TextChoices):
    OWN = "own", _("only me")
    TEAM = "team", _("my team")
    EVERYONE = "everyone", _("everyone")


class KeptQuerySet(models.QuerySet[Any, Any]):
    def visible_to(self, user: User) -> Self:
        """The own ones, the team's and everyone's that have not been deleted."""
        shared = models.Q(shared=Shared.EVERYONE)
        if user.team_id is not None:
            shared |= models.Q(shared=Shared.TEAM, owner__team=user.team_id)
        return self.filter(models.Q(owner=user.pk) | shared, deleted_at=None)

    def changeable_by(self, user: User) -> Self:
        """What `Kept.may_change` says, deleted ones too."""
        own = models.Q(owner=user.pk)
        return self.filter(own | ~models.Q(shared=Shared.OWN) if user.may("configure") else own)


class Kept(models.Model):
    """Something that a person keeps under a name, alone or for others. Deleted rows stay, so that it can be undone."""

    is_said = True  # what people wrote, who may name somebody: kept out of the record

    name = models.CharField(_("name"), max_length=80)
    owner = models.ForeignKey(User, models.PROTECT, related_name="+")
    shared = models.CharField(_("for"), max_length=10, choices=Shared.choices, default=Shared.OWN)
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    objects = KeptQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    def may_change(self, user: User) -> bool:
        """Whoever made it; and what is shared also whoever may configure."""
        return self.owner_id == user.pk or (self.shared != Shared.OWN and user.may("configure"))


class Segment(Kept):
    """A named filter. `tree` is what crm.segments.rules.as_json writes."""

    tree = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"], condition=models.Q(deleted_at=None), name="segment_name_unique"
            ),
            models.CheckConstraint(condition=models.Q(shared__in=Shared.values), name="segment_shared_known"),
        ]


class SavedView(Kept):
    """A named state of the portfolio: `query` is its whole address behind the question mark."""

    query = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"], condition=models.Q(deleted_at=None), name="saved_view_name_unique"
            ),
            models.CheckConstraint(condition=models.Q(shared__in=Shared.values), name="saved_view_shared_known"),
        ]


def may_share(user: User, shared: str) -> bool:
    """Managers share with their team, ops with everyone."""
    wanted = {Shared.OWN: "read", Shared.TEAM: "reassign", Shared.EVERYONE: "configure"}[Shared(shared)]
    return user.may(wanted)
