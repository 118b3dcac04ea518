"""What an import does: it presupposes things, takes files over chunk by chunk, and is taken back."""

from crm.imports.actions.book import Book, write_contacts
from crm.imports.actions.presupposed import define_crm5, define_traits
from crm.imports.actions.runs import (
    CHUNK,
    EVENT_CHUNK,
    Forgotten,
    Incoming,
    Take,
    begin,
    effects_noted,
    finish,
    import_rows,
    note_findings,
    prepare,
    take_chunk,
    writer,
)
from crm.imports.actions.undo import (
    KEPT,
    ask_undo,
    derived,
    finish_undo,
    forget_effects,
    forget_old,
    undo_next,
    undo_step,
)
from crm.imports.actions.usage import TakenBack, Usage

__all__ = [
    "CHUNK",
    "EVENT_CHUNK",
    "KEPT",
    "Book",
    "Forgotten",
    "Incoming",
    "Take",
    "TakenBack",
    "Usage",
    "ask_undo",
    "begin",
    "define_crm5",
    "define_traits",
    "derived",
    "effects_noted",
    "finish",
    "finish_undo",
    "forget_effects",
    "forget_old",
    "import_rows",
    "note_findings",
    "prepare",
    "take_chunk",
    "undo_next",
    "undo_step",
    "write_contacts",
    "writer",
]
