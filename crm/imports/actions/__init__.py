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
from crm.imports.actions.undo import derived, finish_undo, forget_effects, undo_step
from crm.imports.actions.usage import Usage

__all__ = [
    "CHUNK",
    "EVENT_CHUNK",
    "Book",
    "Forgotten",
    "Incoming",
    "Take",
    "Usage",
    "begin",
    "define_crm5",
    "define_traits",
    "derived",
    "effects_noted",
    "finish",
    "finish_undo",
    "forget_effects",
    "import_rows",
    "note_findings",
    "prepare",
    "take_chunk",
    "undo_step",
    "write_contacts",
    "writer",
]
