"""Scores: the ledger of judgements, and how every account stands now."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.lib.scope import ScopedModel
from retention.scorecards import rules
from retention.scorecards.models import ScorecardVersion


class Band(models.IntegerChoices):
    UNKNOWN = rules.UNKNOWN, _("unknown")
    LEAVING = rules.LEAVING, _("leaving")
    AT_RISK = rules.AT_RISK, _("at risk")
    STEADY = rules.STEADY, _("steady")
    THRIVING = rules.THRIVING, _("thriving")

    @property
    def word(self) -> str:
        """The name that templates and stylesheets know."""
        return self.name.lower()


class AppendOnly(RuntimeError):
    """Somebody tried to edit or delete a row of the ledger."""


class HealthScoreQuerySet(OfAccountQuerySet["HealthScore"]):
    """Rows of an account; no words of their own yet."""


class HealthScore(ScopedModel):
    """Health of one account on one UTC day, from 0 (leaving) to 1000 tenths of points (thriving).

    Null points: unknown. Written when something changed and weekly, so the score on a day is the last row at
    or before it; of one day the highest revision is the best knowledge. Revision 0 is the score as it stood.
    `hindsight`: written later than on its day. `coverage` is in thousandths of the weight; `low` and `high`
    are the tenths if everything missing were worst or best. The arrays follow the measures of the version by
    position: reading, what it was divided by, tenths of points. A trigger refuses every change; partitioned
    by month; no foreign keys, because nothing else may bind this table to one machine.
    """

    pk = models.CompositePrimaryKey("account_id", "day", "version_id", "revision")
    account = models.ForeignKey(Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    version_id = models.IntegerField()
    day = models.DateField()
    revision = models.SmallIntegerField()
    points = models.SmallIntegerField(null=True)
    coverage = models.SmallIntegerField()
    low = models.SmallIntegerField()
    high = models.SmallIntegerField()
    band = models.SmallIntegerField(choices=Band.choices)
    hindsight = models.BooleanField()
    components = ArrayField(models.SmallIntegerField(null=True))
    values = ArrayField(models.FloatField(null=True))
    bases = ArrayField(models.FloatField(null=True))

    objects = HealthScoreQuerySet.as_manager()

    class Meta:
        db_table = "retention_health_score"

    def __str__(self) -> str:
        return f"{self.account_id} {self.day}: {self.points}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise AppendOnly("The ledger is written by retention.scores.actions alone.")


class ScoreNowQuerySet(OfAccountQuerySet["ScoreNow"]):
    """Rows of an account; no words of their own yet."""


class ScoreNow(ScopedModel):
    """How an account stands, one narrow row for lists; replaced by every run. Units as in the ledger.

    `points_before` and `change` compare with what held on `before_on` under the same version: 28 days earlier, or when
    the account was switched after that (ADR 17); null without such a row. `costliest` is the place, from 1, of the
    measure that costs most points, and `cost` the tenths. `band` is the one that holds: while somebody has set it by
    hand (retention.overrides), `computed_band` is the one that the points come to, else null.
    """

    account = models.OneToOneField(Account, models.DO_NOTHING, primary_key=True, related_name="+", db_constraint=False)
    version_id = models.IntegerField()
    day = models.DateField()
    points = models.SmallIntegerField(null=True)
    coverage = models.SmallIntegerField()
    low = models.SmallIntegerField()
    high = models.SmallIntegerField()
    band = models.SmallIntegerField(choices=Band.choices)
    computed_band = models.SmallIntegerField(choices=Band.choices, null=True)
    points_before = models.SmallIntegerField(null=True)
    before_on = models.DateField(null=True)
    change = models.SmallIntegerField(null=True)
    costliest = models.SmallIntegerField(null=True)
    cost = models.SmallIntegerField(default=0)

    objects = ScoreNowQuerySet.as_manager()

    class Meta:
        db_table = "retention_score_now"
        indexes = [
            models.Index(fields=["points", "account"], name="score_now_worst_first"),
            models.Index(fields=["band", "points", "account"], name="score_now_by_band"),
            models.Index(fields=["change", "account"], name="score_now_by_change"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.points}"

    @property
    def by_points(self) -> int:
        """The band that the points come to."""
        return self.band if self.computed_band is None else self.computed_band


class ScoreReadingQuerySet(OfAccountQuerySet["ScoreReading"]):
    """Rows of an account; no words of their own yet."""


class ScoreReading(ScopedModel):
    """What the score in `ScoreNow` was made of, kept so that percentiles can be ranked anew from it.

    `values` are exact; arrays follow the measures of the version by position, null where missing.
    """

    account = models.OneToOneField(Account, models.DO_NOTHING, primary_key=True, related_name="+", db_constraint=False)
    version_id = models.IntegerField()
    values = ArrayField(models.DecimalField(max_digits=40, decimal_places=9, null=True))
    bases = ArrayField(models.DecimalField(max_digits=40, decimal_places=6, null=True))
    components = ArrayField(models.SmallIntegerField(null=True))

    objects = ScoreReadingQuerySet.as_manager()

    class Meta:
        db_table = "retention_score_reading"

    def __str__(self) -> str:
        return f"{self.account_id}: {self.values}"


class Switch(models.Model):
    """On this day people changed which scorecard judges whom, and a version that ranks has accounts come or go by it.

    A percentile is a place among the accounts of a scorecard, so those who stay have other points without having done
    anything: what they had before the day is not set against what they have from then on.
    """

    version = models.ForeignKey(ScorecardVersion, models.CASCADE, related_name="+")
    day = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "day"], name="switch_once_a_day")]

    def __str__(self) -> str:
        return f"{self.version_id} on {self.day}"


class Standing(models.Model):
    """What all current scores stand for: the day, and fingerprints of features, plans and rates, and of the order.

    One row. When the day or the facts differ, everyone is judged anew; else only accounts whose facts or scorecard
    changed. Where `choice` differs too, whoever moves was switched by people.
    """

    day = models.DateField()
    facts = models.CharField(max_length=32)
    choice = models.CharField(max_length=32, default="", help_text="of the order and its segments; empty: not known")
    through_at = models.DateTimeField(help_text="book facts recorded by then are in the scores")

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="standing_is_one_row")]

    def __str__(self) -> str:
        return str(self.day)
