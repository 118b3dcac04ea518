"""How accounts are judged: scorecards, how every account stands, the ledger, and what is expected of renewals."""

from typing import Any

from django.db.models import OuterRef, Subquery
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action

from crm.api.bodies import AccountField, Body, Day, Id, RowField, Text
from crm.api.nouns import Asked, DaysOfOneAccount, OfAccount, Readable, Shape
from crm.plans.models import Feature
from retention.forecasts import actions as forecasts
from retention.forecasts.models import Category, Forecast
from retention.measures.actions import need_again, spare
from retention.measures.models import NotNeeded
from retention.overrides.actions import set_override
from retention.overrides.models import Override
from retention.pulses.actions import record_pulse
from retention.pulses.models import Pulse
from retention.scorecards.models import Scorecard, ScorecardMeasure, ScorecardVersion
from retention.scores.models import Band, HealthScore, ScoreNow

BANDS = [band.word for band in Band]


class Points(serializers.FloatField):
    """Points from 0 (leaving) to 100 (thriving), which are kept in tenths."""

    def to_representation(self, value: Any) -> float:  # type: ignore[override]  # a number, as OpenAPI says
        return float(value) / 10


class Share(serializers.FloatField):
    """A share of the weight from 0 to 1, which is kept in thousandths."""

    def to_representation(self, value: Any) -> float:  # type: ignore[override]  # a number, as OpenAPI says
        return float(value) / 1000


@extend_schema_field({"type": "string", "enum": BANDS})
class BandField(serializers.Field[Any, Any, Any, Any]):
    def to_representation(self, value: Any) -> str:
        return Band(value).word


def with_card(rows: Any) -> Any:
    """Rows of scores with the scorecard that judged, in the same query."""
    versions = ScorecardVersion.objects.filter(pk=OuterRef("version_id"))
    card = Subquery(versions.values("scorecard_id")[:1])
    return rows.annotate(card_id=card, card_name=Subquery(versions.values("scorecard__name")[:1]))


class ScoreShape(serializers.Serializer[Any]):
    account = serializers.IntegerField(source="account_id")
    day = serializers.DateField()
    version = serializers.IntegerField(source="version_id")
    scorecard = serializers.IntegerField(source="card_id", help_text="the one that judged")
    scorecard_name = serializers.CharField(source="card_name")
    points = Points(allow_null=True, help_text="0 (leaving) to 100 (thriving); null: unknown")
    band = BandField()
    coverage = Share(help_text="the share of the weight that is known, 0 to 1")
    low = Points(help_text="if everything missing were worst")
    high = Points(help_text="if everything missing were best")


class ScoreNowShape(ScoreShape):
    band = BandField(help_text="the one that holds: set by hand (overrides) while that lasts, else computed_band")
    computed_band = BandField(source="by_points", help_text="what the points come to")
    points_before = Points(allow_null=True, help_text="28 days earlier, or right after a later switch of scorecards")
    before_on = serializers.DateField(allow_null=True, help_text="the day of points_before")
    change = Points(allow_null=True)


class AskedScores(OfAccount):
    band = serializers.ChoiceField(choices=BANDS, required=False)


class Scores(Readable):
    """How accounts stand now; one is opened by its account's id. Accounts that were never judged have none."""

    group = "health"
    serializer_class = ScoreNowShape
    asked = AskedScores

    def rows(self) -> Any:
        return with_card(ScoreNow.objects.visible_to(self.request.user))

    def narrowed(self, rows: Any, asked: dict[str, Any]) -> Any:
        if "band" in asked:
            asked["band"] = Band(BANDS.index(asked["band"]) + min(Band.values))
        return rows.filter(**asked)


class LedgerShape(ScoreShape):
    revision = serializers.IntegerField(help_text="0: as it stood then; more: late facts or scored again")
    hindsight = serializers.BooleanField(help_text="written later than on its day")


class ScoreDays(DaysOfOneAccount):
    """The ledger: scores of an account by day. A day without a row is as the last one before it."""

    group = "health"
    serializer_class = LedgerShape

    def rows(self) -> Any:
        return with_card(HealthScore.objects.system("of an account that is seen"))


# --- scorecards ------------------------------------------------------------------------------------------------------


class ScorecardShape(Shape):
    class Meta:
        model = Scorecard
        fields = ("id", "name", "position", "is_default", "segment", "retired_at")


class Scorecards(Readable):
    """Ways to judge accounts, asked by position: the first whose segment an account is in judges it. The default one
    takes the rest; a retired one judges nobody."""

    group = "health"
    serializer_class = ScorecardShape

    def rows(self) -> Any:
        return Scorecard.objects.all()


class VersionShape(Shape):
    class Meta:
        model = ScorecardVersion
        fields = (
            "id", "scorecard", "number", "state", "minimum_coverage", "at_risk_from", "steady_from", "thriving_from",
            "minimum_tenure", "published_at", "published_by",
        )  # fmt: skip


class AskedVersions(Asked):
    scorecard = Id(required=False, source="scorecard_id")


class ScorecardVersions(Readable):
    """Editions of scorecards; published ones never change."""

    group = "health"
    serializer_class = VersionShape
    asked = AskedVersions

    def rows(self) -> Any:
        return ScorecardVersion.objects.all()


