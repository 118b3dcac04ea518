"""Erasing a person: at once what is theirs, in one transaction; the raw rest is swept afterwards."""

from datetime import datetime
from typing import Any

from django.db import transaction

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.contacts.models import Contact, ErasedMark
from crm.contacts.rules import at_source, mark_of
from crm.erasures import queries
from crm.erasures.models import Erasure
from crm.lib import personal
from crm.lib.personal import Apart, Mentions, Own, Subject
from crm.people.models import Person
from crm.people.queries import nobody
from crm.staff.actions import require
from crm.staff.queries import salt


@transaction.atomic
def erase(contact: Contact, *, at: datetime, by: Actor) -> Erasure:
    """Forget the person, at every account that knows the address. Erasing again returns what there is.

    A tombstone and hashes stay, so that nobody brings the person back; mail that has not been handed over is
    cancelled. What takes long is left to `sweep`.
    """
    require("erase", by=by)
    if there := queries.erasure_of(contact.pk):
        return there
    contacts = list(queries.same_address(contact).filter(erased_at=None).select_for_update(of=("self",)))
    people = queries.people_of(contacts)
    Person.objects.select_for_update().filter(pk__in=[person.pk for person in people]).order_by("pk").count()
    key = salt()
    stand_ins = {
        person.pk: nobody(mark_of((at_source(person.source_id), person.external_id), key)) for person in people
    }
    subject = queries.subject_of(contacts, people, stand_ins)
    marks = sorted(mark_of(name, key) for name in queries.named(contacts, people))
    ErasedMark.objects.bulk_create([ErasedMark(mark=mark, at=at) for mark in marks], ignore_conflicts=True)
    erasure = Erasure.objects.create(contacts=list(subject.contacts), marks=marks, at=at, left=subject.kept())
    counts = _empty(subject, at=at, by=by)
    Contact.objects.system(queries.WHY).filter(pk__in=subject.contacts).update(erased_at=at)
    for pk in subject.contacts:
        audit.record("contact.erased", ("contact", str(pk)), at=at, by=by, after=counts)
    return erasure


def _empty(subject: Subject, *, at: datetime, by: Actor) -> dict[str, Any]:
    """States first, then texts that name the person, and last the rows by which they were found."""
    changed: dict[str, Any] = {}
    for kept in sorted(personal.registered, key=lambda kept: (Apart, Mentions, Own).index(type(kept))):
        if isinstance(kept, Apart):
            n = kept.erase(subject, at=at, by=by) if kept.erase else 0
        elif isinstance(kept, Mentions):
            n = take_out(kept, subject)
        else:
            n = queries.rows_of(kept, subject).order_by().update(**kept.erased)
        name = kept.name if isinstance(kept, Apart) else kept.model.rpartition(".")[2].lower()
        if n:
            changed[name] = changed.get(name, 0) + n
    return changed


def take_out(kept: Mentions, subject: Subject) -> int:
    """Take the person's words out of texts that name them; returns in how many rows."""
    changed = 0
    for row in queries.rows_of(kept, subject).iterator(chunk_size=500):
        new = {column: _without(kept, subject, row, column) for column in kept.columns}
        new = {column: value for column, value in new.items() if value != getattr(row, column)}
        if new:
            changed += type(row)._base_manager.filter(pk=row.pk).update(**new)
    return changed


def _without(kept: Mentions, subject: Subject, row: Any, column: str) -> Any:
    field, value = row._meta.get_field(column), getattr(row, column)
    cleaned = subject.cleaned(value)
    if cleaned == value:
        return value
    if kept.whole:
        return personal.ERASED if isinstance(value, str) else type(value)()
    return cleaned[: field.max_length] if isinstance(cleaned, str) else cleaned


@transaction.atomic
def erase_people(subject: Subject, *, at: datetime, by: Actor) -> int:
    """Let the rows of usage go on counting for nobody: under a hash, without a trait."""
    stand_ins = {(source, external_id): stand_in for source, external_id, stand_in in subject.ids}
    people = Person.objects.filter(pk__in=subject.people).order_by("pk")
    for person in people:
        person.external_id = stand_ins[person.source_id, person.external_id]
        person.traits, person.trait_times, person.contact_id = {}, {}, person.contact_id or subject.contacts[0]
    return Person.objects.bulk_update(people, ["external_id", "traits", "trait_times", "contact"])


@transaction.atomic
def note_handed_out(contact: Contact, *, at: datetime, by: Actor) -> None:
    """Somebody takes the file of all that is held about the person."""
    require("erase", by=by)
    audit.record("contact.handed_out", ("contact", str(contact.pk)), at=at, by=by)
