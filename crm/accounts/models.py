"""Accounts: the customer companies, who owns them, and what else we know about them as typed traits."""

from __future__ import annotations

from typing import ClassVar, Self, TypeVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex, OpClass
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from crm.calendars.models import Calendar
from crm.lib.scope import ScopedModel, ScopedQuerySet
from crm.staff.models import Team, User
from crm.staff.queries import scope_of
from crm.staff.rules import MANAGER, NOBODY, OPS_ADMIN

M = TypeVar("M", bound=models.Model, covariant=True)


class OfAccountQuerySet(ScopedQuerySet[M]):
    """Rows that belong to an account: visible to whoever sees the account."""

    account_path: ClassVar[str] = "account__"

    def visible_to(self, user: User) -> Self:
        return self.filter(_visible(self.account_path, user)).scoped(f"user {user.pk}")


class AccountQuerySet(OfAccountQuerySet["Account"]):
    account_path: ClassVar[str] = ""

    def with_mine(self, user: User) -> Self:
        """Say of each account, as `is_mine`, whether the user looks after it now: as its owner, or for its owner."""
        covers = scope_of(user).covers
        mine = models.Q(owner__in=[user.pk, *sorted(covers.users)])
        if covers.pools:
            mine |= models.Q(pool__in=sorted(covers.pools))
        return self.annotate(is_mine=models.ExpressionWrapper(mine, models.BooleanField()))

    def live(self) -> Self:
        """Neither merged away nor gone."""
        return self.filter(merged_into=None).exclude(stage__in=GONE)


def _visible(path: str, user: User) -> models.Q:
    scope = scope_of(user)
    if scope.everything:
        return models.Q()
    if scope.user_id is None:
        return models.Q(pk__in=[])
    # Restricted accounts are for their owner, whoever covers the owner for these too, and the admins above.
    own, unrestricted = [scope.user_id, *sorted(scope.covers.restricted)], models.Q(**{f"{path}restricted": False})
    seen = models.Q(**{f"{path}owner__in": own})
    if scope.everyone:
        return seen | unrestricted
    shared = models.Q()
    if scope.team_id is not None:
        shared |= models.Q(**{f"{path}owner__in": sorted(scope.mates)}) | models.Q(**{f"{path}pool": scope.team_id})
    if scope.covers.users:
        shared |= models.Q(**{f"{path}owner__in": sorted(scope.covers.users)})
    if scope.covers.pools:
        shared |= models.Q(**{f"{path}pool__in": sorted(scope.covers.pools)})
    return seen | (shared & unrestricted) if shared else seen


def writable(user: User, *, covered: bool = True) -> models.Q:
    """What crm.accounts.rules.may_write says, for all accounts at once; only among those that are visible to `user`.

    `covered`: also what the person may write only for somebody who is away.
    """
    if not user.may("write_account"):
        return models.Q(pk__in=[])
    if user.role == OPS_ADMIN:
        return models.Q(pk__isnull=False)
    covers = scope_of(user).covers if covered else NOBODY
    shared = models.Q(owner__in=sorted(covers.users)) | models.Q(pool__in=sorted(covers.pools))
    if user.team_id is not None:
        shared |= models.Q(pool=user.team_id)
        if user.role == MANAGER:
            shared |= models.Q(owner__in=sorted(scope_of(user).mates))
    return models.Q(owner__in=[user.pk, *sorted(covers.restricted)]) | (models.Q(restricted=False) & shared)


class Stage(models.TextChoices):
    TRIAL = "trial", _("Trial")
    ONBOARDING = "onboarding", _("Onboarding")
    LIVE = "live", _("Live")
    CHURNED = "churned", _("Churned")
    LET_GO = "let_go", _("Let go well")


GONE = (Stage.CHURNED, Stage.LET_GO)


