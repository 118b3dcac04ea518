"""What is done about it: signals, playbooks, plays, tasks, follow-ups and outcomes. Mail is never approved here."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from rest_framework import serializers
from rest_framework.decorators import action

from crm.api.bodies import AccountField, Body, Day, Id, RowField, Text
from crm.api.nouns import Asked, OfAccount, Readable, Shape
from crm.staff.models import User
from retention.follow_ups.models import FollowUp, FollowUpState
from retention.outcomes.models import Outcome, OutcomeKind
from retention.playbooks.models import Playbook, Step
from retention.plays.models import Play, PlayStep
from retention.risk_signals.actions import snooze
from retention.risk_signals.models import RiskSignal, SignalKind
from retention.tasks import actions as tasks
from retention.tasks.models import Task


class SignalShape(Shape):
    class Meta:
        model = RiskSignal
        fields = (
            "id", "account", "kind", "subject", "opened_at", "updated_at", "closed_at", "closed_why", "snoozed_until",
            "evidence", "score_version", "score_day",
        )  # fmt: skip


class AskedSignals(OfAccount):
    kind = serializers.ChoiceField(choices=SignalKind.choices, required=False)
    open = serializers.BooleanField(required=False)


class SnoozeBody(Body):
    until = Day()
    why = Text(max_length=200)


class RiskSignals(Readable):
    """Changes worth a person's attention."""

    group = "work"
    serializer_class = SignalShape
    asked = AskedSignals
    takes = {"snooze": SnoozeBody}

    def rows(self) -> Any:
        return RiskSignal.objects.visible_to(self.request.user)

    def narrowed(self, rows: Any, asked: dict[str, Any]) -> Any:
        if "open" in asked:
            asked["closed_at__isnull"] = asked.pop("open")
        return rows.filter(**asked)

    @action(detail=True, methods=["post"], url_path="snooze")
    def snooze(self, request: Any, pk: int) -> Any:
        """Keep a signal out of sight until a day, for a reason that stays on record."""
        row, given = self.rows().select_related("account__owner").get(pk=self.found(pk).pk), self.given()

        def work() -> Any:
            snooze(row, **given, at=request.now, by=request.user)
            return row

        return self.written(work)


class PlaybookShape(Shape):
    class Meta:
        model = Playbook
        fields = ("id", "key", "name", "triggers", "goal", "goal_days", "reentry_days", "is_on")


class Playbooks(Readable):
    """Written recipes: what starts them, and by what they want to be judged."""

    group = "work"
    serializer_class = PlaybookShape

    def rows(self) -> Any:
        return Playbook.objects.all()


class StepShape(Shape):
    class Meta:
        model = Step
        fields = ("id", "playbook", "position", "kind", "title", "template", "after_days")


class AskedSteps(Asked):
    playbook = Id(required=False, source="playbook_id")


class PlaybookSteps(Readable):
    """The steps of playbooks."""

    group = "work"
    serializer_class = StepShape
    asked = AskedSteps

    def rows(self) -> Any:
        return Step.objects.all()


class PlayShape(Shape):
    class Meta:
        model = Play
        fields = (
            "id", "playbook", "account", "entry", "risk_signal", "started_at", "ended_at", "end_reason", "baseline",
        )  # fmt: skip


class AskedPlays(OfAccount):
    playbook = Id(required=False, source="playbook_id")
    running = serializers.BooleanField(required=False, source="ended_at__isnull")


class Plays(Readable):
    """Runs of playbooks on accounts, with the signal that started each."""

    group = "work"
    serializer_class = PlayShape
    asked = AskedPlays

    def rows(self) -> Any:
        return Play.objects.visible_to(self.request.user)


class PlayStepShape(Shape):
    class Meta:
        model = PlayStep
        fields = ("id", "account", "play", "step", "due_at", "state", "settled_at", "why")


class AskedPlaySteps(OfAccount):
    play = Id(required=False, source="play_id")


class PlaySteps(Readable):
    """The steps of plays, and how each was settled."""

    group = "work"
    serializer_class = PlayStepShape
    asked = AskedPlaySteps

    def rows(self) -> Any:
        return PlayStep.objects.visible_to(self.request.user)


# --- tasks -----------------------------------------------------------------------------------------------------------


class TaskShape(Shape):
    class Meta:
        model = Task
        fields = (
            "id", "account", "play_step", "risk_signal", "title", "detail", "assignee", "due_on", "created_at",
            "done_at", "dismissed_at", "dismissed_why",
        )  # fmt: skip


