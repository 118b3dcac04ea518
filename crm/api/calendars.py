"""When people work, and on which days they do not."""

from typing import Any

from rest_framework import serializers

from crm.api.bodies import Body, Day, Id, RowField, Text
from crm.api.nouns import Asked, Readable, Shape
from crm.calendars import actions
from crm.calendars.models import Calendar, CalendarDay
from crm.lib.working_hours import DAY_MINUTES

WEEK = "seven weekdays from Monday on: [from, until] in minutes after midnight, null: closed"


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
