"""Remembering how far each stage has come; a stage runs alone and never backwards."""

from collections.abc import Callable
from datetime import datetime
from time import monotonic_ns

from django.db import connection, transaction

from crm.fills.models import Beat, Fill


class StageBusy(RuntimeError):
    """Another process runs this stage at the moment."""


def fill(stage: str, run: Callable[[datetime], str], *, through: datetime, at: datetime) -> str:
    """Run one stage through an instant and remember it; return what the stage said.

    A session advisory lock keeps two pipelines from running the same stage together: the second raises
    `StageBusy` and loses nothing, since the first leaves the same result. An error is kept in the row and
    raised again; `through_at` then stays where it was.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [f"fill:{stage}"])
        (mine,) = cursor.fetchone() or (False,)
    if not mine:
        raise StageBusy(stage)
    try:
        return _run(stage, run, through=through, at=at)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [f"fill:{stage}"])


def _run(stage: str, run: Callable[[datetime], str], *, through: datetime, at: datetime) -> str:
    started = monotonic_ns()
    Fill.objects.update_or_create(stage=stage, defaults={"started_at": at})
    try:
        said = run(through)
    except Exception as error:
        Fill.objects.filter(stage=stage).update(failed=f"{type(error).__name__}: {error}"[:2000])
        raise
    with transaction.atomic():
        row = Fill.objects.select_for_update().get(stage=stage)
        row.through_at = max(through, row.through_at or through)
        row.finished_at, row.said, row.failed = at, said, ""
        row.took_ms = (monotonic_ns() - started) // 1_000_000
        row.save()
    return said


def beat(name: str, *, at: datetime) -> None:
    """Leave a sign of life."""
    Beat.objects.update_or_create(name=name, defaults={"at": at})
