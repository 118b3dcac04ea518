"""Whether the tables fit the code, and how long the jobs have been silent."""

from datetime import datetime
from functools import cache

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from crm.fills.models import Beat

# The supervisor has a cluster that stands still back at work within this time (docs/adr/0004).
SILENT_AFTER = 180  # seconds


def behind() -> list[str]:
    """The newest migrations that are not applied, one sentence each; then nothing else can be asked."""
    missing = sorted(newest_migrations() - set(MigrationRecorder(connection).applied_migrations()))
    return [f"Migrations are not applied up to {app} {name}." for app, name in missing]


@cache
def newest_migrations() -> frozenset[tuple[str, str]]:
    """The last migration of each app, read from this code's files once a process."""
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


def silence(loop: str, at: datetime) -> int | None:
    """Whole seconds since the last sign of life; None: there never was one."""
    return seconds(Beat.objects.filter(name=loop).values_list("at", flat=True).first(), at)


def stands_still(silent: int | None) -> list[str]:
    """What there is to say when the jobs have been silent for so long."""
    if silent is None:
        return ["Background jobs have never run. Start the worker."]
    return [f"Background jobs have stood still for {silent} seconds."] if silent > SILENT_AFTER else []


def seconds(since: datetime | None, at: datetime) -> int | None:
    return None if since is None else max(0, int((at - since).total_seconds()))
