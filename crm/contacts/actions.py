"""What happens to contacts. Names, addresses and numbers stand in the record as HMACs under the contact's own key."""

from datetime import date, datetime
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from crm.accounts.actions import require_write
from crm.accounts.models import Account
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.contacts.models import Contact
from crm.lib.constraints import clearly
from crm.lib.places import language_codes, zone_names

ORDINARY = frozenset(("name", "email", "job_title", "phone", "role", "language", "time_zone", "external_id"))
# External ids are often addresses, so they count as personal too.
PERSONAL = frozenset(("name", "email", "phone", "external_id"))
TAKEN = {
    "contact_email_once": ("email", _("Another contact of this account has this address already.")),
    "contact_external_id_unique": ("external_id", _("Another contact has this external id. Choose another one.")),
}


@transaction.atomic
def create_contact(account: Account, *, name: str, at: datetime, by: Actor, **ordinary: Any) -> Contact:
    """Add a person to the account."""
    account = require_write(account, by=by)
    _known(ordinary)
    contact = Contact(account=account, name=name, created_at=at, **ordinary)
    _check(contact)
    with clearly(TAKEN):
        contact.save(force_insert=True)
    after = {"account": account.pk, "name": name} | ordinary
    _record("contact.created", contact, {}, after, at, by)
    return contact


@transaction.atomic
def change_contact(contact: Contact, *, at: datetime, by: Actor, **ordinary: Any) -> Contact:
    """Change what is known about a person. A person who was erased stays erased: PermissionDenied."""
    _known(ordinary)
    contact = _for_writing(contact, by)
    before, after = audit.changes(contact, ordinary)
    for name, value in ordinary.items():
        setattr(contact, name, value)
    _check(contact)
    if after:
        with clearly(TAKEN):
            contact.save(update_fields=list(after))
        _record("contact.changed", contact, before, after, at, by)
    return contact


@transaction.atomic
def mark_left(contact: Contact, *, on: date | None, at: datetime, by: Actor) -> Contact:
    """Say from which day on the person is no longer there; None takes that back."""
    contact = _for_writing(contact, by)
    before, after = audit.changes(contact, {"left_on": on})
    contact.left_on = on
    if after:
        contact.save(update_fields=["left_on"])
        _record("contact.left" if on else "contact.back", contact, before, after, at, by)
    return contact


def _for_writing(contact: Contact, by: Actor) -> Contact:
    require_write(contact.account, by=by)
    row = Contact.objects.system("its account was just checked").select_for_update().get(pk=contact.pk)
    if row.erased_at is not None:
        raise PermissionDenied
    return row


def _known(ordinary: dict[str, Any]) -> None:
    if unknown := set(ordinary) - ORDINARY:
        raise TypeError(f"Not an ordinary field of a contact: {', '.join(sorted(unknown))}")


def _check(contact: Contact) -> None:
    contact.clean_fields()
    errors = {}
    if contact.time_zone and contact.time_zone not in zone_names():
        errors["time_zone"] = _("There is no such time zone. Choose one from the list, such as Europe/Berlin.")
    if contact.language and contact.language not in language_codes():
        errors["language"] = _("There is no such language. Choose one from the list.")
    if errors:
        raise ValidationError(errors)


def _record(
    action: str, contact: Contact, before: dict[str, Any], after: dict[str, Any], at: datetime, by: Actor
) -> None:
    key = bytes(contact.audit_key)
    audit.record(action, contact, at=at, by=by, before=before, after=after, personal=PERSONAL, key=key)
