"""Onboarding: plans of few milestones, who is in which, and the days on which milestones were reached."""

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.lib.scope import ScopedModel
from crm.plans.models import Feature, Plan
from crm.staff.models import User
from retention.onboarding import rules


class OnboardingPlan(models.Model):
    """What customers go through at first. `plans`: for accounts that begin with one of these; none: for all others.

    A retired one takes no more accounts; those in it go on.
    """

    name = models.CharField(_("name"), max_length=120)
    plans = models.ManyToManyField(Plan, related_name="+", blank=True, verbose_name=_("for accounts that begin with"))
    is_active = models.BooleanField(_("takes accounts"), default=True)
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(Lower("name"), name="onboarding_plan_name_unique")]

    def __str__(self) -> str:
        return self.name


class OnboardingVersion(models.Model):
    """An edition of a plan, never edited, for accounts that begin on `starts_from` or later.

    Who is in onboarding goes on with the edition that it began with, so that a change rewrites nothing.
    """

    plan = models.ForeignKey(OnboardingPlan, models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField()
    starts_from = models.DateField(_("for accounts that begin from"))
    lasts_days = models.PositiveSmallIntegerField(_("over after, in days"))
    stuck_days = models.PositiveSmallIntegerField(_("stuck after, in days"))
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plan", "number"], name="onboarding_version_once"),
            models.CheckConstraint(
                condition=models.Q(lasts_days__gte=1, lasts_days__lte=365, stuck_days__gte=1),
                name="onboarding_version_lasts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan} {self.number}"


class MilestoneKind(models.TextChoices):
    FIRST_USE = rules.FIRST_USE, _("First use of a feature")
    USES = rules.USES, _("So much of a feature")
    MEANINGFUL = rules.MEANINGFUL, _("A feature in meaningful use")
    PEOPLE = rules.PEOPLE, _("So many people")
    HAND = rules.HAND, _("Said by hand")


class Milestone(models.Model):
    """One step of an edition, expected so many days after the start; `key` is the same in all editions of a plan.

    `amount`: since the start, in uses or the feature's unit (uses); the same within 28 days (meaningful); distinct
    people who used anything (people); null: none is needed. `is_value`: with it the customer first gets value.
    """

    version = models.ForeignKey(OnboardingVersion, models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=80)
    name = models.CharField(_("milestone"), max_length=120)
    kind = models.CharField(_("reached by"), max_length=10, choices=MilestoneKind.choices)
    feature = models.ForeignKey(Feature, models.PROTECT, null=True, related_name="+", verbose_name=_("feature"))
    amount = models.PositiveIntegerField(_("how much"), null=True)
    expected_days = models.PositiveSmallIntegerField(_("expected after, in days"))
    is_value = models.BooleanField(_("first value"), default=False)

    class Meta:
        ordering = ["version", "position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="milestone_position_once"),
            models.UniqueConstraint(fields=["version", "key"], name="milestone_key_once"),
            models.UniqueConstraint(
                fields=["version"], condition=models.Q(is_value=True), name="milestone_one_first_value"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=rules.OF_FEATURE, feature__isnull=False)
                | models.Q(kind__in=(rules.PEOPLE, rules.HAND), feature=None),
                name="milestone_feature_fits",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=rules.WITH_AMOUNT, amount__gte=1)
                | models.Q(kind__in=(rules.FIRST_USE, rules.HAND), amount=None),
                name="milestone_amount_fits",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OnboardingQuerySet(OfAccountQuerySet["Onboarding"]):
    """Rows of an account; no words of their own yet."""


class Onboarding(ScopedModel):
    """That an account goes through an edition from a UTC day on; appended, never edited. The newest by id holds.

    It begins with the account's first day as a customer, else with its first paid term; another row corrects it.
    `began_with`: the plan paid for then, by which the edition was chosen; null: none was known. `is_by_hand`: one of
    us said so, and no run says otherwise.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    version = models.ForeignKey(OnboardingVersion, models.PROTECT, related_name="+")
    started_on = models.DateField(_("began on"))
    began_with = models.ForeignKey(Plan, models.PROTECT, null=True, related_name="+")
    is_by_hand = models.BooleanField(default=False)
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = OnboardingQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "-id"], name="onboarding_by_account"),
            models.Index(fields=["started_on"], name="onboarding_by_start"),
        ]

    def __str__(self) -> str:
        return f"{self.version_id} since {self.started_on}"


class MilestoneReachQuerySet(OfAccountQuerySet["MilestoneReach"]):
    """Rows of an account; no words of their own yet."""


class MilestoneReach(ScopedModel):
    """The UTC day on which an account reached a milestone, and when we learned of it; appended, never edited.

    Of the rows recorded by an instant the newest says when it was reached; `on` null: not, after all. Late usage
    moves a day only by another row. `is_by_hand` False: derived from the days of usage.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    milestone = models.ForeignKey(Milestone, models.PROTECT, related_name="+")
    on = models.DateField(_("reached on"), null=True)
    is_by_hand = models.BooleanField(default=False)
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = MilestoneReachQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["account", "milestone", "-id"], name="reach_by_account")]

    def __str__(self) -> str:
        return f"{self.milestone_id} on {self.on}"
