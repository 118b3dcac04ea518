"""Who was erased and must not come back, which records look like one person, and when people work."""

from collections.abc import Collection, Iterable

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Q
from django.db.models.functions import Lower

from crm.calendars.queries import hours_by_place
from crm.contacts.models import Contact, ContactMerge, ErasedMark
from crm.contacts.rules import Named, mark_of
from crm.lib.working_hours import Hours
from crm.staff.queries import known_salt


def erased_names(named: Iterable[Named]) -> dict[Named, str]:
    """Which of these names belonged to people who were erased, with their marks. Asked before a person is made."""
    wanted = set(named)
    if not wanted or not ErasedMark.objects.exists():
        return {}
    key = known_salt()
    marks = {mark_of(one, key): one for one in wanted}
    found = ErasedMark.objects.filter(mark__in=list(marks)).values_list("mark", flat=True)
    return {marks[mark]: mark for mark in found}


def erased_among(contacts: Collection[int]) -> set[int]:
    if not contacts:
        return set()
    rows = Contact.objects.system("who was erased is never filled again").filter(pk__in=contacts)
    return set(rows.filter(erased_at__isnull=False).values_list("pk", flat=True))


def standing_merge(contact: Contact) -> ContactMerge | None:
    """The merge that put the contact away and was not undone; for a contact that the caller has scoped."""
    rows = ContactMerge.objects.system("of a contact already shown").filter(contact=contact, undone_at=None)
    return rows.select_related("into").first()


def alike(accounts: Q, *, most: int = 5) -> list[tuple[Contact, Contact]]:
    """Pairs of records at one account of the same name, the older first; two queries along the account's index."""
    rows = Contact.objects.system("of an account already shown").filter(accounts, erased_at=None, merged_into=None)
    groups = (
        rows.exclude(name="")
        .values("account", same=Lower("name"))
        .annotate(n=Count("pk"), ids=ArrayAgg("pk", order_by="pk"))
    )
    pairs = [tuple(ids[:2]) for ids in groups.filter(n__gt=1).order_by("same").values_list("ids", flat=True)[:most]]
    known = rows.in_bulk([pk for pair in pairs for pk in pair])
    return [(known[first], known[second]) for first, second in pairs]


def hours_of(contact: Contact) -> Hours:
    """When a person works: on the days of the account's calendar, in the person's own zone."""
    return hours_of_all([contact])[contact.pk]


def hours_of_all(people: Iterable[Contact]) -> dict[int, Hours]:
    """The same for many, by contact; one query, where their accounts have been read."""
    places = {row.pk: (row.account.calendar_id, row.time_zone or row.account.time_zone) for row in people}
    hours = hours_by_place(places.values())
    return {pk: hours[place] for pk, place in places.items()}
