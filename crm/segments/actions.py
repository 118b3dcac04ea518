"""Keeping segments and views under a name, and bringing the figures of accounts up to date."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import TagRename
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib.constraints import check_fields, clearly
from crm.lib.gate import Refused
from crm.lib.sql_files import load
from crm.segments import queries, rules
from crm.segments.models import Kept, SavedView, Segment, Shared, may_share
from crm.staff.actions import require
from crm.staff.models import User
from crm.subscriptions.queries import facts
from crm.usage.queries import windows_stand

TAKEN = _("You have one of this name already. Choose another name.")
NAMES_TAKEN = {"segment_name_unique": ("name", TAKEN), "saved_view_name_unique": ("name", TAKEN)}
K = TypeVar("K", bound=Kept)


@transaction.atomic
def keep_segment(*, name: str, tree: rules.Group, shared: str = Shared.OWN, at: datetime, by: User) -> Segment:
    """Keep a filter under a name. A taken name or a sharing that `by` may not do is a ValidationError at its field.

    Name and filter stay out of the record, since either may name a customer's person.
    """
    row = Segment(name=name, owner=by, shared=shared, created_at=at, tree=rules.as_json(tree))
    return _kept(row, {"shared": shared}, at=at, by=by)


@transaction.atomic
def keep_view(*, name: str, query: str, shared: str = Shared.OWN, at: datetime, by: User) -> SavedView:
    """Keep a state of the portfolio under a name; errors as for segments."""
    row = SavedView(name=name, owner=by, shared=shared, created_at=at, query=query)
    return _kept(row, {"shared": shared}, at=at, by=by)


def _kept(row: K, after: dict[str, Any], *, at: datetime, by: User) -> K:
    require("save_views", by=by)
    _check(row, by)
    with clearly(NAMES_TAKEN):
        row.save(force_insert=True)
    audit.record(f"{_kind(row)}.created", row, at=at, by=by, after=after)
    return row


def _check(row: Kept, by: User) -> None:
    check_fields(row)
    if not may_share(by, row.shared):
        words = _("Managers share with their team, ops with everyone. Keep it for yourself.")
        raise ValidationError({"shared": words})


def _kind(row: Kept) -> str:
    return str(row._meta.model_name)


@transaction.atomic
def change_kept(row: K, *, at: datetime, by: User, **new: Any) -> K:
    """Rename, share or redo a segment or view; `tree` is given as JSON."""
    row = _locked(row, by)
    before, after = audit.changes(row, new)
    for name, value in new.items():
        setattr(row, name, value)
    _check(row, by)
    if after:
        with clearly(NAMES_TAKEN):
            row.save(update_fields=list(after))
        said = {"changed": sorted(after)} if after.keys() - {"shared"} else {}
        was, new = ({"shared": values["shared"]} if "shared" in values else {} for values in (before, after))
        audit.record(f"{_kind(row)}.changed", row, at=at, by=by, before=was, after=new | said)
    return row


@transaction.atomic
def delete_kept(row: K, *, at: datetime, by: User) -> K:
    """Take a segment or view away; `restore_kept` brings it back."""
    row = _locked(row, by)
    row.deleted_at = at
    row.save(update_fields=["deleted_at"])
    audit.record(f"{_kind(row)}.deleted", row, at=at, by=by)
    return row


@transaction.atomic
def restore_kept(row: K, *, at: datetime, by: User) -> K:
    """Bring back what was deleted; a name given anew meanwhile is a ValidationError."""
    row = _locked(row, by)
    row.deleted_at = None
    with clearly(NAMES_TAKEN):
        row.save(update_fields=["deleted_at"])
    audit.record(f"{_kind(row)}.restored", row, at=at, by=by)
    return row


@transaction.atomic
def follow_tag(rename: TagRename, *, undo: bool, at: datetime, by: Actor) -> int:
    """Let segments and views that name a renamed tag go on meaning it; an undo changes back those that followed."""
    followed = queries.followers(rename) if undo else {}
    old, new = (rename.new, rename.old) if undo else (rename.old, rename.new)
    changed: dict[str, list[int]] = {}
    for model in (Segment, SavedView):
        rows = model._base_manager.order_by("pk").select_for_update()
        kind = str(model._meta.model_name)
        for row in rows.filter(pk__in=followed.get(kind, [])) if undo else rows:
            column = _segment_with(row, old, new) if isinstance(row, Segment) else _view_with(row, old, new)
            if column:
                row.save(update_fields=[column])
                changed.setdefault(kind, []).append(row.pk)
    if changed:
        audit.record("tag.followed", rename, at=at, by=by, after=changed)
    return sum(map(len, changed.values()))


def _segment_with(row: Segment, old: str, new: str) -> str:
    """Change the segment's filter; the name of the column that was changed, or nothing."""
    try:
        tree = rules.as_json(rules.with_value(rules.from_json(row.tree), "tag", old, new))
    except Refused:
        return ""
    if tree == row.tree:
        return ""
    row.tree = tree
    return "tree"


def _view_with(row: SavedView, old: str, new: str) -> str:
    asked = QueryDict(row.query, mutable=True)
    try:
        where = rules.read(asked.get("where", ""))
    except Refused:
        return ""
    renamed = rules.with_value(where, "tag", old, new)
    if renamed == where:
        return ""
    asked["where"] = rules.written(renamed)
    row.query = asked.urlencode(safe="(),~*:")
    return "query"


def _locked(row: K, by: User) -> K:
    require("save_views", by=by)
    found: K = type(row)._base_manager.select_for_update().get(pk=row.pk)
    if not found.may_change(by):
        raise PermissionDenied
    return found


@transaction.atomic
def refresh_figures(day: date, *, accounts: Collection[int] | None = None, at: datetime, by: Actor) -> int:
    """Bring what lists filter and sort by up to date, for these accounts or (None) for all; returns how many changed.

    Part of a run that records itself. `day` is the day that the windows stand at. A merged account's facts count for
    the one that took its place.
    """
    these = "ANY (ARRAY(SELECT coalesce(merged_into_id, id) FROM crm_account WHERE id = ANY (%(accounts)s::bigint[])))"
    head = facts("mrr_on", "seats_on", "renewals", only="" if accounts is None else these)
    text = load(__file__, "figures").replace("/*facts*/", head)
    if accounts is not None:
        text = text.replace("/*only*/", f"AND account.id = {these}").replace("/*used*/", f"AND account_id = {these}")
    given = {"day": day, "known": None, "accounts": list(accounts or ()), "holds_28": 28 in windows_stand().windows}
    with connection.cursor() as cursor:
        cursor.execute(text, given)
        return int(cursor.rowcount)
