"""Reading the record: what is to be sealed, and whether the chain over it is whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from json import loads
from typing import Any

from django.db import connection

from crm.audit.models import AuditSeal
from crm.audit.rules import BEGINNING, SEALED, digest
from crm.lib.sql_files import load

# How far below the newest sealed id a row may still turn up; beyond, one without a seal was slipped in.
AGAIN = 10_000
BATCH = 5_000
JSON_FROM = SEALED.index("before")


def head() -> AuditSeal | None:
    """The newest link. Whoever keeps its digest elsewhere can prove later that nothing before it was changed."""
    return AuditSeal.objects.order_by("-position").first()


def newest_head() -> str:
    """Its digest in hex; empty before anything was sealed."""
    last = head()
    return bytes(last.digest).hex() if last else ""


def sealable(limit: int) -> list[list[Any]]:
    """The fields (`SEALED`) of committed rows that no seal holds yet, by id."""
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "sealable"), {"again": AGAIN, "limit": limit})
        return [_fields(row) for row in cursor.fetchall()]


def _fields(row: Sequence[Any]) -> list[Any]:
    """The driver gives JSON as text."""
    return [*row[:JSON_FROM], *(loads(text) for text in row[JSON_FROM:])]


@dataclass(frozen=True)
class Verdict:
    """What a walk along the chain found: it fits up to `sealed` rows and the digest `head`.

    `broken_at` is the id of the first row that does not fit, `why` says what is wrong; both are empty when the
    chain is whole. `waiting`: rows that the next run seals.
    """

    sealed: int
    head: str
    broken_at: int | None = None
    why: str = ""
    waiting: int = 0


def verify(*, known: str = "") -> Verdict:
    """Walk the whole chain. `known`: the digest of a head that was noted earlier, which must still stand in it."""
    so_far, sealed, met = BEGINNING, 0, not known
    for position, row_id, kept, row in _links():
        if position != sealed + 1:
            return Verdict(sealed, so_far.hex(), row_id, "a seal before it is missing")
        if row[0] is None:
            return Verdict(sealed, so_far.hex(), row_id, "the row is gone")
        if digest(so_far, _fields(row)) != bytes(kept):
            return Verdict(sealed, so_far.hex(), row_id, "the row or its seal was changed")
        so_far, sealed = bytes(kept), position
        met = met or so_far.hex() == known
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "unsealed"), {"again": AGAIN})
        slipped_in, waiting = cursor.fetchone()
    if slipped_in is not None:
        return Verdict(sealed, so_far.hex(), slipped_in, "the row stands among sealed ones without a seal")
    if not met:
        return Verdict(sealed, so_far.hex(), None, "the head that was noted is not in the chain: its end was cut off")
    return Verdict(sealed, so_far.hex(), waiting=waiting)


def _links() -> Iterator[tuple[int, int, bytes, Sequence[Any]]]:
    position = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(load(__file__, "links"), {"after": position, "limit": BATCH})
            rows = cursor.fetchall()
        if not rows:
            return
        for position, row_id, kept, *row in rows:
            yield position, row_id, kept, row
