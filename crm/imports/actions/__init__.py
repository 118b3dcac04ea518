"""What an import does: `runs` takes a file over, `book` and `usage` write its chunks, `presupposed` goes before."""

from crm.imports.actions.presupposed import define_crm5, define_traits
from crm.imports.actions.runs import Forgotten, Incoming, import_rows

__all__ = ["Forgotten", "Incoming", "define_crm5", "define_traits", "import_rows"]
