"""What happens to an upload: it is received, its columns get their meaning, and the long work does the rest."""

from crm.uploads.actions.receiving import (
    ask_again,
    choose_columns,
    discard,
    forget_named,
    keep,
    read_again,
    start,
    tidy,
    undo,
)
from crm.uploads.actions.working import work

__all__ = [
    "ask_again",
    "choose_columns",
    "discard",
    "forget_named",
    "keep",
    "read_again",
    "start",
    "tidy",
    "undo",
    "work",
]
