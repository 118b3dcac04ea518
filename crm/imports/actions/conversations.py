"""Conversations from files: each as the file says, with the clock that it would have had here."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import DataError

from crm.accounts.models import Account
from crm.contacts.models import Contact
from crm.conversations import rules as clocks
from crm.conversations.actions import keep_clock
from crm.conversations.models import Conversation, ConversationState, Entry
from crm.conversations.queries import Asked, hours_of_all, targets_of, warning_percent
from crm.imports.rules import Touched
from crm.lib.working_hours import Hours
from crm.usage.actions import mark_dirty

WHY = "an import keeps conversations"
TIMES = ("began_at", "answered_at", "closed_at")
SAID = ("channel", "subject", "contact_id", *TIMES)


def write_conversations(rows: Sequence[Mapping[str, Any]], at: datetime) -> list[Touched]:
    """Make or change conversations, found by their external id; an empty cell changes nothing.

    Times that cannot be (closed before the first answer) stand as the file has them. What became of a conversation here
    stays: that it was answered or closed before they wrote again is no news. Runs in the transaction of `crm.imports`,
    whose run leaves the audit row.
    """
    found = Conversation.objects.system(WHY).filter(external_id__in=[row["external_id"] for row in rows])
    held = {row.external_id: row for row in found.select_for_update().order_by("pk")}
    people = _people(rows)
    hours = hours_of_all({row["account_id"] for row in rows})
    book = Account.objects.system("whoever owns the account answers").filter(pk__in=hours, owner__is_active=True)
    owners = dict(book.values_list("pk", "owner"))
    asked = [Asked(row["account_id"], row["channel"], row["began_at"].date()) for row in rows]
    percent = warning_percent()
    targets = dict(zip(map(id, rows), targets_of(asked), strict=True))
    new: list[tuple[int, Conversation]] = []
    changed: list[tuple[int, Conversation]] = []
    for row in rows:
        talk = held.get(row["external_id"])
        if talk is not None and talk.account_id != row["account_id"]:
            raise DataError("the conversation is another account's")
        before = None if talk is None else [getattr(talk, name) for name in SAID]
        talk = talk or Conversation(external_id=row["external_id"], account_id=row["account_id"], inbound=True)
        person = people.get((row["account_id"], row.get("email", "")))
        given = {name: row[name] for name in SAID if name in row and not _is_old(talk, name, row[name])}
        times = [getattr(talk, name) for name in TIMES]
        for name, value in (given | ({"contact_id": person} if person else {})).items():
            setattr(talk, name, value)
        if before == [getattr(talk, name) for name in SAID]:
            continue
        if before is None or times != [getattr(talk, name) for name in TIMES]:
            _settle(talk, at)
            if target := targets[id(row)]:
                _wind(talk, target, hours[talk.account_id], percent)
        if before is None and talk.state == ConversationState.OPEN:
            talk.responder_id = owners.get(talk.account_id)
        (changed if before else new).append((row["line"], talk))
    Conversation.objects.bulk_create([talk for _line, talk in new])
    Conversation.objects.system(WHY).bulk_update([talk for _line, talk in changed], [*SAID, *KEPT])
    texts = {row["external_id"]: row.get("text", "") for row in rows}
    _entries([talk for _line, talk in new], texts)
    mark_dirty({talk.account_id for _line, talk in [*new, *changed]})
    return [Touched(line, talk.pk, True) for line, talk in new] + [
        Touched(line, talk.pk, False) for line, talk in changed
    ]


KEPT = ("state", "last_at", "asked_at", "target_minutes", "spent_seconds", "since", "due_at", "warn_at")


def _is_old(talk: Conversation, name: str, value: datetime) -> bool:
    """Whether a file says what happened before the clock was started anew here, or went on."""
    since = talk.since if talk.since != talk.began_at else None
    return since is not None and name in ("answered_at", "closed_at") and value < since


def _wind(talk: Conversation, target: timedelta, hours: Hours, percent: int) -> None:
    """Give it the clock that it would have had here."""
    clock = clocks.asked(talk.began_at, target, hours)
    if talk.answered_at:
        clock = clocks.answered(clock, talk.answered_at, hours)
    elif talk.closed_at:
        clock = clocks.paused(clock, talk.closed_at, hours)
    keep_clock(talk, clock, hours, percent)


def _settle(talk: Conversation, at: datetime) -> None:
    """The state that follows from the times, and when something was said last."""
    talk.state = ConversationState.OPEN
    if talk.answered_at or talk.closed_at:
        talk.state = ConversationState.CLOSED if talk.closed_at else ConversationState.WAITING
    talk.last_at = max(each for each in (talk.began_at, talk.answered_at, talk.closed_at) if each)
    talk.recorded_at = talk.recorded_at or at


def _people(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[int, str], int]:
    """(account, address) → the contact; whoever is not in the book is not made from a ticket."""
    emails = {row["email"] for row in rows if row.get("email")}
    if not emails:
        return {}
    known = Contact.objects.system(WHY).filter(account__in={row["account_id"] for row in rows}, erased_at=None)
    found = known.exclude(email="").values_list("account", "email", "pk")
    return {(account, email.lower()): pk for account, email, pk in found if email.lower() in emails}


def _entries(talks: Sequence[Conversation], texts: Mapping[str | None, str]) -> None:
    entries = [Entry(conversation=t, at=t.began_at, inbound=True, text=texts.get(t.external_id, "")) for t in talks]
    entries += [Entry(conversation=t, at=t.answered_at, inbound=False) for t in talks if t.answered_at]
    Entry.objects.bulk_create(entries)
