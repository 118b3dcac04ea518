"""Who people are at the time of an event: one person under several ids, and the account they belonged to."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

from django.db import connection

from crm.lib.sql_files import load


class Joined(NamedTuple):
    """From `since_at` on the person belongs to the account."""

    since_at: datetime
    account_id: int


def memberships(people: Collection[int]) -> dict[int, list[Joined]]:
    """The group calls of each person under any of their ids, oldest first; people without one are left out."""
    found: dict[int, list[Joined]] = {}
    if people:
        with connection.cursor() as cursor:
            cursor.execute(load(__file__, "memberships"), {"people": sorted(people)})
            for person_id, since, account_id in cursor.fetchall():
                found.setdefault(person_id, []).append(Joined(datetime.fromtimestamp(since, UTC), account_id))
    return found


def same_people(people: Collection[int]) -> set[int]:
    """These people under all of their ids."""
    if not people:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "same_people"), {"people": sorted(people)})
        return {person_id for (person_id,) in cursor.fetchall()}


def nobody(mark: str) -> str:
    """The id under which somebody who was erased is counted: the same for the same mark, and of use to nobody."""
    return f"erased:{mark[:32]}"
