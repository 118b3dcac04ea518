"""What happens to usage: it is counted into days, summed into windows, and given its meaning."""

from crm.usage.actions.days import count_events, drain, event_ids, mark_dirty, rebuild_day, store, tidy
from crm.usage.actions.mapping import map_events
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
    "rebuild_day",
    "redo_windows",
    "roll_windows",
    "store",
    "tidy",
    "windows_of",
]
