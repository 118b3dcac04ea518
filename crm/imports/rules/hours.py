"""Kinds of files about when we answer: days of calendars that are not as their weekday, and response targets."""

from crm.imports.rules.kinds import Kind


def _(text: str) -> str:
    """Mark a sentence for translation; whoever shows it translates it. Rules use this module without Django."""
    return text


CALENDAR_DAYS = "calendar-days"
CALENDAR_DAY_KIND = Kind(
    CALENDAR_DAYS,
    _("Holidays"),
    _("Days of each calendar that are not as their weekday."),
    {
        "calendar": ("calendar_name", "hours"),
        "day": ("date", "on", "holiday_date"),
        "name": ("holiday", "title", "summary", "description"),
        "free": ("closed", "off", "is_free"),
        "of_our_own": ("own", "ours"),
    },
    required=(("calendar",), ("day",), ("name",)),
    examples=(
        {"calendar": "Germany", "day": "2026-12-24", "name": "Company holiday", "free": "yes", "of_our_own": "yes"},
    ),
    dates=("day",),
    tables=("crm_calendarday",),
    identity=("calendar", "day"),
)
RESPONSE_TARGETS = "response-targets"
RESPONSE_TARGET_KIND = Kind(
    RESPONSE_TARGETS,
    _("First answers"),
    _("How soon customers hear from us, by channel."),
    {
        "plan": ("plan_id", "product", "plan_external_id"),
        "channel": ("type", "kind"),
        "minutes": ("within_minutes", "target", "first_response_minutes"),
    },
    required=(("channel",), ("minutes",)),
    examples=({"plan": "", "channel": "mail", "minutes": "240"},),
    tables=("crm_responsetarget",),
    identity=("plan", "channel"),
)
