"""What customers buy, and what the product does. Both are configuration."""

from typing import Any

from django.core.validators import validate_slug
from rest_framework import serializers
from rest_framework.decorators import action

from crm.api.bodies import Body, Text
from crm.api.nouns import Asked, Readable, Shape, missing
from crm.plans import actions
from crm.plans.models import Feature, Plan

LARGEST = 2_147_483_647


class FeatureShape(Shape):
    class Meta:
        model = Feature
        fields = ("id", "key", "name", "is_key", "counts_amount", "unit", "threshold")


class FeatureBody(Body):
    name = Text(max_length=120, required=False)
    is_key = serializers.BooleanField(required=False)
    counts_amount = serializers.BooleanField(required=False)
    unit = Text(max_length=40, allow_blank=True, required=False)
    threshold = serializers.IntegerField(min_value=1, max_value=LARGEST, required=False)


class NewFeatureBody(FeatureBody):
    key = Text(max_length=80, validators=[validate_slug])
    name = Text(max_length=120)


class AskedFeatures(Asked):
    key = Text(max_length=80, required=False)


class Features(Readable):
    """What the product does, fed by named events."""

    group = "plans"
    serializer_class = FeatureShape
    asked = AskedFeatures
    takes = {"create": NewFeatureBody, "partial_update": FeatureBody}

    def rows(self) -> Any:
        return Feature.objects.all()

    def create(self, request: Any) -> Any:
        """Add a feature; map its events in the pages."""
        given = self.given()
        return self.written(lambda: actions.create_feature(**given, at=request.now, by=request.user), 201)

    def partial_update(self, request: Any, pk: int) -> Any:
        """Change what is sent and leave the rest; the key stays."""
        row, given = self.found(pk), self.given(partial=True)
        return self.written(lambda: actions.change_feature(row, **given, at=request.now, by=request.user))


class PlanShape(Shape):
    features = serializers.SerializerMethodField(help_text="the keys of what it includes")

    class Meta:
        model = Plan
        fields = ("id", "external_id", "name", "includes_everything", "features")

    def get_features(self, row: Any) -> list[str]:
        return sorted(feature.key for feature in row.features.all())


class PlanBody(Body):
    name = Text(max_length=120, required=False)
    includes_everything = serializers.BooleanField(required=False)
    features = serializers.ListField(child=Text(max_length=80), max_length=1_000, required=False, help_text="by key")

    def validate_features(self, keys: list[str]) -> list[Feature]:
        found = {row.key: row for row in Feature.objects.filter(key__in=keys)}
        if unknown := [key for key in keys if key not in found]:
            raise serializers.ValidationError(f"There is no feature “{unknown[0]}”.")
        return list(found.values())


class NewPlanBody(PlanBody):
    external_id = Text(max_length=255)
    name = Text(max_length=120)


class AskedPlans(Asked):
    external_id = Text(max_length=255, required=False)


class Plans(Readable):
    """What customers buy, with the features that each includes."""

    group = "plans"
    serializer_class = PlanShape
    asked = AskedPlans
    upserts = frozenset({"upsert"})
    takes = {"create": NewPlanBody, "partial_update": PlanBody, "upsert": PlanBody}

    def rows(self) -> Any:
        return Plan.objects.prefetch_related("features")

    def create(self, request: Any) -> Any:
        """Add a plan."""
        given = self.given()
        return self.written(lambda: actions.create_plan(**given, at=request.now, by=request.user), 201)

    def partial_update(self, request: Any, pk: int) -> Any:
        """Change what is sent and leave the rest; `features` replaces the whole list."""
        row, given = self.found(pk), self.given(partial=True)
        return self.written(lambda: actions.change_plan(row, **given, at=request.now, by=request.user))

    @action(detail=False, url_path="by-external-id/<path:external_id>")
    def by_external_id(self, request: Any, external_id: str) -> Any:
        """One plan by the id of your own systems."""
        return self.shown(self.rows().get(external_id=external_id))

    @by_external_id.mapping.put
    def upsert(self, request: Any, external_id: str) -> Any:
        """Add the plan of this external id (201), or change what is sent of the one that has it (200)."""
        given, row = self.given(partial=True), self.rows().filter(external_id=external_id).first()
        if row is not None:
            return self.written(lambda: actions.change_plan(row, **given, at=request.now, by=request.user))
        if "name" not in given:
            raise missing("name")
        given["external_id"] = Text(max_length=255).run_validation(external_id)
        return self.written(lambda: actions.create_plan(**given, at=request.now, by=request.user), 201)