class TaskBody(Body):
    title = Text(max_length=200)
    due_on = Day()
    detail = Text(max_length=5_000, required=False, allow_blank=True)
    assignee = RowField(rows=lambda user: User.objects.all(), required=False, allow_null=True)


class NewTaskBody(TaskBody):
    account = AccountField()


class ReasonBody(Body):
    why = Text(max_length=200)


class NothingBody(Body):
    """Nothing is sent."""


class AskedTasks(OfAccount):
    assignee = Id(required=False, source="assignee_id")
    open = serializers.BooleanField(required=False)


class Tasks(Readable):
    """To-dos of our people. Without an assignee, one is for whoever owns the account."""

    group = "work"
    serializer_class = TaskShape
    asked = AskedTasks
    takes = {
        "create": NewTaskBody, "partial_update": TaskBody, "done": NothingBody, "dismiss": ReasonBody,
        "reopen": NothingBody,
    }  # fmt: skip

    def rows(self) -> Any:
        related = ("account__owner", "play_step", "risk_signal__account__owner", "assignee")
        return Task.objects.visible_to(self.request.user).select_related(*related)

    def narrowed(self, rows: Any, asked: dict[str, Any]) -> Any:
        wanted, is_open = asked.pop("open", None), Q(done_at=None, dismissed_at=None)
        if wanted is not None:
            rows = rows.filter(is_open if wanted else ~is_open)
        return rows.filter(**asked)

    def create(self, request: Any) -> Any:
        """Add a task."""
        given = self.given()
        account = given.pop("account")
        return self.written(lambda: tasks.create_task(account, **given, at=request.now, by=request.user), 201)

    def partial_update(self, request: Any, pk: int) -> Any:
        """Change what is sent of an open task and leave the rest."""
        row, given = self.found(pk), self.given(partial=True)
        held = {name: getattr(row, name) for name in ("title", "due_on", "detail", "assignee")}
        return self.written(lambda: tasks.change_task(row, **held | given, at=request.now, by=request.user))

    @action(detail=True, methods=["post"], url_path="done")
    def done(self, request: Any, pk: int) -> Any:
        """Mark it done; one that is closed already stays as it is."""
        return self._close(pk, tasks.finish_task)

    @action(detail=True, methods=["post"], url_path="dismiss")
    def dismiss(self, request: Any, pk: int) -> Any:
        """Put it aside for a reason; one that is closed already stays as it is."""
        return self._close(pk, tasks.dismiss_task)

    @action(detail=True, methods=["post"], url_path="reopen")
    def reopen(self, request: Any, pk: int) -> Any:
        """Take back that it was done or put aside."""
        return self._close(pk, tasks.reopen_task)

    def _close(self, pk: int, close: Any) -> Any:
        row, given = self.found(pk), self.given()

        def work() -> Any:
            close(row, **given, at=self.request.now, by=self.request.user)
            return row

        return self.written(work)


# --- to be read only -------------------------------------------------------------------------------------------------


class FollowUpShape(Shape):
    class Meta:
        model = FollowUp
        fields = (
            "id", "account", "contact", "play_step", "occurrence_on", "owner", "subject", "body", "language", "why",
            "state", "state_why", "created_at", "decided_at",
        )  # fmt: skip


class AskedFollowUps(OfAccount):
    state = serializers.ChoiceField(choices=FollowUpState.choices, required=False)


class FollowUps(Readable):
    """Words to customers, drafted and decided. A person approves them, in the pages."""

    group = "work"
    serializer_class = FollowUpShape
    asked = AskedFollowUps

    def rows(self) -> Any:
        if not self.request.user.may("read_contact_data"):
            raise PermissionDenied
        return FollowUp.objects.visible_to(self.request.user)


class OutcomeShape(Shape):
    class Meta:
        model = Outcome
        fields = ("id", "account", "play", "kind", "on", "evidence", "recorded_at")


class AskedOutcomes(OfAccount):
    kind = serializers.ChoiceField(choices=OutcomeKind.choices, required=False)


class Outcomes(Readable):
    """What became of accounts after plays."""

    group = "work"
    serializer_class = OutcomeShape
    asked = AskedOutcomes

    def rows(self) -> Any:
        return Outcome.objects.visible_to(self.request.user)
