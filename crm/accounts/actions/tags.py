"""A tag is renamed over all accounts at once, or becomes another one, and can be taken back for 30 days."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Func, Value
from django.utils.translation import gettext_lazy as _

from crm.accounts import rules
from crm.accounts.models import Account, TagRename
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib.constraints import check_fields
from crm.staff.actions import require

WHY = "ops renames a tag everywhere"
# What names a tag and follows it, in the same transaction: called with the renaming, `undo`, `at` and `by`. Later
# nouns add theirs from their app's apps.py.
renaming: list[Callable[..., Any]] = []


@transaction.atomic
def rename_tag(*, old: str, new: str, at: datetime, by: Actor) -> TagRename:
    """Let every account that is tagged `old` be tagged `new`; one that has both keeps one of them."""
    require("configure", by=by)
    if old == new:
        raise ValidationError({"new": _("This is the same name. Enter another one.")})
    tagged = Account.objects.system(WHY).filter(tags__contains=[old]).order_by("pk").select_for_update()
    rows = dict(tagged.values_list("pk", "tags"))
    if not rows:
        raise ValidationError({"old": _("No account has this tag.")})
    both = [pk for pk, tags in rows.items() if new in tags]
    only = [pk for pk, tags in rows.items() if new not in tags]
    _each(only, "array_replace", old, new)
    _each(both, "array_remove", old)
    row = TagRename(old=old, new=new, renamed=only, had_both=both, at=at)
    check_fields(row)
    row.save(force_insert=True)
    after = {"old": old, "new": new, "accounts": len(rows)}
    audit.record("tag.renamed", row, at=at, by=by, after=after)
    for follow in renaming:
        follow(row, undo=False, at=at, by=by)
    return row


@transaction.atomic
def undo_rename(rename: TagRename, *, at: datetime, by: Actor) -> TagRename:
    """Give the old tag back to the accounts that had it and still have the new one."""
    require("configure", by=by)
    row = TagRename.objects.select_for_update().get(pk=rename.pk)
    if row.undone_at:
        raise ValidationError(_("It was taken back already."))
    if at - row.at > rules.UNDO_MERGE_WITHIN:
        raise ValidationError(_("The renaming is more than 30 days old and can no longer be undone."))
    still = Account.objects.system(WHY).filter(tags__contains=[row.new]).exclude(tags__contains=[row.old])
    _each(list(still.filter(pk__in=row.renamed).values_list("pk", flat=True)), "array_replace", row.new, row.old)
    _each(list(still.filter(pk__in=row.had_both).values_list("pk", flat=True)), "array_append", row.old)
    row.undone_at = at
    row.save(update_fields=["undone_at"])
    audit.record("tag.rename_undone", row, at=at, by=by, before={"old": row.old, "new": row.new})
    for follow in renaming:
        follow(row, undo=True, at=at, by=by)
    return row


def _each(accounts: list[int], function: str, *words: str) -> None:
    changed = Func(F("tags"), *(Value(word) for word in words), function=function)
    Account.objects.system(WHY).filter(pk__in=accounts).update(tags=changed)
