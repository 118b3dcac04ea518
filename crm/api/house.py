"""Days of use, our own people, the record, and imports: to be read only."""

from typing import Any

from django.core.exceptions import PermissionDenied
from rest_framework import serializers

from crm.api.bodies import Text
from crm.api.nouns import Asked, DaysOfOneAccount, Readable, Shape
from crm.audit.models import AuditRow
from crm.imports.models import ImportRun
from crm.staff.models import Role, Team, User
from crm.usage.models import EventName, UsageDay


class UsageDayShape(serializers.Serializer[Any]):
    account = serializers.IntegerField(source="account_id")
    day = serializers.DateField()
    event = serializers.CharField(source="event.name")
    feature = serializers.IntegerField(source="event.feature_id", allow_null=True)
    uses = serializers.IntegerField()
    amount = serializers.SerializerMethodField(help_text="the sum of the event's property, in integer millionths")

    def get_amount(self, row: Any) -> str:
        return str(int(row.amount))


class UsageDays(DaysOfOneAccount):
    """Uses and amounts of an account per event and UTC day. Days without use have no row."""

    group = "usage"
    serializer_class = UsageDayShape

    def rows(self) -> Any:
        return UsageDay.objects.select_related("event__feature")


class EventShape(Shape):
    class Meta:
        model = EventName
        fields = ("id", "name", "feature", "is_use", "amount_property", "first_seen_at", "last_seen_at")


class Events(Readable):
    """Names that events came under, and the features that they feed."""

    group = "usage"
    serializer_class = EventShape

    def rows(self) -> Any:
        return EventName.objects.all()


class UserShape(Shape):
    class Meta:
        model = User
        fields = ("id", "name", "email", "role", "team", "job_title", "language", "time_zone", "is_active")


class AskedUsers(Asked):
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    is_active = serializers.BooleanField(required=False)


class Users(Readable):
    """Our own people."""

    group = "house"
    serializer_class = UserShape
    asked = AskedUsers

    def rows(self) -> Any:
        return User.objects.all()


class TeamShape(Shape):
    class Meta:
        model = Team
        fields = ("id", "name")


class Teams(Readable):
    """Groups of our people, who may own accounts together."""

    group = "house"
    serializer_class = TeamShape

    def rows(self) -> Any:
        return Team.objects.all()


class RecordShape(Shape):
    class Meta:
        model = AuditRow
        fields = (
            "id", "at", "actor_kind", "actor_id", "actor_label", "on_behalf_of", "action", "object_kind", "object_id",
            "object_label", "before", "after",
        )  # fmt: skip


class AskedRecord(Asked):
    action = Text(max_length=80, required=False)
    object_kind = Text(max_length=60, required=False)
    object_id = Text(max_length=60, required=False)


class Record(Readable):
    """Who did what, when, and what it was before. For admins."""

    group = "house"
    serializer_class = RecordShape
    asked = AskedRecord

    def rows(self) -> Any:
        if not self.request.user.may("read_audit"):
            raise PermissionDenied
        return AuditRow.objects.all()


class ImportShape(Shape):
    class Meta:
        model = ImportRun
        fields = (
            "id", "kind", "filename", "started_at", "finished_at", "read", "created", "updated", "unchanged", "refused",
        )  # fmt: skip


class AskedImports(Asked):
    kind = serializers.CharField(max_length=16, required=False)


class Imports(Readable):
    """Files that were taken over. For ops admins."""

    group = "house"
    serializer_class = ImportShape
    asked = AskedImports

    def rows(self) -> Any:
        if not self.request.user.may("import"):
            raise PermissionDenied
        return ImportRun.objects.all()
