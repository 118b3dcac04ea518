"""Why customers bought, and how far they have come."""

from datetime import date
from typing import Any

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from crm.accounts.models import TraitDefinition
from crm.api.bodies import AccountField, Body, Day, Id, RowField, Text
from crm.api.nouns import OfAccount, Readable, Shape
from crm.goals import actions, rules
from crm.goals.models import Goal, GoalChange
from crm.goals.queries import progress_on
from crm.plans.models import Feature

STANDINGS = [rules.REACHED, rules.ON_TRACK, rules.BEHIND, rules.MISSED, rules.UNKNOWN, rules.DROPPED]


class ProgressShape(serializers.Serializer[Any]):
    """How far a goal had come at the end of a day, by the terms that held then."""

    day = serializers.DateField()
    baseline = serializers.DecimalField(max_digits=20, decimal_places=6)
    target = serializers.DecimalField(max_digits=20, decimal_places=6)
    due_on = serializers.DateField()
    value = serializers.FloatField(allow_null=True, help_text="of the figure that shows it; null: nothing was measured")
    share = serializers.FloatField(allow_null=True, help_text="of the way: 0 where it began, 1 when reached")
    standing = serializers.ChoiceField(choices=STANDINGS)
    hindsight = serializers.BooleanField(help_text="worked out later, since nothing was kept on that day")


class GoalShape(Shape):
    progress = ProgressShape(allow_null=True, read_only=True, help_text="null: it was not set by that day")

    class Meta:
        model = Goal
        fields = ("id", "account", "external_id", "words", "feature", "trait", "created_at", "progress")


class GoalChangeShape(Shape):
    class Meta:
        model = GoalChange
        fields = (
            "id", "account", "goal", "kind", "on", "baseline", "target", "due_on", "why", "recorded_at", "recorded_by",
        )  # fmt: skip


def figure(**more: Any) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=20, decimal_places=6, **more)


class GoalBody(Body):
    account = AccountField()
    words = Text(max_length=500, help_text="why they bought, in their words")
    feature = RowField(
        rows=lambda user: Feature.objects.all(), required=False, allow_null=True, default=None,
        help_text="whose use over 28 days shows it; this or a trait",
    )  # fmt: skip
    trait = RowField(
        rows=lambda user: TraitDefinition.objects.all(), required=False, allow_null=True, default=None,
        help_text="a number that shows it",
    )  # fmt: skip
    target = figure()
    baseline = figure(required=False, allow_null=True, default=None, help_text="null: what is measured on set_on")
    due_on = Day()
    set_on = Day(required=False, allow_null=True, default=None, help_text="null: today")


class NewGoalBody(GoalBody):
    external_id = Text(max_length=255, required=False, allow_null=True, default=None)


class ChangeBody(Body):
    target = figure()
    due_on = Day()
    baseline = figure(required=False, allow_null=True, default=None, help_text="null: it stays")
    why = Text(max_length=300)


class DropBody(Body):
    why = Text(max_length=300)


class NothingBody(Body):
    """Nothing needs to be sent."""


class AskedGoals(OfAccount):
    external_id = Text(max_length=255, required=False)
    day = Day(required=False, help_text="progress as it stood at the end of that day; left out: today")


class Goals(Readable):
    """Why customers bought, and how far they have come. Terms stand in goal-changes."""

    group = "goals"
    serializer_class = GoalShape
    asked = AskedGoals
    upserts = frozenset({"upsert"})
    takes = {
        "create": NewGoalBody, "upsert": GoalBody, "change": ChangeBody, "drop": DropBody, "resume": NothingBody,
    }  # fmt: skip

    def rows(self) -> Any:
        return Goal.objects.visible_to(self.request.user).select_related("account__owner")

    def narrowed(self, rows: Any, asked: dict[str, Any]) -> Any:
        asked.pop("day", None)
        return rows.filter(**asked)

    def paginate_queryset(self, queryset: Any) -> Any:
        found = super().paginate_queryset(queryset)
        self._measure(found, self.query.get("day"))
        return found

    def shown(self, row: Any, status: int = 200) -> Response:
        self._measure([row], None)
        return super().shown(row, status)

    def _measure(self, goals: Any, day: date | None) -> None:
        """Give each goal its progress; one query for all of them."""
        accounts, today = {goal.account.merged_into_id or goal.account_id for goal in goals}, self.request.now.date()
        stood = day is not None and day < today
        held = {each.goal_id: each for each in progress_on(day or today, accounts=accounts, stood=stood)}
        for goal in goals:
            goal.progress = held.get(goal.pk)

    def create(self, request: Any) -> Any:
        """Set a goal."""
        given = self.given()
        return self.written(lambda: self._set(given), 201)

    @action(detail=False, methods=["put"], url_path="by-external-id/<path:external_id>")
    def upsert(self, request: Any, external_id: str) -> Any:
        """Set the account's goal of this external id (201), or leave the one that has it as it is (200)."""
        given = self.given()
        held = self.rows().filter(account=given["account"], external_id=external_id).first()
        if held is not None:
            return self.written(lambda: held)
        name = Text(max_length=255).run_validation(external_id)
        return self.written(lambda: self._set(given | {"external_id": name}), 201)

    @action(detail=True, methods=["post"], url_path="change")
    def change(self, request: Any, pk: int) -> Any:
        """Agree on other terms from today on, and say why."""
        return self._turned(pk, actions.change_goal)

    @action(detail=True, methods=["post"], url_path="drop")
    def drop(self, request: Any, pk: int) -> Any:
        """Say that they no longer want it, and why."""
        return self._turned(pk, actions.drop_goal)

    @action(detail=True, methods=["post"], url_path="resume")
    def resume(self, request: Any, pk: int) -> Any:
        """Take back that it was dropped."""
        return self._turned(pk, actions.resume_goal)

    def _set(self, given: dict[str, Any]) -> Any:
        return actions.set_goal(**given, at=self.request.now, by=self.request.user)

    def _turned(self, pk: int, turn: Any) -> Any:
        goal, given = self.found(pk), self.given()

        def work() -> Any:
            turn(goal, **given, at=self.request.now, by=self.request.user)
            return goal

        return self.written(work)


class AskedGoalChanges(OfAccount):
    goal = Id(required=False, source="goal_id")


class GoalChanges(Readable):
    """What goals ask for from which day on; the last by day and id holds."""

    group = "goals"
    serializer_class = GoalChangeShape
    asked = AskedGoalChanges

    def rows(self) -> Any:
        return GoalChange.objects.visible_to(self.request.user)
