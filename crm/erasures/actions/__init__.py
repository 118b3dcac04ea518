"""What happens when somebody is erased, or handed all that is held about them."""

from crm.erasures.actions.erasing import erase, erase_people, note_handed_out
from crm.erasures.actions.journal import journal_lines, keep_journal, replay
from crm.erasures.actions.sweeping import sweep, sweep_inbox, sweep_rejects, unswept

__all__ = [
    "erase",
    "erase_people",
    "journal_lines",
    "keep_journal",
    "note_handed_out",
    "replay",
    "sweep",
    "sweep_inbox",
    "sweep_rejects",
    "unswept",
]
