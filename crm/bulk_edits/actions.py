"""Changing many accounts at once, and taking it back.

Whatever is selected is a scoped queryset: a page's accounts, or everything that a filter finds. One that `by` sees but
may not write is skipped and counted. At most `MOST` at a time: a ValidationError says so before anything is written.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _
from orjson import loads

from crm.accounts import rules
from crm.accounts.actions.owners import holding_of, require_hand_over
from crm.accounts.models import Account, AccountQuerySet, OwnerChange, writable
from crm.audit import actions as audit
from crm.bulk_edits.models import BulkEdit, BulkEditRow, EditKind
from crm.lib.constraints import check_fields
from crm.lib.sql_files import load
from crm.staff.actions import require
from crm.staff.models import Team, User

MOST = 10_000
UNDO_WITHIN = timedelta(minutes=30)
COLUMNS = ("owner_id", "pool_id", "tags", "segment", "next_step", "next_step_on")
TOO_MANY = _("These are more than 10,000 accounts. Narrow the filter, and do it in parts.")
BATCH = 2_000
Values = Mapping[str, Any]
Row = tuple[int, Values, Values]  # an account, what it had, what it has


@dataclass(frozen=True)
class Done:
    """What a change did. `edit` None: nothing was to change. `same`: how many were so already."""

    edit: BulkEdit | None
    changed: int
    skipped: int
    same: int


def picked(rows: AccountQuerySet, *, by: User, covered: bool = True) -> tuple[list[Account], int]:
    """The selected accounts that `by` may write, locked in the order of their ids, and how many others there are."""
    require("write_account", by=by)
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[: MOST + 1])
    if len(ids) > MOST:
        raise ValidationError(TOO_MANY)
    own = Account.objects.visible_to(by).filter(writable(by, covered=covered), pk__in=ids)
    locked = list(own.select_for_update(of=("self",)).order_by("pk").only("pk", *COLUMNS))
    return locked, len(ids) - len(locked)


def keep(
    kind: EditKind, rows: Sequence[Row], *, skipped: int, after: Mapping[str, Any], at: datetime, by: User
) -> BulkEdit:  # fmt: skip
    """Remember a change of (account, before, after) rows in the transaction that makes it, with its audit row."""
    edit = BulkEdit.objects.create(at=at, by=by, kind=kind, changed=len(rows), skipped=skipped)
    kept = [BulkEditRow(edit=edit, account_id=pk, before=_plain(before), after=_plain(now)) for pk, before, now in rows]
    BulkEditRow.objects.bulk_create(kept, batch_size=BATCH)
    said = {"kind": kind, "changed": len(rows), "skipped": skipped, **after}
    audit.record("accounts.changed_together", edit, at=at, by=by, after=said)
    return edit


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = loads(DjangoJSONEncoder().encode(values))
    return plain


def _change(
    kind: EditKind, rows: AccountQuerySet, new: Callable[[Account], dict[str, Any]], said: Values, *,
    at: datetime, by: User,
) -> Done:  # fmt: skip
    """Give each picked account its new columns, one UPDATE for all that get the same; those that differ only."""
    # What is another's stays theirs, even while somebody stands in.
    accounts, skipped = picked(rows, by=by, covered=kind != EditKind.OWNER)
    kept: list[Row] = []
    alike: dict[str, tuple[dict[str, Any], list[int]]] = {}
    for account in accounts:
        after = new(account)
        before = {column: getattr(account, column) for column in after}
        if before != after:
            kept.append((account.pk, before, after))
            alike.setdefault(str(after), (after, []))[1].append(account.pk)
    if not kept:
        return Done(None, 0, skipped, len(accounts))
    for after, ids in alike.values():
        Account.objects.system("picked and locked above").filter(pk__in=ids).update(**after)
    edit = keep(kind, kept, skipped=skipped, after=said, at=at, by=by)
    return Done(edit, len(kept), skipped, len(accounts) - len(kept))


@transaction.atomic
def set_owner(
    rows: AccountQuerySet, *, owner: User | None = None, pool: Team | None = None, at: datetime, by: User
) -> Done:
    """Hand the accounts to a rep or a team's pool; takes the right to reassign."""
    require("reassign", by=by)
    require_hand_over(rules.Holding(owner_id=by.pk), holding_of(owner, pool), by)
    new = {"owner_id": owner.pk if owner else None, "pool_id": pool.pk if pool else None}
    done = _change(EditKind.OWNER, rows, lambda _account: new, new, at=at, by=by)
    if done.edit:
        _record_owners(done.edit, at)
    return done


