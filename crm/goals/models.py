"""Goals: why customers bought, in their words, and the measure that shows whether they get it."""

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet, TraitDefinition
from crm.goals import rules
from crm.lib.scope import ScopedModel
from crm.plans.models import Feature
from crm.staff.models import User


class GoalQuerySet(OfAccountQuerySet["Goal"]):
    """Rows of an account; no words of their own yet."""


class Goal(ScopedModel):
    """What a customer wants to reach. Its figure is the use of a feature over 28 days, or a trait that is a number.

    Baseline, target and due day stand in its newest `GoalChange`; progress is computed from them and the figure, and
    is never stored. Another measure is another goal.
    """

    is_said: ClassVar[bool] = True  # what a customer said, who may name somebody: kept out of the record

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    external_id = models.CharField(_("external id"), max_length=255, null=True, blank=True)
    words = models.CharField(_("in their words"), max_length=500)
    feature = models.ForeignKey(Feature, models.PROTECT, null=True, related_name="+", verbose_name=_("feature"))
    trait = models.ForeignKey(TraitDefinition, models.PROTECT, null=True, related_name="+", verbose_name=_("trait"))
    created_at = models.DateTimeField()

    objects = GoalQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "id"], name="goal_by_account"),
            GinIndex(SearchVector("words", config="simple"), name="goal_search"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["account", "external_id"], name="goal_external_id_unique"),
            models.CheckConstraint(
                condition=models.Q(feature=None, trait__isnull=False) | models.Q(feature__isnull=False, trait=None),
                name="goal_has_one_measure",
            ),
        ]

    def __str__(self) -> str:
        return self.words


class GoalTurn(models.TextChoices):
    SET = rules.SET, _("Set")
    CHANGED = rules.CHANGED, _("Changed")
    DROPPED = rules.DROPPED, _("Dropped")
    RESUMED = rules.RESUMED, _("Taken up again")


class GoalChangeQuerySet(OfAccountQuerySet["GoalChange"]):
    """Rows of an account; no words of their own yet."""


class GoalChange(ScopedModel):
    """What a goal asks for from the UTC day `on` on; appended, never edited. The last one by (on, id) holds.

    `baseline` and `target` are in the measure's own unit. `recorded_by` null: a file or a program.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    goal = models.ForeignKey(Goal, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, choices=GoalTurn.choices)
    on = models.DateField()
    baseline = models.DecimalField(_("baseline"), max_digits=20, decimal_places=6)
    target = models.DecimalField(_("target"), max_digits=20, decimal_places=6)
    due_on = models.DateField(_("due"))
    why = models.CharField(max_length=300, blank=True)
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = GoalChangeQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["goal", "-on", "-id"], name="goal_turns"),
            models.Index(fields=["account", "-on", "-id"], name="goal_turns_by_account"),
            BrinIndex(fields=["recorded_at"], name="goal_turn_by_recording"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=GoalTurn.values), name="goal_turn_known"),
            models.CheckConstraint(condition=~models.Q(baseline=models.F("target")), name="goal_has_a_way_to_go"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.on}"


class GoalReadingQuerySet(OfAccountQuerySet["GoalReading"]):
    """Rows of an account; no words of their own yet."""


class GoalReading(ScopedModel):
    """What a goal's figure was on a UTC day, as it stood then: late facts never change it.

    Written when it differs from the last one, and weekly; so the figure on a day is the last row of the seven days
    through it. `value` null: nothing was measured. No foreign keys, as in the score ledger: a trigger refuses every
    change, and a row stays when an import that set its goal is taken back.
    """

    pk = models.CompositePrimaryKey("goal_id", "day")
    goal = models.ForeignKey(Goal, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    account = models.ForeignKey(Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    day = models.DateField()
    value = models.DecimalField(max_digits=40, decimal_places=9, null=True)
    recorded_at = models.DateTimeField()

    objects = GoalReadingQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.value} on {self.day}"
