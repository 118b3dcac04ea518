"""What a key may open: scopes, each a group of nouns to read or to write; and how a key itself is made up."""

from collections.abc import Collection
from datetime import timedelta

READ, WRITE = "read", "write"
MARK = "hfk_"  # write keys of sources begin with "hf_" and open nothing here
PREFIX = 10
MOST_DAYS = 366
# How long an answer can be asked for again by its Idempotency-Key.
REPEATABLE = timedelta(hours=24)


def scope(group: str, verb: str) -> str:
    """The scope to `verb` a group: "accounts:read"."""
    return f"{group}:{verb}"


def opens(scopes: Collection[str], group: str, verb: str) -> bool:
    """Whether the scopes let one `verb` the group. Writing includes reading: an answer shows what was written."""
    return scope(group, verb) in scopes or (verb == READ and scope(group, WRITE) in scopes)
