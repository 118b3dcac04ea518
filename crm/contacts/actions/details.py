"""What happens to contacts. Names, addresses and numbers stand in the record as HMACs under the contact's own key."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from crm.accounts.actions import require_write
from crm.accounts.models import Account
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.contacts.models import Contact
from crm.contacts.queries import erased_names
from crm.contacts.rules import ADDRESS, EXTERNAL_ID, identity
from crm.lib.constraints import check_fields, clearly
from crm.lib.places import language_codes, zone_names

ORDINARY = frozenset(("name", "email", "job_title", "phone", "role", "language", "time_zone", "external_id"))
# External ids are often addresses, so they count as personal too.
PERSONAL = frozenset(("name", "email", "phone", "external_id"))
WAS_ERASED = _("Whoever this names was erased at their own wish and is not entered again.")
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
    if "email" in after:
        _free(contact, after["email"])
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


def _free(contact: Contact, email: str) -> None:
    """Take the address from records that were merged into this one: it is the same person's."""
    away = Contact.objects.system("records of one person").filter(merged_into=contact, email__iexact=email)
    away.exclude(email="").update(email="")


def _for_writing(contact: Contact, by: Actor) -> Contact:
    require_write(contact.account, by=by)
    row = Contact.objects.system("its account was just checked").select_for_update().get(pk=contact.pk)
    if row.erased_at is not None or row.merged_into_id is not None:
        raise PermissionDenied
    return row


def _known(ordinary: dict[str, Any]) -> None:
    if unknown := set(ordinary) - ORDINARY:
        raise TypeError(f"Not an ordinary field of a contact: {', '.join(sorted(unknown))}")


def _check(contact: Contact) -> None:
    check_fields(contact)
    errors = dict.fromkeys(erased_fields(email=contact.email, external_id=contact.external_id or ""), WAS_ERASED)
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


def erased_fields(*, email: str, external_id: str) -> list[str]:
    """Which of the two names somebody who was erased at their own wish, and whom nobody may enter again."""
    named = {"email": (ADDRESS, email), "external_id": (EXTERNAL_ID, external_id)}
    found = erased_names(one for one in named.values() if one[1])
    return [field for field, one in named.items() if one in found]


class Identified(NamedTuple):
    """What a person's identify calls say by now. `changed`: the traits that are news; `traits_at`: their time."""

    person_id: int
    account_id: int
    contact_id: int | None
    traits: Mapping[str, Any]
    changed: set[str]
    traits_at: datetime


FROM_TRAITS = ("name", "email", "job_title", "phone", "language", "time_zone")


@transaction.atomic
def upsert_from_identify(rows: Sequence[Identified], *, at: datetime) -> tuple[dict[int, int], list[tuple[int, str]]]:
    """Make or refresh contacts from identify calls: (contact id by person, (person, reason) of what was refused).

    A contact needs an address and is found by it at its account. Only traits that are news are taken over, so
    a rep's correction stands until the app says something new; nothing is un-set. Who left, was erased
    or merged away stays as they are; the latter links to the record that took over. The run that calls this leaves
    the audit row.
    """
    known = _known_contacts(rows)
    linked: dict[int, int] = {}
    refused: list[tuple[int, str]] = []
    for row in rows:
        values = identity(row.traits, languages=language_codes(), zones=zone_names())
        try:
            validate_email(values.get("email", ""))
        except ValidationError:
            if values.pop("email", None):
                refused.append((row.person_id, "email: this is not an address, so no contact was made from it."))
        own = known.get(row.contact_id)
        if own is not None and own.erased_at is not None:
            continue
        email = values.get("email", "").lower()
        contact = known.get((row.account_id, email)) if email else None
        if contact is None and own is not None and own.account_id == row.account_id:
            contact = own
        if contact is None and not email:
            continue
        if contact is None:
            name = values.pop("name", "") or values["email"].partition("@")[0]
            contact = Contact(account_id=row.account_id, name=name, created_at=at, traits_at=row.traits_at, **values)
            contact.save(force_insert=True)
        elif contact.left_on is None and contact.erased_at is None and contact.merged_into_id is None:
            _refresh(contact, row, values)
        known[row.account_id, email] = contact
        linked[row.person_id] = contact.merged_into_id or contact.pk
    return linked, refused


def _known_contacts(rows: Sequence[Identified]) -> dict[Any, Contact]:
    """Contacts by id, and by (account, address in lower case)."""
    emails = {str(row.traits.get("email", "")).strip().lower() for row in rows} - {""}
    wanted = Q(pk__in={row.contact_id for row in rows if row.contact_id})
    wanted |= Q(account__in={row.account_id for row in rows}, address__in=emails)
    found = Contact.objects.system("identify calls of any account").annotate(address=Lower("email")).filter(wanted)
    known: dict[Any, Contact] = {}
    for contact in found.order_by("pk").select_for_update():
        known[contact.pk] = contact
        if contact.email:
            known[contact.account_id, contact.email.lower()] = contact
    return known


def _refresh(contact: Contact, row: Identified, values: Mapping[str, str]) -> None:
    """Take over the news; `traits_at` guards against an older call from another source."""
    if contact.traits_at is not None and row.traits_at < contact.traits_at:
        return
    news = identity({key: row.traits[key] for key in row.changed}, languages=language_codes(), zones=zone_names())
    if {"firstName", "lastName", "first_name", "last_name"} & row.changed and "name" in values:
        news["name"] = values["name"]
    if "email" in news:
        news["email"] = values.get("email", contact.email)
    for name, value in news.items():
        setattr(contact, name, value)
    contact.traits_at = row.traits_at
    contact.save(update_fields=[*news, "traits_at"])
