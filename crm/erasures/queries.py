"""Who a person is in all tables, and all that is held about them."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from django.apps import apps
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import F, Model, Q, QuerySet, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Lower

from crm.audit.models import AuditRow
from crm.contacts.models import Contact
from crm.contacts.rules import ADDRESS, EXTERNAL_ID, Named, at_source
from crm.erasures.models import Erasure
from crm.erasures.rules import theirs
from crm.lib import personal
from crm.lib.personal import Apart, Mentions, Own, Subject
from crm.people.models import Membership, Person
from crm.people.queries import same_people
from crm.sources.models import InboxBatch
from crm.usage.models import PersonDay

CHUNK = 20  # bodies may be 4 MB each
WHY = "a person is looked for wherever they are known"
NAMES = ("name", "fullName", "firstName lastName", "first_name last_name")


def erasure_of(contact: int) -> Erasure | None:
    return Erasure.objects.filter(contacts__contains=[contact]).first()


def same_address(contact: Contact) -> QuerySet[Contact]:
    """The contact, the records merged with it, and their addresses at other accounts: one person."""
    stays = contact.merged_into_id or contact.pk
    family = Contact.objects.system(WHY).filter(Q(pk=stays) | Q(merged_into=stays))
    known = list(family.values_list("pk", Lower("email")))
    same = Q(pk__in=[pk for pk, _address in known]) | Q(address__in={address for _pk, address in known if address})
    found: QuerySet[Contact] = Contact.objects.system(WHY).annotate(address=Lower("email")).filter(same)
    return found.order_by("pk")


def people_of(contacts: Iterable[Contact]) -> list[Person]:
    """As whom they appear in usage: what was linked to them, whatever has their address, and all its other ids."""
    addresses = {contact.email.lower() for contact in contacts if contact.email}
    linked = Q(contact__in=[contact.pk for contact in contacts])
    told = Person.objects.annotate(told=Lower(KeyTextTransform("email", "traits")), id_told=Lower("external_id"))
    if addresses:
        linked |= Q(told__in=addresses) | Q(id_told__in=addresses)
    found = same_people(set(told.filter(linked).values_list("pk", flat=True)))
    return list(Person.objects.filter(pk__in=found).order_by("pk"))


def named(contacts: Iterable[Contact], people: Iterable[Person]) -> set[Named]:
    """Under which names they might come back."""
    names = {(ADDRESS, contact.email) for contact in contacts}
    names |= {(EXTERNAL_ID, contact.external_id or "") for contact in contacts}
    names |= {(at_source(person.source_id), person.external_id) for person in people}
    names |= {(ADDRESS, str(person.traits.get("email") or "")) for person in people}
    return {name for name in names if name[1]}


def subject_of(contacts: list[Contact], people: list[Person], stand_ins: dict[int, str]) -> Subject:
    """`stand_ins`: by person, the id that is left of them afterwards."""
    accounts = {contact.account_id for contact in contacts}
    accounts |= set(Membership.objects.filter(person__in=people).values_list("account_id", flat=True))
    told = [person.traits for person in people]
    return Subject(
        contacts=tuple(contact.pk for contact in contacts),
        people=tuple(person.pk for person in people),
        accounts=tuple(sorted(accounts)),
        names=_words([contact.name for contact in contacts], *(_names(traits) for traits in told)),
        addresses=_words([contact.email for contact in contacts], [traits.get("email") for traits in told]),
        phones=_words([contact.phone for contact in contacts], [traits.get("phone") for traits in told]),
        ids=tuple((person.source_id, person.external_id, stand_ins.get(person.pk, "")) for person in people),
        more_ids=_words([contact.external_id for contact in contacts]),
    )


def _names(traits: dict[str, Any]) -> Iterator[str]:
    for form in NAMES:
        yield " ".join(str(traits.get(part) or "") for part in form.split())


def _words(*groups: Iterable[object]) -> tuple[str, ...]:
    words = {word.strip() for group in groups for word in group if isinstance(word, str)}
    backwards = {" ".join(word.split()[::-1]) for word in words if len(word.split()) == 2}
    commas = {", ".join(word.split()[::-1]) for word in words if len(word.split()) == 2}
    return tuple(sorted((words | backwards | commas) - {""}))


def rows_of(kept: Own | Mentions, subject: Subject) -> QuerySet[Any]:
    """The rows that a declaration speaks of: the person's own, or those in which they are named."""
    model: type[Model] = apps.get_model(kept.model)
    rows = model._base_manager.order_by("pk")
    if isinstance(kept, Own):
        return rows.filter(**{f"{kept.of}__in": subject.people if kept.person else subject.contacts})
    if kept.of:
        rows = rows.filter(**{f"{kept.of}__in": subject.accounts})
    named = Q(pk__in=[])
    if subject.loose:
        for column in kept.columns:
            rows = rows.annotate(**{f"text_of_{column}": Cast(F(column), TextField())})
            named |= Q(**{f"text_of_{column}__iregex": subject.loose})
    return rows.filter(named)


