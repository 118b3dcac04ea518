"""Ringing for a tick before its minute is over: a queued knock without payload, after the commit.

The tick finds its own work in our tables and comes round by itself, so a lost knock costs a minute and a doubled
one nothing. A knock that fails is therefore logged and never felt by the request.
"""

from collections.abc import Iterable
from logging import getLogger

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string
from django_q.tasks import async_task

TICKS = "crm.schedules.TICKS"
log = getLogger("holdfast.doorbell")


def ring(name: str) -> None:
    """Call the tick `name` of the schedules soon after the current transaction commits. KeyError: no such tick."""
    door = _doors()[name]
    transaction.on_commit(lambda: _knock(door), robust=True)


def _doors() -> dict[str, str]:
    """Tick name → dotted path, from the schedules named by the setting TICKS; nothing imports them from below."""
    ticks: Iterable[tuple[str, str, int]] = import_string(getattr(settings, "TICKS", TICKS))
    return {name: door for name, door, _minutes in ticks}


def _knock(door: str) -> None:
    try:
        with transaction.atomic():
            async_task(door)
    except Exception:
        log.exception("The knock at %s was lost; its next minute does the work.", door)


LONG_WORK = "holdfast_long_work"


def wake_long_work() -> None:
    """Have `manage.py long_work` look as soon as the transaction commits; nobody listening costs 15 seconds."""
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {LONG_WORK}")
