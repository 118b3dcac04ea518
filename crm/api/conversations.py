"""What customers and we said to each other, who answers, and by when."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from rest_framework import serializers
from rest_framework.decorators import action

from crm.api.bodies import AccountField, Body, Id, RowField, Text
from crm.api.nouns import OfAccount, Readable, Shape
from crm.contacts.models import Contact
from crm.conversations import actions
from crm.conversations.emails import who_answers
from crm.conversations.models import Channel, Conversation, ConversationState, Entry, ResponseTarget
from crm.plans.models import Plan
from crm.staff.models import User

TEXT_LIMIT = 20_000


class ConversationShape(Shape):
    due_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="by when a first answer is due; null: no clock runs"
    )
    tell = serializers.SerializerMethodField(
        help_text="what to show the customer, in their language and zone: who answers, and by when; empty: nobody is "
        "named, or nobody waits"
    )

    def get_tell(self, row: Conversation) -> str:
        return who_answers(row, self.context["request"].now)

    class Meta:
        model = Conversation
        fields = (
            "id", "account", "external_id", "channel", "subject", "contact", "inbound", "responder", "state",
            "began_at", "last_at", "target_minutes", "due_at", "tell", "answered_at", "closed_at", "recorded_at",
        )  # fmt: skip


class EntryShape(Shape):
    class Meta:
        model = Entry
        fields = ("id", "conversation", "at", "inbound", "text", "said_by")


def people(user: User) -> Any:
    return Contact.objects.visible_to(user).filter(erased_at=None).select_related("account")


class SaidBody(Body):
    text = Text(max_length=TEXT_LIMIT)
    said_at = serializers.DateTimeField(required=False, allow_null=True, default=None, help_text="null: now")


class ConversationBody(Body):
    account = AccountField()
    channel = serializers.ChoiceField(choices=Channel.choices)
    text = Text(max_length=TEXT_LIMIT, required=False, allow_blank=True, default="")
    subject = Text(max_length=200, required=False, allow_blank=True, default="")
    contact = RowField(rows=people, required=False, allow_null=True, default=None, help_text="who of them")
    said_at = serializers.DateTimeField(required=False, allow_null=True, default=None, help_text="null: now")
    inbound = serializers.BooleanField(required=False, default=True, help_text="they began it; false: it is logged")
    needs_answer = serializers.BooleanField(
        required=False, default=True, help_text="false: thanks or praise, for which no clock runs"
    )


class NewConversationBody(ConversationBody):
    external_id = Text(max_length=255, required=False, allow_null=True, default=None)


class AssignedBody(Body):
    responder = RowField(rows=lambda user: User.objects.filter(is_active=True))


class NothingBody(Body):
    """Nothing needs to be sent."""


class AskedConversations(OfAccount):
    state = serializers.ChoiceField(choices=ConversationState.choices, required=False)
    responder = Id(required=False, source="responder_id")
    external_id = Text(max_length=255, required=False)
    due_before = serializers.DateTimeField(required=False, source="due_at__lt")


class Conversations(Readable):
    """Mail, calls, meetings, chats, tickets, mentions and notes. What was said stands in conversation-entries."""

    group = "conversations"
    serializer_class = ConversationShape
    asked = AskedConversations
    takes = {
        "create": NewConversationBody, "upsert": ConversationBody, "answer": SaidBody, "hear": SaidBody,
        "assign": AssignedBody, "wait": NothingBody, "close": NothingBody, "reopen": NothingBody,
    }  # fmt: skip
    upserts = frozenset({"upsert"})

    def rows(self) -> Any:
        rows = Conversation.objects.visible_to(self.request.user)
        return rows.select_related("account__owner", "contact", "responder")

    def create(self, request: Any) -> Any:
        """Take in what a customer said, which starts the clock, or log what is over."""
        given = self.given()
        return self.written(lambda: self._begun(given), 201)

    @action(detail=False, methods=["put"], url_path="by-external-id/<path:external_id>")
    def upsert(self, request: Any, external_id: str) -> Any:
        """Take in the account's conversation of this external id (201), or leave the one that has it as it is (200).

        What is said in it further is heard and answered.
        """
        given = self.given()
        held = self.rows().filter(account=given["account"], external_id=external_id).first()
        if held is not None:
            return self.written(lambda: held)
        name = Text(max_length=255).run_validation(external_id)
        return self.written(lambda: self._begun(given | {"external_id": name}), 201)

    def _begun(self, given: dict[str, Any]) -> Conversation:
        inbound, needs_answer = given.pop("inbound"), given.pop("needs_answer")
        if inbound:
            given["needs_answer"] = needs_answer
        do: Callable[..., Conversation] = actions.receive if inbound else actions.log
        return do(**given, at=self.request.now, by=self.request.user)

    @action(detail=True, methods=["post"])
    def answer(self, request: Any, pk: int) -> Any:
        """Keep what one of us answered: the clock stops."""
        return self._done(pk, actions.answer)

    @action(detail=True, methods=["post"])
    def hear(self, request: Any, pk: int) -> Any:
        """Keep what the customer said further."""
        return self._done(pk, actions.hear)

    @action(detail=True, methods=["post"])
    def assign(self, request: Any, pk: int) -> Any:
        """Name who of us answers."""
        return self._done(pk, actions.assign)

    @action(detail=True, methods=["post"])
    def wait(self, request: Any, pk: int) -> Any:
        """Say that something of theirs is needed first: the clock stands still until they are heard."""
        return self._done(pk, actions.wait)

    @action(detail=True, methods=["post"])
    def close(self, request: Any, pk: int) -> Any:
        """Say that it is over."""
        return self._done(pk, actions.close)

    @action(detail=True, methods=["post"])
    def reopen(self, request: Any, pk: int) -> Any:
        """Say that it is not over after all: what was answered waits anew, what never was goes on."""
        return self._done(pk, actions.reopen)

    def _done(self, pk: int, do: Callable[..., Conversation]) -> Any:
        row, given = self.found(pk), self.given()
        return self.written(lambda: do(row, **given, at=self.request.now, by=self.request.user))


class AskedEntries(OfAccount):
    account = Id(required=False, source="conversation__account_id")
    conversation = Id(required=False, source="conversation_id")


class Entries(Readable):
    """What was said in conversations, for owners of keys who may read contact data."""

    group = "conversations"
    serializer_class = EntryShape
    asked = AskedEntries

    def rows(self) -> Any:
        if not self.request.user.may("read_contact_data"):
            raise PermissionDenied
        return Entry.objects.visible_to(self.request.user)


class TargetShape(Shape):
    class Meta:
        model = ResponseTarget
        fields = ("id", "plan", "channel", "minutes")


class TargetBody(Body):
    channel = serializers.ChoiceField(choices=Channel.choices)
    plan = RowField(
        rows=lambda user: Plan.objects.all(), required=False, allow_null=True, default=None, help_text="null: any plan"
    )
    minutes = serializers.IntegerField(min_value=1, max_value=60_000, help_text="of open time")


class ResponseTargets(Readable):
    """Within how many open minutes a customer should have a first answer, by channel and plan."""

    group = "calendars"
    serializer_class = TargetShape
    takes = {"create": TargetBody}

    def rows(self) -> Any:
        return ResponseTarget.objects.select_related("plan")

    def create(self, request: Any) -> Any:
        """Set the target of a channel and plan. Clocks that run keep the one that they have."""
        given = self.given()
        return self.written(lambda: actions.set_target(**given, at=request.now, by=request.user), 201)

    def destroy(self, request: Any, pk: int) -> Any:
        """Take a target off: that of any plan holds then, or, without one, no clock runs."""
        row = self.found(pk)

        def work() -> None:
            actions.set_target(channel=row.channel, plan=row.plan, minutes=None, at=request.now, by=request.user)

        return self.written(work)
