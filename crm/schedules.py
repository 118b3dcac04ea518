"""The few fixed schedules, as the whole truth: the worker makes the queue's table equal to this list at start."""

from typing import NamedTuple


class Tick(NamedTuple):
    """A door in a jobs.py, called without arguments every `minutes`; what to do it finds in our own tables."""

    name: str
    door: str
    minutes: int


TICKS = (
    Tick("drain", "crm.jobs.drain", 1),
    Tick("send", "crm.jobs.send", 1),
    Tick("webhooks", "crm.jobs.webhooks", 1),
    Tick("housekeeping", "crm.jobs.housekeeping", 15),
    Tick("pipeline", "retention.jobs.run_pipeline", 1),
)

# Longer than a tick may be: called one after the other by `manage.py long_work`, each returns when nothing is due.
LONG_WORK = ("crm.jobs.uploads", "crm.jobs.finish_erasures", "retention.jobs.nightly", "retention.jobs.backtests")
