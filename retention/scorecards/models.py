"""Scorecards: how health is judged. Admins edit a draft; a published version never changes."""

from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import TraitDefinition
from crm.plans.models import Feature
from crm.segments.models import Segment
from crm.staff.models import User
from retention.measures import rules as measures
from retention.scorecards import rules

# Words of the default scorecard's rows; the rows keep them in English and pages show them translated.
DEFAULT_WORDS = (
    gettext_noop("Health"),
    gettext_noop("Key features used"),
    gettext_noop("Active people ÷ seats"),
    gettext_noop("Uses per price paid, all features"),
    gettext_noop("key features"),
    gettext_noop("active people"),
    gettext_noop("uses"),
)


class Scorecard(models.Model):
    """A way to judge accounts. They stand in an order: the first one whose segment an account is in judges it.

    The default one has no segment and ends the list. A retired one judges nobody any more; what it said stays.
    """

    name = models.CharField(_("name"), max_length=120, unique=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_default = models.BooleanField(_("default"), default=False)
    segment = models.ForeignKey(
        Segment, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("segment")
    )
    retired_at = models.DateTimeField(_("retired at"), null=True, blank=True)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="scorecard_one_default"
            ),
            models.CheckConstraint(
                condition=models.Q(is_default=False) | models.Q(segment=None, retired_at=None),
                name="scorecard_default_takes_all",
            ),
        ]

    def __str__(self) -> str:
        return gettext(self.name)


class State(models.TextChoices):
    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    DISCARDED = "discarded", _("Discarded")


class ScorecardVersion(models.Model):
    """One edition of a scorecard. Published, it and its rows are fixed by a trigger; the newest one counts.

    Limits are the points from which a band begins; below `at_risk_from` an account is leaving.
    """

    scorecard = models.ForeignKey(Scorecard, models.PROTECT, related_name="+", verbose_name=_("scorecard"))
    number = models.PositiveSmallIntegerField(_("number"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DRAFT)
    minimum_coverage = models.PositiveSmallIntegerField(
        _("minimum coverage, %"), default=50, validators=[MaxValueValidator(100)]
    )
    at_risk_from = models.PositiveSmallIntegerField(_("at risk from"), default=40)
    steady_from = models.PositiveSmallIntegerField(_("steady from"), default=60)
    thriving_from = models.PositiveSmallIntegerField(_("thriving from"), default=80)
    minimum_tenure = models.PositiveSmallIntegerField(_("minimum tenure, days"), default=14)
    published_at = models.DateTimeField(_("published at"), null=True, blank=True)
    published_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("published by")
    )

    class Meta:
        ordering = ["scorecard", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["scorecard", "number"], name="version_number_once"),
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="version_state_known"),
            models.CheckConstraint(condition=models.Q(minimum_coverage__lte=100), name="version_coverage_is_percent"),
            models.CheckConstraint(condition=models.Q(minimum_tenure__gte=1), name="version_tenure_positive"),
            models.CheckConstraint(
                condition=models.Q(at_risk_from__lt=models.F("steady_from"))
                & models.Q(steady_from__lt=models.F("thriving_from"))
                & models.Q(thriving_from__lte=100),
                name="version_limits_ascend",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="published") | models.Q(published_at__isnull=False),
                name="version_published_when",
            ),
        ]

    def __str__(self) -> str:
        return _("%(name)s, version %(number)s") % {"name": self.scorecard, "number": self.number}

    @property
    def is_published(self) -> bool:
        return self.state == State.PUBLISHED

    @property
    def limits(self) -> tuple[int, int, int]:
        return self.at_risk_from, self.steady_from, self.thriving_from


