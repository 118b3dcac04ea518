"""Days of calendars and response targets from files: each as the file says; what it does not name stays as it was."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_noop as _

from crm.calendars.actions import told
from crm.calendars.models import Calendar, CalendarDay
from crm.conversations.models import ResponseTarget
from crm.imports.rules import Touched
from crm.lib.gate import Refused
from crm.plans.models import Plan


def write_calendar_days(rows: Sequence[Mapping[str, Any]], at: datetime) -> list[Touched]:
    """Days of our own, by calendar and day; clocks that run go on by the new hours. Public ones come by themselves.

    Runs in the transaction of `crm.imports`, whose run leaves the audit row.
    """
    calendars = {row.name.casefold(): row for row in Calendar.objects.all()}
    own = CalendarDay.objects.filter(own=True, day__in={row["day"] for row in rows})
    held = {(row.calendar_id, row.day): row for row in own.select_for_update().order_by("pk")}
    touched = []
    with told(at):
        for row in rows:
            calendar = calendars.get(row["calendar"].casefold())
            if calendar is None:
                raise Refused(_("There is no calendar with the name {name}."), name=row["calendar"])
            if not row["of_our_own"]:
                continue
            day = held.get((calendar.pk, row["day"])) or CalendarDay(calendar=calendar, day=row["day"], own=True)
            if day.pk is None or (day.name, day.free) != (row["name"], row["free"]):
                is_new, day.name, day.free, day.uid = day.pk is None, row["name"], row["free"], ""
                day.save()
                touched.append(Touched(row["line"], day.pk, is_new))
    return touched


def write_response_targets(rows: Sequence[Mapping[str, Any]], at: datetime) -> list[Touched]:
    """Response targets, by channel and plan; clocks that run keep the target they have.

    Runs in the transaction of `crm.imports`, whose run leaves the audit row.
    """
    plans = dict(Plan.objects.values_list("external_id", "pk"))
    held = {(row.plan_id, row.channel): row for row in ResponseTarget.objects.select_for_update().order_by("pk")}
    touched = []
    for row in rows:
        plan = row.get("plan", "")
        if plan and plan not in plans:
            words = _("There is no plan with the external id {plan}. Import the plans first.")
            raise Refused(words, plan=plan)
        key = (plans.get(plan), row["channel"])
        target = held.get(key) or ResponseTarget(plan_id=key[0], channel=key[1])
        if target.minutes != row["minutes"]:
            is_new, target.minutes = target.pk is None, row["minutes"]
            target.save()
            touched.append(Touched(row["line"], target.pk, is_new))
    return touched