class MeasureShape(Shape):
    class Meta:
        model = ScorecardMeasure
        fields = (
            "id", "version", "position", "key", "name", "kind", "window", "feature", "threshold", "trait",
            "valid_days", "per_price", "scale",
            "red", "green", "weight", "group", "unit",
        )  # fmt: skip


class AskedMeasures(Asked):
    version = Id(required=False, source="version_id")


class ScorecardMeasures(Readable):
    """The measures of an edition, with their scales and weights."""

    group = "health"
    serializer_class = MeasureShape
    asked = AskedMeasures

    def rows(self) -> Any:
        return ScorecardMeasure.objects.all()


# --- what people say beside it ----------------------------------------------------------------------------------------


class PulseShape(Shape):
    class Meta:
        model = Pulse
        fields = ("id", "account", "value", "reason", "on", "valid_until", "recorded_at", "by")


class PulseBody(Body):
    account = AccountField()
    value = serializers.IntegerField(min_value=1, max_value=5, help_text="1 (about to leave) to 5")
    reason = Text(max_length=300)
    valid_until = Day(required=False, allow_null=True, default=None, help_text="null: as long as the settings say")


class Pulses(Readable):
    """How our people find accounts, beside the score; of one account the newest by day and id holds."""

    group = "health"
    serializer_class = PulseShape
    asked = OfAccount
    takes = {"create": PulseBody}

    def rows(self) -> Any:
        return Pulse.objects.visible_to(self.request.user)

    def create(self, request: Any) -> Any:
        """Say how you find an account today."""
        given = self.given()
        return self.written(lambda: record_pulse(**given, at=request.now, by=request.user), 201)


class NotNeededShape(Shape):
    class Meta:
        model = NotNeeded
        fields = ("id", "account", "feature", "reason", "on", "until", "recorded_at", "by")


class NotNeededBody(Body):
    account = AccountField()
    feature = RowField(rows=lambda user: Feature.objects.all(), help_text="that they do not need")
    reason = Text(max_length=300)
    until = Day(required=False, allow_null=True, default=None, help_text="null: for good")


class NeededBody(Body):
    """Nothing needs to be sent."""


class FeaturesNotNeeded(Readable):
    """Features that leave an account's breadth, unused features and recaps; of one account and feature the newest by
    day and id holds, and without a reason it counts again."""

    group = "health"
    serializer_class = NotNeededShape
    asked = OfAccount
    takes = {"create": NotNeededBody, "need": NeededBody}

    def rows(self) -> Any:
        return NotNeeded.objects.visible_to(self.request.user).select_related("account__owner", "feature")

    def create(self, request: Any) -> Any:
        """Leave a feature out of an account's score."""
        given = self.given()
        return self.written(lambda: spare(**given, at=request.now, by=request.user), 201)

    @action(detail=True, methods=["post"], url_path="need")
    def need(self, request: Any, pk: int) -> Any:
        """Count the feature again from today on."""
        row = self.found(pk)
        self.given()

        def work() -> Any:
            need_again(row.account, feature=row.feature, at=request.now, by=request.user)
            return row

        return self.written(work)


class OverrideShape(Shape):
    band = BandField(allow_null=True, help_text="null: the computed one holds again")

    class Meta:
        model = Override
        fields = ("id", "account", "band", "reason", "on", "until", "recorded_at", "by")


class OverrideBody(Body):
    account = AccountField()
    band = serializers.ChoiceField(choices=BANDS[1:])
    reason = Text(max_length=300)
    until = Day(help_text="the last day on which it holds")


class Overrides(Readable):
    """Bands that somebody set by hand in the place of computed ones; of one account the newest by day and id holds."""

    group = "health"
    serializer_class = OverrideShape
    asked = OfAccount
    takes = {"create": OverrideBody}

    def rows(self) -> Any:
        return Override.objects.visible_to(self.request.user)

    def create(self, request: Any) -> Any:
        """Set an account's band by hand until a day."""
        given = self.given()
        given["band"] = BANDS.index(given["band"]) + min(Band.values)
        return self.written(lambda: set_override(**given, at=request.now, by=request.user), 201)


# --- forecasts -------------------------------------------------------------------------------------------------------


class ForecastShape(Shape):
    class Meta:
        model = Forecast
        fields = ("id", "account", "renews_on", "category", "mrr", "currency", "reason", "at", "by")


class ForecastBody(Body):
    account = AccountField()
    renews_on = Day()
    category = serializers.ChoiceField(choices=Category.choices)
    mrr = serializers.DecimalField(
        max_digits=14, decimal_places=2, min_value=0, required=False, allow_null=True, default=None,
        help_text="a month, in the reporting currency; null: what they pay now",
    )  # fmt: skip
    reason = Text(max_length=300, required=False, allow_blank=True, default="")


class AskedForecasts(OfAccount):
    renews_on = Day(required=False)


class Forecasts(Readable):
    """What is expected of renewals; of one renewal the newest holds."""

    group = "health"
    serializer_class = ForecastShape
    asked = AskedForecasts
    takes = {"create": ForecastBody}

    def rows(self) -> Any:
        return Forecast.objects.visible_to(self.request.user)

    def create(self, request: Any) -> Any:
        """Say what is expected of what renews on a day."""
        given = self.given()
        account, renews_on = given.pop("account"), given.pop("renews_on")
        to_come = {"renews_on": renews_on, "expected": forecasts.Expected(**given)}
        return self.written(lambda: forecasts.record_forecast(account, **to_come, at=request.now, by=request.user), 201)