class ScorecardGroup(models.Model):
    """Measures of one version that count as one, with the group's weight."""

    version = models.ForeignKey(ScorecardVersion, models.CASCADE, related_name="+", verbose_name=_("version"))
    name = models.CharField(_("name"), max_length=120)
    weight = models.DecimalField(
        _("weight"), max_digits=8, decimal_places=3, default=1, validators=[MinValueValidator(Decimal("0.001"))]
    )
    takes = models.CharField(
        _("takes"),
        max_length=8,
        default=rules.AVERAGE,
        choices=[
            (rules.AVERAGE, _("the average of its known members")),
            (rules.LOWEST, _("the lowest of its known members")),
            (rules.HIGHEST, _("the highest of its known members")),
        ],
    )

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["version", "name"], name="group_name_once"),
            models.CheckConstraint(condition=models.Q(weight__gt=0), name="group_weight_positive"),
            models.CheckConstraint(
                condition=models.Q(takes__in=[rules.AVERAGE, rules.LOWEST, rules.HIGHEST]), name="group_takes_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ScorecardMeasure(models.Model):
    """One measure of one version, with its scale and weight. `position` is its place in the ledger's arrays.

    `feature` null: all mapped features. `trait`: which one is read, for the kind that reads one. `valid_days` null:
    as its kind says; what is older is missing. `threshold`: for depth, the uses from which a person counts as active.
    `red` and `green` are the readings worth 0 and 100 points; either may be the larger one. On a percentile
    scale only their direction counts. `steps`: pairs of (from value, points), ascending.
    """

    version = models.ForeignKey(ScorecardVersion, models.CASCADE, related_name="+", verbose_name=_("version"))
    key = models.SlugField(_("key"), max_length=60)
    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=24)
    window = models.PositiveSmallIntegerField(
        _("window, days"), default=28, choices=[(days, str(days)) for days in measures.WINDOWS]
    )
    feature = models.ForeignKey(
        Feature, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("feature")
    )
    threshold = models.PositiveIntegerField(_("threshold"), null=True, blank=True)
    trait = models.ForeignKey(
        TraitDefinition, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("trait")
    )
    valid_days = models.PositiveSmallIntegerField(
        _("valid for, days"),
        null=True,
        blank=True,
        help_text=_("What is older counts as missing. Empty: as is usual for its kind."),
    )
    per_price = models.BooleanField(_("per price paid"), default=False)
    scale = models.CharField(
        _("scale"),
        max_length=10,
        default=measures.LINEAR,
        choices=[
            (measures.LINEAR, _("linear between red and green")),
            (measures.STEPS, _("steps")),
            (measures.PERCENTILE, _("percentile among the accounts")),
        ],
    )
    red = models.DecimalField(_("red, worth 0 points"), max_digits=20, decimal_places=6, default=0)
    green = models.DecimalField(_("green, worth 100 points"), max_digits=20, decimal_places=6, default=1)
    steps = ArrayField(
        ArrayField(models.DecimalField(max_digits=20, decimal_places=6), size=2),
        default=list,
        blank=True,
        verbose_name=_("steps"),
    )
    weight = models.DecimalField(
        _("weight"), max_digits=8, decimal_places=3, default=1, validators=[MinValueValidator(Decimal("0.001"))]
    )
    group = models.ForeignKey(
        ScorecardGroup, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("group")
    )
    position = models.PositiveSmallIntegerField(_("position"))
    unit = models.CharField(_("unit"), max_length=40, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="measure_position_once"),
            models.UniqueConstraint(fields=["version", "key"], name="measure_key_once"),
            models.CheckConstraint(condition=models.Q(weight__gt=0), name="measure_weight_positive"),
            models.CheckConstraint(condition=models.Q(window__in=measures.WINDOWS), name="measure_window_known"),
            models.CheckConstraint(
                condition=models.Q(scale__in=[measures.LINEAR, measures.STEPS, measures.PERCENTILE]),
                name="measure_scale_known",
            ),
            models.CheckConstraint(
                condition=~models.Q(scale=measures.LINEAR) | ~models.Q(red=models.F("green")),
                name="measure_red_is_not_green",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The name as pages show it: names of the default scorecard are translated, own ones stay."""
        return gettext(self.name)

    def spec(self) -> measures.Measure:
        """What arithmetic needs of this row. Reads `feature` when one is chosen."""
        return measures.Measure(
            key=self.key,
            kind=self.kind,
            window=self.window,
            feature=self.feature_id,
            counts_amount=self.feature is not None and self.feature.counts_amount,
            threshold=self.threshold,
            per_price=self.per_price,
            scale=self.scale,
            red=self.red,
            green=self.green,
            steps=tuple((limit, worth) for limit, worth in self.steps),
            trait=self.trait_id,
            valid_days=self.valid_days,
        )


def fields_of(row: models.Model) -> dict[str, Any]:
    """The values of a configuration row for the audit, without its own key."""
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if not field.primary_key}
