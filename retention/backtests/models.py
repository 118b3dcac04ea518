"""Back-tests: whether a scorecard would have told who leaves, asked of the past and kept as it was answered."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.staff.models import User
from retention.backtests import rules
from retention.scorecards.models import ScorecardVersion


class State(models.TextChoices):
    WAITING = rules.WAITING, _("Waiting")
    SCORING = rules.SCORING, _("At work")
    DONE = rules.DONE, _("Done")
    FAILED = rules.FAILED, _("Given up")


class Backtest(models.Model):
    """One look at the past by one version. `done` of `goal` days are judged; then `report` holds a horizon each.

    `card`: a fingerprint of the arithmetic that was tested, since a draft goes on changing. Landmarks from `since` on,
    null: all; departures through `reach`, the last day that is known or was asked for. `stood` of `scores` were in the
    ledger as they stood then; the others were judged in hindsight. `attempts` counts starts that came no further.
    `by_segment`: judged were the accounts that the scorecard would have judged on each day; else all of them, since
    its conditions ask for what is kept as it is now only. `problem` is why it was given up, in words.
    """

    version = models.ForeignKey(ScorecardVersion, models.CASCADE, related_name="+")
    horizons = ArrayField(models.PositiveSmallIntegerField())
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    finished_at = models.DateTimeField(null=True)
    card = models.CharField(max_length=64)
    since = models.DateField(null=True)
    reach = models.DateField()
    goal = models.PositiveSmallIntegerField(default=0)
    done = models.PositiveSmallIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    scores = models.PositiveIntegerField(default=0)
    stood = models.PositiveIntegerField(default=0)
    by_segment = models.BooleanField(default=False)
    report = models.JSONField(default=dict)
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["version", "-id"], name="backtest_newest")]
        constraints = [
            models.UniqueConstraint(
                fields=["version"], condition=models.Q(state__in=rules.AT_WORK), name="backtest_one_at_work"
            ),
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="backtest_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.version_id} at {self.asked_at:%Y-%m-%d}"

    @property
    def at_work(self) -> bool:
        return self.state in rules.AT_WORK


class BacktestDay(models.Model):
    """How everybody stood on one past day; gone with the end of the back-test.

    The arrays have a place for each account with a known band. `points` are tenths, `last_use` and `renews_in` days;
    `components` holds as many places for each account as the card has measures, null where missing.
    """

    backtest = models.ForeignKey(Backtest, models.CASCADE, related_name="+")
    day = models.DateField()
    accounts = ArrayField(models.BigIntegerField())
    points = ArrayField(models.SmallIntegerField())
    bands = ArrayField(models.SmallIntegerField())
    last_use = ArrayField(models.IntegerField())
    renews_in = ArrayField(models.BigIntegerField())
    stood = ArrayField(models.BooleanField())
    components = ArrayField(models.SmallIntegerField(null=True))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["backtest", "day"], name="backtest_day_once")]

    def __str__(self) -> str:
        return f"{self.backtest_id} on {self.day}"
