"""Consent is recorded when it is given and when it is withdrawn; sources and wordings stand hidden in the record."""

from datetime import date, datetime, timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from crm.accounts.actions import require_write
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.consents.models import Consent, Purpose
from crm.consents.queries import last_said
from crm.contacts.actions import Merging
from crm.contacts.models import Contact
from crm.lib.constraints import check_fields

EARLIEST = date(2000, 1, 1)
AHEAD = timedelta(hours=14)  # somewhere it is that day already
# A source often names a person: "told Mina on the phone".
PERSONAL = frozenset({"source", "wording"})
MERGED = "the other record of this person said no"


@transaction.atomic
def grant_consent(
    contact: Contact, *, purpose: str, on: date, source: str, wording: str, at: datetime, by: Actor
) -> Consent:
    """Record a yes with the exact words that the person agreed to."""
    if not wording.strip():
        raise ValidationError({"wording": _("Copy the exact words that the person agreed to.")})
    return _append("consent.granted", contact, purpose, True, on, source, wording, at, by)


@transaction.atomic
def withdraw_consent(contact: Contact, *, purpose: str, on: date, source: str, at: datetime, by: Actor) -> Consent:
    """Record a no: it withdraws what was given before, and binds from now on, also for mail that is approved."""
    return _append("consent.withdrawn", contact, purpose, False, on, source, "", at, by)


def keep_refusals(merging: Merging, *, at: datetime, by: Actor) -> list[int]:
    """Of two records that become one: where one said no, the no stands. Returns the words that an undo gives back."""
    back = []
    for purpose in Purpose:
        away, stays = (last_said(contact, purpose) for contact in (merging.contact, merging.into))
        if away is None or stays is None or away.given == stays.given:
            continue
        on = max(away.on, stays.on)
        row = withdraw_consent(merging.into, purpose=purpose, on=on, source=MERGED, at=at, by=by)
        if not away.given:
            back.append(row.pk)
    return back


def _append(
    action: str, contact: Contact, purpose: str, given: bool, on: date, source: str, wording: str, at: datetime,
    by: Actor,
) -> Consent:  # fmt: skip
    require_write(contact.account, by=by)
    contact = Contact.objects.system("its account was just checked").select_for_update().get(pk=contact.pk)
    if contact.erased_at is not None:
        raise PermissionDenied
    if on > (at + AHEAD).date():
        raise ValidationError({"on": _("This day has not come yet. Enter the day on which the person said it.")})
    if on < EARLIEST:
        raise ValidationError({"on": _("Enter a day from the year 2000 on.")})
    row = Consent(contact=contact, purpose=purpose, given=given, on=on, source=source, wording=wording, recorded_at=at)
    check_fields(row)
    row.save(force_insert=True)
    after = {"purpose": purpose, "on": on, "source": source, "wording": wording}
    audit.record(
        action, contact, at=at, by=by, after={name: value for name, value in after.items() if value},
        personal=PERSONAL, key=bytes(contact.audit_key),
    )  # fmt: skip
    return row
