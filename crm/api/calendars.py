"""When people work, on which days they do not, and within which open time a customer should hear from us."""

from typing import Any

from rest_framework import serializers

from crm.api.bodies import Body, Day, Id, RowField, Text
from crm.api.nouns import Asked, Readable, Shape
from crm.calendars import actions
from crm.calendars.models import Calendar, CalendarDay
from crm.captures import actions as captures
from crm.captures.forms import incoming
from crm.captures.models import CapturedMail
from crm.conversations import actions as conversations
from crm.conversations.models import Channel, ResponseTarget
from crm.lib.working_hours import DAY_MINUTES
from crm.plans.models import Plan

WEEK = "seven weekdays from Monday on: [from, until] in minutes after midnight, null: closed"
MAIL_LIMIT = 1_000_000


class CalendarShape(Shape):
    week = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), allow_null=True), read_only=True, help_text=WEEK
    )

    class Meta:
        model = Calendar
        fields = ("id", "name", "country", "part", "week", "is_default")


class CalendarBody(Body):
    name = Text(max_length=80, required=False)
    country = Text(max_length=2, allow_blank=True, required=False, help_text="whose public holidays are free")
    part = Text(max_length=20, allow_blank=True, required=False, help_text="a state or Land of it")
    week = serializers.ListField(
        child=serializers.ListField(
            child=serializers.IntegerField(min_value=0, max_value=DAY_MINUTES), min_length=2, max_length=2,
            allow_null=True,
        ),
        min_length=7, max_length=7, required=False, help_text=WEEK,
    )  # fmt: skip
    is_default = serializers.BooleanField(required=False)

    def validate_week(self, week: list[list[int] | None]) -> list[list[int] | None]:
        if any(span and span[0] >= span[1] for span in week):
            raise serializers.ValidationError("It closes before it opens.")
        return week


class NewCalendarBody(CalendarBody):
    name = Text(max_length=80)


class Calendars(Readable):
    """Hours of each weekday, and whose public holidays are free."""

    group = "calendars"
    serializer_class = CalendarShape
    takes = {"create": NewCalendarBody, "partial_update": CalendarBody}

    def rows(self) -> Any:
        return Calendar.objects.all()

    def create(self, request: Any) -> Any:
        """Add a calendar; without a week it has office hours."""
        given = self.given()
        return self.written(lambda: actions.create_calendar(**given, at=request.now, by=request.user), 201)

    def partial_update(self, request: Any, pk: int) -> Any:
        """Change what is sent and leave the rest; who waits goes on waiting by the new hours."""
        row, given = self.found(pk), self.given(partial=True)
        return self.written(lambda: actions.change_calendar(row, **given, at=request.now, by=request.user))


class CalendarDayShape(Shape):
    class Meta:
        model = CalendarDay
        fields = ("id", "calendar", "day", "name", "free", "own")


class CalendarDayBody(Body):
    calendar = RowField(rows=lambda user: Calendar.objects.all())
    day = Day()
    name = Text(max_length=120)
    free = serializers.BooleanField(required=False, default=True, help_text="false: worked in spite of a holiday")


class AskedDays(Asked):
    calendar = Id(required=False, source="calendar_id")
    since = Day(required=False, source="day__gte")
    until = Day(required=False, source="day__lt", help_text="the first day that is left out")


class CalendarDays(Readable):
    """Days that are not as their weekday: public holidays, and days of our own (`own`), which outweigh them."""

    group = "calendars"
    serializer_class = CalendarDayShape
    asked = AskedDays
    takes = {"create": CalendarDayBody}

    def rows(self) -> Any:
        return CalendarDay.objects.all()

    def create(self, request: Any) -> Any:
        """Say of one day that it is free or worked; what we said of it before is replaced."""
        given = self.given()
        return self.written(lambda: actions.set_day(**given, at=request.now, by=request.user), 201)

    def destroy(self, request: Any, pk: int) -> Any:
        """Take a day of our own back."""
        row = CalendarDay.objects.select_related("calendar").get(pk=self.found(pk).pk, own=True)

        def work() -> None:
            actions.drop_day(row.calendar, day=row.day, at=request.now, by=request.user)

        return self.written(work)


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
        return self.written(lambda: conversations.set_target(**given, at=request.now, by=request.user), 201)

    def destroy(self, request: Any, pk: int) -> Any:
        """Take a target off: that of any plan holds then, or, without one, no clock runs."""
        row = self.found(pk)

        def work() -> None:
            conversations.set_target(channel=row.channel, plan=row.plan, minutes=None, at=request.now, by=request.user)

        return self.written(work)


class CapturedMailShape(Shape):
    class Meta:
        model = CapturedMail
        fields = ("id", "state", "sent_at", "captured_at")


class CapturedMailBody(Body):
    recipient = Text(max_length=254, help_text="the capture address of the envelope")
    message = serializers.CharField(
        max_length=MAIL_LIMIT, trim_whitespace=False, help_text="the mail, as RFC 5322 has it"
    )


class CapturedMails(Readable):
    """Mail that came to the capture address of the key's owner; what became of it, without its words."""

    group = "conversations"
    serializer_class = CapturedMailShape
    takes = {"create": CapturedMailBody}
    silent = frozenset({"create"})

    def rows(self) -> Any:
        return CapturedMail.objects.filter(user=self.request.user)

    def create(self, request: Any) -> Any:
        """Hand a mail over that a provider took in; answered alike whatever is in it, so that nothing bounces."""
        given, at = self.given(), request.now
        found = incoming(given["message"].encode(), recipient=given["recipient"], now=at)
        return self.written(lambda: captures.hand_in(found, at=at, by=request.user))