def holdings(subject: Subject) -> dict[str, list[dict[str, Any]]]:
    """All that is held about the person: by table, rows of plain values; raw requests are not among them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for kept in personal.registered:
        rows = kept.export(subject) if isinstance(kept, Apart) and kept.export else []
        if isinstance(kept, Own):
            rows = list(rows_of(kept, subject).values(*_columns(kept)))
        elif isinstance(kept, Mentions):
            rows = list(rows_of(kept, subject).values("pk", *kept.columns))
        name = kept.name if isinstance(kept, Apart) else kept.model.rpartition(".")[2].lower()
        if rows:
            found.setdefault(name, []).extend(row for row in rows if row not in found[name])
    return found


def _columns(kept: Own) -> list[str]:
    fields = apps.get_model(kept.model)._meta.concrete_fields
    return [field.attname for field in fields if field.name not in kept.hidden]


def people_rows(subject: Subject) -> list[dict[str, Any]]:
    """Who they are in usage, with the days on which they used the product."""
    told = ("pk", "source__name", "external_id", "is_anonymous", "traits", "first_seen_at", "last_seen_at")
    rows = [dict(row) for row in Person.objects.filter(pk__in=subject.people).order_by("pk").values(*told)]
    for row in rows:
        days = PersonDay.objects.filter(account__in=subject.accounts, person=row["pk"]).order_by("day")
        row["uses"] = list(days.values("account_id", "day", "uses"))
    return rows


def record_rows(subject: Subject) -> list[dict[str, Any]]:
    """What the record has of them: names and addresses stand there as hashes."""
    ids = [str(pk) for pk in subject.contacts]
    rows = AuditRow.objects.filter(object_kind="contact", object_id__in=ids).order_by("id")
    return [dict(row) for row in rows.values("at", "actor_kind", "action", "object_id", "before", "after")]


def raw_rows(subject: Subject) -> list[dict[str, Any]]:
    """Requests of the last 90 days that speak of the person, as they came but for what others do in them."""
    found = ((batch, theirs(bytes(batch.body), batch.source_id, subject)) for batch in batches())
    return [{"received_at": batch.received_at, "events": events} for batch, events in found if events]


def batches() -> Iterator[InboxBatch]:
    """All raw requests, oldest first, a few at a time: their bodies may be large."""
    rows = InboxBatch.objects.order_by("received_on", "id")
    last: InboxBatch | None = None
    while True:
        after = rows
        if last is not None:
            after = rows.filter(Q(received_on=last.received_on, id__gt=last.id) | Q(received_on__gt=last.received_on))
        found = list(after[:CHUNK])
        yield from found
        if len(found) < CHUNK:
            return
        last = found[-1]


def archive(contact: Contact, *, at: datetime, raw: bool = False) -> bytes:
    """The zip for the person: data.json, and a page that says what it is. `raw`: raw requests too, which takes long."""
    contacts = list(same_address(contact))
    subject = subject_of(contacts, people_of(contacts), {})
    held = holdings(subject) | ({"raw requests": raw_rows(subject)} if raw else {})
    document = {"person": contact.pk, "made_at": at, "held": held}
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        archive.writestr("data.json", json.dumps(document, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1))
        archive.writestr("README.txt", ABOUT if raw else f"{ABOUT}\n{WITHOUT_RAW}")
    return file.getvalue()


ABOUT = """All that Holdfast holds about one person (GDPR art. 15 and 20; PIPA art. 35 and 35-2), machine-readable.
data.json has one list for each kind of thing that is held. Instants are in UTC. In the record, names and addresses
stand as hashes. Texts that only mention the person are given with their ids."""
WITHOUT_RAW = """Raw requests of the last 90 days, from which these figures were counted, are not in this file;
"manage.py export" writes one with them."""
