"""What new customers go through: plans with their editions and milestones, and how far each account has come."""

from typing import Any

from rest_framework.decorators import action

from crm.api.bodies import AccountField, Body, Day, Id, RowField
from crm.api.nouns import Asked, OfAccount, Readable, Shape
from retention.onboarding import actions
from retention.onboarding.models import Milestone, MilestoneReach, Onboarding, OnboardingPlan, OnboardingVersion


class OnboardingPlanShape(Shape):
    class Meta:
        model = OnboardingPlan
        fields = ("id", "name", "plans", "is_active")


class OnboardingPlans(Readable):
    """What customers go through at first. A plan without subscription plans is for all others."""

    group = "onboarding"
    serializer_class = OnboardingPlanShape

    def rows(self) -> Any:
        return OnboardingPlan.objects.prefetch_related("plans")


class OnboardingVersionShape(Shape):
    class Meta:
        model = OnboardingVersion
        fields = ("id", "plan", "number", "starts_from", "lasts_days", "stuck_days", "recorded_at", "recorded_by")


class AskedVersions(Asked):
    plan = Id(required=False, source="plan_id")


class OnboardingVersions(Readable):
    """Editions of plans, each for accounts that begin on a day or later; they never change."""

    group = "onboarding"
    serializer_class = OnboardingVersionShape
    asked = AskedVersions

    def rows(self) -> Any:
        return OnboardingVersion.objects.all()


class MilestoneShape(Shape):
    class Meta:
        model = Milestone
        fields = ("id", "version", "position", "key", "name", "kind", "feature", "amount", "expected_days", "is_value")


class AskedMilestones(Asked):
    version = Id(required=False, source="version_id")


class Milestones(Readable):
    """The milestones of an edition, expected so many days after the start."""

    group = "onboarding"
    serializer_class = MilestoneShape
    asked = AskedMilestones

    def rows(self) -> Any:
        return Milestone.objects.all()


class OnboardingShape(Shape):
    class Meta:
        model = Onboarding
        fields = (
            "id", "account", "version", "started_on", "began_with", "is_by_hand", "recorded_at", "recorded_by",
        )  # fmt: skip


class BeginBody(Body):
    account = AccountField()
    plan = RowField(rows=lambda user: OnboardingPlan.objects.all(), help_text="the onboarding plan")
    started_on = Day(required=False, allow_null=True, default=None, help_text="null: its first day as a customer")


class Onboardings(Readable):
    """Which edition accounts go through, from which day; of an account the newest row holds."""

    group = "onboarding"
    serializer_class = OnboardingShape
    asked = OfAccount
    takes = {"create": BeginBody}

    def rows(self) -> Any:
        return Onboarding.objects.visible_to(self.request.user)

    def create(self, request: Any) -> Any:
        """Say that an account goes through a plan."""
        given = self.given()
        account = given.pop("account")
        return self.written(lambda: actions.begin(account, **given, at=request.now, by=request.user), 201)


class ReachShape(Shape):
    class Meta:
        model = MilestoneReach
        fields = ("id", "account", "milestone", "on", "is_by_hand", "recorded_at", "recorded_by")


class ReachBody(Body):
    account = AccountField()
    milestone = RowField(rows=lambda user: Milestone.objects.all(), help_text="one that is said by hand")
    on = Day(required=False, allow_null=True, default=None, help_text="null: today")


class NothingBody(Body):
    """Nothing needs to be sent."""


class AskedReaches(OfAccount):
    milestone = Id(required=False, source="milestone_id")


class MilestoneReaches(Readable):
    """On which day accounts reached milestones; of an account and milestone the newest row holds (null: it did not)."""

    group = "onboarding"
    serializer_class = ReachShape
    asked = AskedReaches
    takes = {"create": ReachBody, "take_back": NothingBody}

    def rows(self) -> Any:
        return MilestoneReach.objects.visible_to(self.request.user)

    def create(self, request: Any) -> Any:
        """Say by hand that a milestone was reached. What usage shows comes by itself."""
        given = self.given()
        account, milestone = given.pop("account"), given.pop("milestone")
        return self.written(lambda: actions.reach(account, milestone, **given, at=request.now, by=request.user), 201)

    @action(detail=True, methods=["post"], url_path="take-back")
    def take_back(self, request: Any, pk: int) -> Any:
        """Say that it was not reached, by a row of its own."""
        row = self.rows().select_related("account__owner", "milestone").get(pk=self.found(pk).pk)
        self.given()
        return self.written(lambda: actions.take_back(row.account, row.milestone, at=request.now, by=request.user))
