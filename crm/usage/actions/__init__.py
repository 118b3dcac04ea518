"""What happens to usage: it is counted into days, summed into windows, and given its meaning."""

from crm.usage.actions.days import count_events, drain, event_ids, mark_dirty, rebuild_day, store, tidy
from crm.usage.actions.mapping import map_events
from crm.usage.actions.totals import prepare_months, respread, set_totals, uncount
from crm.usage.actions.windows import (
    clear_dirty,
    dirty_accounts,
    lock_windows,
    redo_windows,
    roll_windows,
    windows_of,
)

__all__ = [
    "clear_dirty",
    "count_events",
    "dirty_accounts",
    "drain",
    "event_ids",
    "lock_windows",
    "map_events",
    "mark_dirty",
    "prepare_months",
    "rebuild_day",
    "redo_windows",
    "respread",
    "roll_windows",
    "set_totals",
    "store",
    "tidy",
    "uncount",
    "windows_of",
]
