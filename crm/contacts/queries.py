"""Who was erased and must not come back."""

from collections.abc import Collection, Iterable

from crm.contacts.models import Contact, ErasedMark
from crm.contacts.rules import Named, mark_of
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
