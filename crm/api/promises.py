"""What was promised to customers, and what became of it."""

from typing import Any

from rest_framework import serializers
from rest_framework.decorators import action

from crm.api.bodies import AccountField, Body, Day, Id, RowField, Text
from crm.api.nouns import OfAccount, Readable, Shape
from crm.contacts.models import Contact
from crm.promises import actions
from crm.promises.models import Promise, PromiseChange, PromiseState
from crm.staff.models import User


class PromiseShape(Shape):
    class Meta:
        model = Promise
        fields = (
            "id", "account", "external_id", "text", "contact", "promised_by", "state", "due_on", "settled_on",
            "created_at",
        )  # fmt: skip


class PromiseChangeShape(Shape):
    class Meta:
        model = PromiseChange
        fields = ("id", "account", "promise", "kind", "on", "due_on", "why", "recorded_at", "recorded_by")


def people(user: User) -> Any:
    return Contact.objects.visible_to(user).filter(erased_at=None).select_related("account")


class MadeBody(Body):
    account = AccountField()
    text = Text(max_length=500, help_text="what was promised, in the words that the customer heard")
    due_on = Day(help_text="in the account's time zone")
    made_on = Day(required=False, allow_null=True, default=None, help_text="when it was promised; null: today")
    contact = RowField(rows=people, required=False, allow_null=True, default=None, help_text="to whom")
    promised_by = RowField(
        rows=lambda user: User.objects.all(), required=False, allow_null=True, default=None, help_text="by whom of us"
    )


class NewPromiseBody(MadeBody):
    external_id = Text(max_length=255, required=False, allow_null=True, default=None)


class KeptBody(Body):
    on = Day(required=False, allow_null=True, default=None, help_text="null: today, where the account is")
    why = Text(max_length=300, required=False, allow_blank=True, default="")


class SettledBody(Body):
    on = Day(required=False, allow_null=True, default=None, help_text="null: today, where the account is")
    why = Text(max_length=300)


class MovedBody(Body):
    due_on = Day()
    why = Text(max_length=300)


class NothingBody(Body):
    """Nothing needs to be sent."""


class AskedPromises(OfAccount):
    state = serializers.ChoiceField(choices=PromiseState.choices, required=False)
    promised_by = Id(required=False, source="promised_by_id")
    due_before = Day(required=False, source="due_on__lt")
    external_id = Text(max_length=255, required=False)


class Promises(Readable):
    """What was promised, by whom, to whom, by when. Its turns stand in promise-changes."""

    group = "promises"
    serializer_class = PromiseShape
    asked = AskedPromises
    takes = {
        "create": NewPromiseBody, "upsert": MadeBody, "keep": KeptBody, "fail": SettledBody, "withdraw": SettledBody,
        "move": MovedBody, "reopen": NothingBody,
    }  # fmt: skip
    upserts = frozenset({"upsert"})

    def rows(self) -> Any:
        return Promise.objects.visible_to(self.request.user).select_related("account__owner")

    def create(self, request: Any) -> Any:
        """Note a promise."""
        given = self.given()
        return self.written(lambda: self._made(given), 201)

    @action(detail=False, methods=["put"], url_path="by-external-id/<path:external_id>")
    def upsert(self, request: Any, external_id: str) -> Any:
        """Note the account's promise of this external id (201), or leave the one that has it as it is (200).

        What was promised stays as it was said: it is moved, settled or made anew.
        """
        given = self.given()
        held = self.rows().filter(account=given["account"], external_id=external_id).first()
        if held is not None:
            return self.written(lambda: held)
        name = Text(max_length=255).run_validation(external_id)
        return self.written(lambda: self._made(given | {"external_id": name}), 201)

    @action(detail=True, methods=["post"], url_path="keep")
    def keep(self, request: Any, pk: int) -> Any:
        """Say that it was kept, in time or late."""
        return self._turned(pk, actions.keep_promise)

    @action(detail=True, methods=["post"], url_path="break")
    def fail(self, request: Any, pk: int) -> Any:
        """Say that it was broken, and why."""
        return self._turned(pk, actions.break_promise)

    @action(detail=True, methods=["post"], url_path="withdraw")
    def withdraw(self, request: Any, pk: int) -> Any:
        """Say that it is no longer wanted, and why: neither kept nor broken."""
        return self._turned(pk, actions.withdraw_promise)

    @action(detail=True, methods=["post"], url_path="move")
    def move(self, request: Any, pk: int) -> Any:
        """Let it be due on another day, and say why."""
        return self._turned(pk, actions.move_promise)

    @action(detail=True, methods=["post"], url_path="reopen")
    def reopen(self, request: Any, pk: int) -> Any:
        """Take back that it was settled."""
        return self._turned(pk, actions.reopen_promise)

    def _made(self, given: dict[str, Any]) -> Any:
        return actions.make_promise(**given, at=self.request.now, by=self.request.user)

    def _turned(self, pk: int, turn: Any) -> Any:
        promise, given = self.found(pk), self.given()
        return self.written(lambda: turn(promise, **given, at=self.request.now, by=self.request.user))


class AskedPromiseChanges(OfAccount):
    promise = Id(required=False, source="promise_id")


class PromiseChanges(Readable):
    """The turns that promises took: made, moved, kept, broken, withdrawn, reopened; the last by day and id holds."""

    group = "promises"
    serializer_class = PromiseChangeShape
    asked = AskedPromiseChanges

    def rows(self) -> Any:
        return PromiseChange.objects.visible_to(self.request.user)
