"""What happens to accounts: made, changed, handed over, merged and taken apart again, given tags and traits.

Bad input is a ValidationError keyed by field; what `by` may not do is PermissionDenied.
"""

from crm.accounts.actions.book import around_move, change_account, create_account, restrict, set_next_step, set_stage
from crm.accounts.actions.merging import merge_accounts, undo_merge
from crm.accounts.actions.owners import change_owner, handing_over
from crm.accounts.actions.tags import rename_tag, renaming, undo_rename
from crm.accounts.actions.traits import TRAIT_REASONS, change_trait, define_trait, set_trait, upsert_from_group
from crm.accounts.actions.writing import held, may_write, require_write

__all__ = [
    "TRAIT_REASONS",
    "around_move",
    "change_account",
    "change_owner",
    "change_trait",
    "create_account",
    "define_trait",
    "handing_over",
    "held",
    "may_write",
    "merge_accounts",
    "rename_tag",
    "renaming",
    "require_write",
    "restrict",
    "set_next_step",
    "set_stage",
    "set_trait",
    "undo_merge",
    "undo_rename",
    "upsert_from_group",
]
