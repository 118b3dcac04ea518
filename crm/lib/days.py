"""The day that it is where somebody is."""

from datetime import date, datetime

from django.utils.timezone import localtime


def own_day(at: datetime) -> date:
    """The day of an instant in the time zone of whoever asks, which the middleware has set."""
    return localtime(at).date()
