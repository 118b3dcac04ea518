"""The journal of erasures: a file beside the database and in every backup, from which a restore erases again.

It names nobody: a contact by its number and the instant it was made, and what must not come back by its hash.
"""

import json
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from crm.audit.rules import Actor
from crm.contacts.models import Contact, ErasedMark
from crm.erasures.actions.erasing import erase
from crm.erasures.actions.sweeping import sweep, unswept
from crm.erasures.models import Erasure
from crm.staff.actions import require

WHY = "the journal of erasures"


def journal_lines() -> list[str]:
    """One line of JSON for each erasure that the database knows, oldest first."""
    made = dict(Contact.objects.system(WHY).filter(erased_at__isnull=False).values_list("pk", "created_at"))
    return [
        json.dumps(
            {
                "at": row.at.isoformat(),
                "contacts": [[pk, made[pk].isoformat()] for pk in row.contacts if pk in made],
                "marks": row.marks,
            }
        )
        for row in Erasure.objects.order_by("pk")
    ]


def keep_journal(path: Path) -> int:
    """Append to the file what it does not hold yet; returns how many lines. What an older database knew stays."""
    there = set(path.read_text().splitlines()) if path.exists() else set()
    news = [line for line in journal_lines() if line not in there]
    if news:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as file:
            file.write("".join(f"{line}\n" for line in news))
            file.flush()
            os.fsync(file.fileno())
    return len(news)


def replay(lines: Iterable[str], *, at: datetime, by: Actor) -> int:
    """Erase again whom this database still knows, and remember all marks; returns how many people were erased."""
    require("erase", by=by)
    again = sum(_replay(json.loads(line), at=at, by=by) for line in dict.fromkeys(lines) if line.strip())
    for erasure in unswept():
        sweep(erasure, at=at)
    return again


@transaction.atomic
def _replay(told: dict[str, Any], *, at: datetime, by: Actor) -> int:
    ErasedMark.objects.bulk_create([ErasedMark(mark=mark, at=at) for mark in told["marks"]], ignore_conflicts=True)
    erased = 0
    for pk, made_at in told["contacts"]:
        # A number alone may be somebody else's by now; with the instant it is the same contact.
        rows = Contact.objects.system(WHY).filter(pk=pk, created_at=datetime.fromisoformat(made_at), erased_at=None)
        if contact := rows.first():
            erase(contact, at=at, by=by)
            erased += 1
    return erased
