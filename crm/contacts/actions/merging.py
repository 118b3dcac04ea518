"""Two records of one person at an account become one, and two again."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, NamedTuple

from django.apps import apps
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.utils.translation import gettext_lazy as _

from crm.accounts.actions import require_write
from crm.audit import actions as audit
from crm.contacts.actions.details import TAKEN
from crm.contacts.models import Contact, ContactMerge
from crm.contacts.queries import standing_merge
from crm.contacts.rules import MERGED_FIELDS, UNDO_MERGE_WITHIN
from crm.lib.constraints import clearly
from crm.staff.models import User


class Merging(NamedTuple):
    """The two as they were before, and the address under which the one that stays is written to from now on."""

    contact: Contact
    into: Contact
    email: str


Settle = Callable[..., Collection[int]]


class Follows(NamedTuple):
    """Rows that point at a contact and go along when it is merged; later nouns add theirs from their app's apps.py.

    `once`: fields that no two rows of one contact share. A row that the other contact has already stays with the one
    that is put away. `settle` (Merging, `at`, `by`) comes first; it returns ids of rows that an undo moves as well.
    """

    model: str
    once: tuple[str, ...] = ()
    settle: Settle | None = None

    @property
    def rows(self) -> QuerySet[Any]:
        model: type[Model] = apps.get_model(self.model)
        return model._base_manager.order_by("pk")


following: list[Follows] = []


@transaction.atomic
def merge_contacts(contact: Contact, *, into: Contact, taking: Collection[str] = (), at: datetime, by: User) -> Contact:
    """Let `into` take the place of the contact, with everything that points at it. It can be undone for 30 days.

    `taking`: the fields whose value comes from the one that is put away. Where one of the two refused something, the
    refusal holds for the one that stays.
    """
    contact, into = _both(contact, into, by)
    if unknown := set(taking) - set(MERGED_FIELDS):
        raise TypeError(f"Not a field that a merge decides: {', '.join(sorted(unknown))}")
    merging = Merging(contact, into, contact.email if "email" in taking else into.email)
    moved = {}
    for kind in following:
        more = kind.settle(merging, at=at, by=by) if kind.settle else ()
        moved[kind.model] = [*more, *_move(kind, contact, into)]
    inner = Contact.objects.system("what was merged into it before").filter(merged_into=contact)
    moved["crm.Contact"] = list(inner.values_list("pk", flat=True))
    inner.update(merged_into=into)
    before = {"email": contact.email, "into": {name: getattr(into, name) for name in taking}}
    if "email" in taking:
        contact.email = ""
    contact.merged_into = into
    contact.save(update_fields=["email", "merged_into"])
    for name in taking:
        setattr(into, name, before["email"] if name == "email" else getattr(contact, name))
    with clearly(TAKEN):
        into.save(update_fields=list(taking))
    ContactMerge.objects.create(contact=contact, into=into, before=before, moved=moved, at=at, by=by)
    audit.record(
        "contact.merged", contact, at=at, by=by, personal={"name"},
        after={"into": into.pk, "taken": sorted(taking), "moved": {name: len(ids) for name, ids in moved.items()}},
    )  # fmt: skip
    return into


def _both(contact: Contact, into: Contact, by: User) -> tuple[Contact, Contact]:
    """Both, locked in the order of their ids; ValidationError where they cannot become one."""
    require_write(contact.account, by=by)
    rows = Contact.objects.system("their account was just checked").filter(pk__in=(contact.pk, into.pk))
    held = {row.pk: row for row in rows.order_by("pk").select_for_update(of=("self",)).select_related("account")}
    contact, into = held[contact.pk], held[into.pk]
    if contact.pk == into.pk:
        raise ValidationError({"into": _("A contact cannot be merged into itself.")})
    if contact.account_id != into.account_id:
        raise ValidationError({"into": _("They belong to different accounts. Merge the accounts instead.")})
    if contact.merged_into_id or into.merged_into_id:
        raise ValidationError({"into": _("One of the two is merged away already. Choose the contact that took over.")})
    if contact.erased_at or into.erased_at:
        raise PermissionDenied
    return contact, into


def _move(kind: Follows, contact: Contact, into: Contact) -> list[int]:
    rows = kind.rows.filter(contact=contact)
    if kind.once:
        same = {name: OuterRef(name) for name in kind.once}
        rows = rows.exclude(Exists(kind.rows.filter(contact=into, **same)))
    ids = list(rows.values_list("pk", flat=True))
    kind.rows.filter(pk__in=ids).order_by().update(contact=into)
    return ids


@transaction.atomic
def undo_merge(contact: Contact, *, at: datetime, by: User) -> Contact:
    """Give back what went along. What was settled stays: a refusal, and drafts that were put aside as doubles."""
    require_write(contact.account, by=by)
    merge = standing_merge(contact)
    if merge is None:
        raise ValidationError(_("This contact is not merged into another one."))
    if at - merge.at > UNDO_MERGE_WITHIN:
        raise ValidationError(_("The merge is more than 30 days old and can no longer be undone."))
    if not ContactMerge.objects.system("the merge at hand").filter(pk=merge.pk, undone_at=None).update(undone_at=at):
        raise ValidationError(_("The merge is undone already."))
    both = Contact.objects.system("their account was just checked").filter(pk__in=(merge.contact_id, merge.into_id))
    held = {row.pk: row for row in both.order_by("pk").select_for_update()}
    contact, into = held[merge.contact_id], held[merge.into_id]
    if into.erased_at or contact.erased_at:
        raise PermissionDenied
    for kind in following:
        kind.rows.filter(pk__in=merge.moved.get(kind.model, ()), contact=into).order_by().update(contact=contact)
    inner = Contact.objects.system("what came along").filter(pk__in=merge.moved["crm.Contact"], merged_into=into)
    inner.update(merged_into=contact)
    _restore(merge, contact, into)
    audit.record("contact.merge_undone", contact, at=at, by=by, personal={"name"}, before={"into": into.pk})
    return contact


def _restore(merge: ContactMerge, contact: Contact, into: Contact) -> None:
    """The values as they were; one that was changed since the merge stays."""
    back = {}
    for name, value in merge.before["into"].items():
        taken = merge.before["email"] if name == "email" else getattr(contact, name)
        if getattr(into, name) == taken:
            back[name] = value
    contact.merged_into = None
    with clearly(TAKEN):
        for name, value in back.items():
            setattr(into, name, value)
        into.save(update_fields=list(back))
        if "email" in back:
            contact.email = merge.before["email"]
        contact.save(update_fields=["merged_into", "email"])