def _record_owners(edit: BulkEdit, at: datetime, only: Sequence[int] | None = None) -> None:
    rows = BulkEditRow.objects.system("the accounts of this change").filter(edit=edit)
    rows = rows if only is None else rows.filter(account__in=only)
    held = rows.values_list("account_id", "account__owner_id", "account__pool_id")
    changes = [OwnerChange(account_id=pk, owner_id=owner, pool_id=pool, from_at=at) for pk, owner, pool in held]
    OwnerChange.objects.bulk_create(changes, batch_size=BATCH)


@transaction.atomic
def add_tag(rows: AccountQuerySet, *, tag: str, at: datetime, by: User) -> Done:
    def new(account: Account) -> dict[str, Any]:
        return {"tags": account.tags if tag in account.tags else [*account.tags, tag]}

    return _change(EditKind.TAG_ADDED, rows, new, {"tag": tag}, at=at, by=by)


@transaction.atomic
def remove_tag(rows: AccountQuerySet, *, tag: str, at: datetime, by: User) -> Done:
    def new(account: Account) -> dict[str, Any]:
        return {"tags": [held for held in account.tags if held != tag]}

    return _change(EditKind.TAG_REMOVED, rows, new, {"tag": tag}, at=at, by=by)


@transaction.atomic
def set_segment(rows: AccountQuerySet, *, segment: str, at: datetime, by: User) -> Done:
    """Write the segment's word into the accounts; an empty one takes it off."""
    return _change(EditKind.SEGMENT, rows, lambda _account: {"segment": segment}, {"segment": segment}, at=at, by=by)


@transaction.atomic
def set_next_step(rows: AccountQuerySet, *, text: str, on: date | None, at: datetime, by: User) -> Done:
    """Pin one line with a date; an empty text takes it off. The record keeps its length, as for one account."""
    if text and on is None:
        raise ValidationError({"on": _("Say by which day, so that it can come back to you.")})
    new = {"next_step": text, "next_step_on": on if text else None}
    check_fields(Account(external_id="-", name="-", created_at=at, **new))
    said = {"characters": len(text), "next_step_on": new["next_step_on"]}
    return _change(EditKind.NEXT_STEP, rows, lambda _account: new, said, at=at, by=by)


@transaction.atomic
def undo(edit: BulkEdit, *, at: datetime, by: User) -> int:
    """Give back what the accounts had that are still as the change left them; returns how many.

    Only whoever made the change, within `UNDO_WITHIN`, once: else a ValidationError in words.
    """
    edit = open_for_undo(edit, at=at, by=by)
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "undo"), {"edit": edit.pk})
        restored = [pk for (pk,) in cursor.fetchall()]
    if edit.kind == EditKind.OWNER:
        _record_owners(edit, at, restored)
    close(edit, restored=len(restored), at=at, by=by)
    return len(restored)


def open_for_undo(edit: BulkEdit, *, at: datetime, by: User) -> BulkEdit:
    """The change, locked, if `by` may take it back now."""
    edit = BulkEdit.objects.select_for_update().get(pk=edit.pk)
    if edit.by_id != by.pk:
        raise PermissionDenied
    if edit.undone_at is not None:
        raise ValidationError(_("This was taken back already."))
    if at - edit.at > UNDO_WITHIN:
        raise ValidationError(_("This is more than 30 minutes old and can no longer be taken back at once."))
    return edit


def close(edit: BulkEdit, *, restored: int, at: datetime, by: User) -> None:
    """Remember that the change was taken back, with its audit row."""
    edit.undone_at, edit.restored = at, restored
    edit.save(update_fields=["undone_at", "restored"])
    after = {"kind": edit.kind, "restored": restored, "changed": edit.changed}
    audit.record("accounts.change_undone", edit, at=at, by=by, after=after)
