"""What happens to contacts: added, changed, gone, known by identify calls, merged and taken apart again."""

from crm.contacts.actions.details import (
    Identified,
    change_contact,
    create_contact,
    erased_fields,
    mark_left,
    upsert_from_identify,
)
from crm.contacts.actions.merging import Follows, Merging, following, merge_contacts, undo_merge

__all__ = [
    "Follows",
    "Identified",
    "Merging",
    "change_contact",
    "create_contact",
    "erased_fields",
    "following",
    "mark_left",
    "merge_contacts",
    "undo_merge",
    "upsert_from_identify",
]