class Account(ScopedModel):
    """A customer company. Never deleted: a merged one points at the account that took its place."""

    external_id = models.CharField(_("external id"), max_length=255, unique=True)
    name = models.CharField(_("name"), max_length=255)
    name_at = models.DateTimeField(null=True, help_text="event time of the name, so that late calls do not undo it")
    domains = ArrayField(models.CharField(max_length=253), default=list, blank=True, verbose_name=_("domains"))
    stage = models.CharField(_("stage"), max_length=12, choices=Stage.choices, default=Stage.LIVE)
    segment = models.CharField(_("segment"), max_length=80, blank=True)
    tags = ArrayField(models.CharField(max_length=60), default=list, blank=True, verbose_name=_("tags"))
    time_zone = models.CharField(_("time zone"), max_length=60, default="UTC")
    calendar = models.ForeignKey(
        Calendar, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("calendar"),
        help_text=_("Empty: the default"),
    )  # fmt: skip
    language = models.CharField(_("language"), max_length=10, default="en")
    currency = models.CharField(_("currency"), max_length=3, default="EUR")
    owner = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("owner"))
    pool = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("team"))
    restricted = models.BooleanField(_("restricted"), default=False)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    customer_since = models.DateField(_("customer since"), null=True, blank=True)
    next_step = models.CharField(_("next step"), max_length=200, blank=True)
    next_step_on = models.DateField(_("next step on"), null=True, blank=True)
    created_at = models.DateTimeField()

    objects = AccountQuerySet.as_manager()

    class Meta:
        indexes = [
            GinIndex(SearchVector("name", "external_id", config="simple"), name="account_search"),
            models.Index(OpClass(Lower("name"), "text_pattern_ops"), name="account_name_prefix"),
            models.Index(fields=["owner", "id"], name="account_by_owner"),
            models.Index(Lower("name"), "id", name="account_by_name"),
            models.Index(fields=["customer_since", "id"], name="account_by_tenure"),
            models.Index(fields=["next_step_on", "id"], name="account_by_next_step"),
            GinIndex(fields=["tags"], name="account_by_tag"),
            GinIndex(fields=["domains"], name="account_by_domain"),
            models.Index(fields=["-id"], name="account_tagged", condition=~models.Q(tags=[])),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(stage__in=Stage.values), name="account_stage_known"),
            models.CheckConstraint(
                condition=models.Q(owner=None) | models.Q(pool=None), name="account_owner_is_rep_or_pool"
            ),
            models.CheckConstraint(
                condition=models.Q(merged_into=None) | ~models.Q(merged_into=models.F("id")),
                name="account_not_merged_into_itself",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OwnerChangeQuerySet(OfAccountQuerySet["OwnerChange"]):
    """Rows of an account; no words of their own yet."""


class OwnerChange(ScopedModel):
    """Who owned an account from when on; the row with the latest `from_at` not after t is the owner at t.

    Both null: nobody owned it.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    owner = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    pool = models.ForeignKey(Team, models.PROTECT, null=True, related_name="+")
    from_at = models.DateTimeField()

    objects = OwnerChangeQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["from_at"], name="owner_change_by_time")]
        constraints = [models.UniqueConstraint(fields=["account", "from_at"], name="owner_change_once")]

    def __str__(self) -> str:
        return f"{self.owner or self.pool} from {self.from_at}"


class TagRename(models.Model):
    """A tag that became another one on all accounts at once; these are they, so that it can be taken back.

    `renamed` had the old tag alone, `had_both` had the new one as well.
    """

    old = models.CharField(_("tag"), max_length=60)
    new = models.CharField(_("new name"), max_length=60)
    renamed = ArrayField(models.BigIntegerField(), default=list, blank=True)
    had_both = ArrayField(models.BigIntegerField(), default=list, blank=True)
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.old} → {self.new}"


class TraitType(models.TextChoices):
    TEXT = "text", _("Text")
    NUMBER = "number", _("Number")
    FLAG = "flag", _("Yes or no")
    DATE = "date", _("Date")


class TraitDefinition(models.Model):
    """A custom trait of accounts: its type and unit. A value that does not fit is refused with a reason.

    `proposed` marks one that an SDK's first group call brought; an admin may rename or retype it.
    """

    key = models.CharField(_("key"), max_length=120, unique=True)
    label = models.CharField(_("label"), max_length=120)
    type = models.CharField(_("type"), max_length=8, choices=TraitType.choices)
    unit = models.CharField(_("unit"), max_length=40, blank=True)
    proposed = models.BooleanField(_("proposed by incoming data"), default=False)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(type__in=TraitType.values), name="trait_type_known")]

    def __str__(self) -> str:
        return self.label


class TraitQuerySet(OfAccountQuerySet["Trait"]):
    """Rows of an account; no words of their own yet."""


class Trait(ScopedModel):
    """One value of one trait from an instant on; appended when the value changes, never edited.

    Exactly one of number, text, flag and day is set. `at` is when the fact became true (event time),
    `recorded_at` when we learned of it; a late call adds a row with an older `at` and so wins nothing.
    `confirmed_at`: the newest event time at which a group call gave the same value again; null: none did.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    definition = models.ForeignKey(TraitDefinition, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    number = models.DecimalField(max_digits=30, decimal_places=6, null=True)
    text = models.CharField(max_length=1000, null=True)
    flag = models.BooleanField(null=True)
    day = models.DateField(null=True)

    objects = TraitQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["definition", "account", "-at"], name="trait_by_definition"),
            BrinIndex(fields=["recorded_at"], name="trait_by_recording"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["account", "definition", "at"], name="trait_once"),
            models.CheckConstraint(
                condition=models.expressions.RawSQL(
                    "num_nonnulls(number, text, flag, day) = 1", (), models.BooleanField()
                ),
                name="trait_has_one_value",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.definition_id} from {self.at}"

    @property
    def value(self) -> object:
        """The value, whatever its type."""
        return next(v for v in (self.number, self.text, self.flag, self.day) if v is not None)
