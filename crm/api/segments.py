"""Filters that people keep, and the accounts in them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action

from crm.api.accounts import AccountShape
from crm.api.bodies import Body, Text
from crm.api.nouns import Readable, Shape
from crm.segments import actions, rules
from crm.segments.models import Segment, Shared
from crm.segments.queries import matching, problems, tree_of
from crm.segments.queries.matching import Unusable


class SegmentShape(Shape):
    filter = serializers.SerializerMethodField(help_text="as in the address of the portfolio; null: it cannot be read")

    class Meta:
        model = Segment
        fields = ("id", "name", "shared", "owner", "filter", "created_at")

    @extend_schema_field({"type": "string", "nullable": True})
    def get_filter(self, row: Any) -> str | None:
        try:
            return rules.written(tree_of(row))
        except Unusable:
            return None


class SegmentBody(Body):
    name = Text(max_length=80)
    filter = serializers.CharField(max_length=rules.LONGEST, help_text="as in the address of the portfolio")
    shared = serializers.ChoiceField(choices=Shared.choices, required=False, default=Shared.OWN)

    def validate_filter(self, text: str) -> rules.Group:
        request = self.context["request"]
        tree = rules.read(text)
        if found := problems(tree, day=request.now.date(), user=request.user):
            raise serializers.ValidationError([each.reason for each in found])
        return tree


class Segments(Readable):
    """Filters kept under a name: one's own, the team's and everyone's."""

    group = "segments"
    serializer_class = SegmentShape
    takes = {"create": SegmentBody, "update": SegmentBody}
    shapes = {"members": AccountShape}
    lists = frozenset({"list", "members"})

    def rows(self) -> Any:
        return Segment.objects.visible_to(self.request.user)

    def create(self, request: Any) -> Any:
        """Keep a filter under a name."""
        given = self.given()
        given["tree"] = given.pop("filter")
        return self.written(lambda: actions.keep_segment(**given, at=request.now, by=request.user), 201)

    def update(self, request: Any, pk: int) -> Any:
        """Rename, share or redo a segment."""
        row, given = self.found(pk), self.given()
        given["tree"] = rules.as_json(given.pop("filter"))
        return self.written(lambda: actions.change_kept(row, **given, at=request.now, by=request.user))

    def destroy(self, request: Any, pk: int) -> Any:
        """Take a segment away; in the pages it can be brought back."""
        row = self.found(pk)

        def work() -> None:
            actions.delete_kept(row, at=request.now, by=request.user)

        return self.written(work)

    @action(detail=True, url_path="members")
    def members(self, request: Any, pk: int) -> Any:
        """The accounts in it today, among those that the key's owner sees."""
        tree = tree_of(self.found(pk))
        return self.page(lambda asked: matching(tree, day=request.now.date(), user=request.user))
