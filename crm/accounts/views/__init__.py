"""Pages that write accounts. Reading them together with their health is a page of retention."""

from crm.accounts.views.book import edit, new
from crm.accounts.views.changing import change
from crm.accounts.views.merging import undo_merge
from crm.accounts.views.owning import change_owner, owners, restrict
from crm.accounts.views.seeing import address_of, back_to, own_account, own_row, seen_account, shown
from crm.accounts.views.tags import rename_tag, tags, undo_rename
from crm.accounts.views.traits import edit_trait, new_trait, set_trait, traits

__all__ = [
    "address_of",
    "back_to",
    "change",
    "change_owner",
    "edit",
    "edit_trait",
    "new",
    "new_trait",
    "own_account",
    "own_row",
    "owners",
    "rename_tag",
    "restrict",
    "seen_account",
    "set_trait",
    "shown",
    "tags",
    "traits",
    "undo_merge",
    "undo_rename",
]
