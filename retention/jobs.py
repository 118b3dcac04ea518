"""Doors that the queue and the long work knock at: read the clock, call the pipeline, return."""

import logging
from datetime import UTC, datetime

from crm.audit.rules import System
from crm.fills.models import Fill
from crm.usage.queries import drained_through
from retention import pipeline
from retention.backtests import actions as backtesting

log = logging.getLogger("holdfast.jobs")
BY = System("pipeline")


def run_pipeline() -> None:
    """What changed since the last run, through what is safely drained. The nightly roll-over is long work's."""
    now = datetime.now(UTC)
    if _rolled_over(now):
        pipeline.run(through=drained_through(now), at=now, by=BY)


def nightly() -> None:
    """Roll the windows over to a new day, which may take longer than a tick may, then run the pipeline once."""
    now = datetime.now(UTC)
    pipeline.ensure_defaults(at=now, by=BY)
    if not _rolled_over(now):
        pipeline.run(through=drained_through(now), at=now, by=System("nightly"))


def backtests() -> None:
    """Long work: look at the past for whoever asked, one back-test after the other, until none waits."""
    while done := backtesting.work(clock=lambda: datetime.now(UTC), by=System("back-tests")):
        log.info("backtests: %s", done)


def _rolled_over(now: datetime) -> bool:
    through = Fill.objects.filter(stage="windows").values_list("through_at", flat=True).first()
    return through is not None and through.date() >= drained_through(now).date()
