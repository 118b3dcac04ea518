"""Conversations from a file: with the clock that they would have had here, and with times that cannot be."""

from datetime import UTC, datetime
from typing import Any

import pytest

from crm.audit.rules import System
from crm.conversations.actions import hear, receive, reopen, wait
from crm.conversations.models import Conversation, Entry
from crm.imports.actions.book import Book
from crm.imports.models import ImportEffect
from crm.imports.rules import Row
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)  # ten o'clock in Berlin


@pytest.fixture
def account(rep):
    return factories.account(owner=rep, external_id="acme", time_zone="Europe/Berlin")


def take(*values):
    rows = [Row(n, [], {"account": "acme", "channel": "ticket"} | each, "") for n, each in enumerate(values, 2)]
    return Book("conversations", at=NOW)(rows)


def held(external_id):
    return Conversation.objects.system("test").get(external_id=external_id)


def test_each_state_follows_from_its_times(account):
    """Tickets have four open hours: asked Monday at ten in Berlin, due at two."""
    lena = factories.contact(account, email="Lena@acme.example")
    taken = take(
        {"external_id": "open", "began_at": MONDAY, "text": "Help.", "email": "lena@acme.example"},
        {"external_id": "answered", "began_at": MONDAY, "answered_at": MONDAY.replace(hour=14)},
        {"external_id": "closed", "began_at": MONDAY, "answered_at": MONDAY.replace(hour=10), "closed_at": NOW},
    )
    assert (taken.created, taken.updated, taken.unchanged) == (3, 0, 0)
    waits, answered, closed = held("open"), held("answered"), held("closed")
    due = MONDAY.replace(hour=13)
    assert [row.due_at for row in (waits, answered, closed)] == [due] * 3
    assert [row.clock.is_late(NOW) for row in (waits, answered, closed)] == [True, True, False]
    assert [row.state for row in (waits, answered, closed)] == ["open", "waiting", "closed"]
    assert (waits.contact, waits.since, answered.since) == (lena, MONDAY, None)
    assert (waits.responder, closed.responder) == (account.owner, None)
    assert Entry.objects.system("test").filter(conversation=waits).get().text == "Help."
    assert Entry.objects.system("test").filter(conversation=answered).count() == 2


def test_closed_before_the_first_answer_is_kept_as_it_is(account):
    take({"external_id": "odd", "began_at": MONDAY, "answered_at": NOW, "closed_at": MONDAY})
    row = held("odd")
    assert (row.answered_at, row.closed_at, row.state, row.last_at) == (NOW, MONDAY, "closed", NOW)


def test_the_same_file_again_changes_nothing_and_an_empty_cell_neither(account):
    first = {"external_id": "t", "began_at": MONDAY, "subject": "Export", "text": "Help."}
    take(first)
    taken = take({"external_id": "t", "began_at": MONDAY})
    assert (taken.created, taken.updated, taken.unchanged) == (0, 0, 1)
    taken = take(first | {"answered_at": MONDAY.replace(hour=10)})
    assert (taken.created, taken.updated, held("t").subject) == (0, 1, "Export")
    assert held("t").state == "waiting"


def test_what_became_of_it_here_is_not_undone_by_the_file_of_the_night_before(account):
    """Answered at ten; they wrote again at eleven, and one that was closed at ten was opened again at noon."""
    ten = MONDAY.replace(hour=10)
    files = [
        {"external_id": "asks", "began_at": MONDAY, "answered_at": ten},
        {"external_id": "open", "began_at": MONDAY, "closed_at": ten},
        {"external_id": "waits", "began_at": MONDAY, "subject": "Export"},
    ]
    take(*files)
    by: dict[str, Any] = {"by": System("test")}
    hear(held("asks"), text="And this?", at=MONDAY.replace(hour=11), **by)
    reopen(held("open"), at=MONDAY.replace(hour=12), **by)
    wait(held("waits"), at=ten, **by)

    def stand():
        rows = map(held, ("asks", "open", "waits"))
        return [(row.state, row.due_at, row.answered_at, row.spent_seconds) for row in rows]

    before = stand()
    # Four open hours from eleven; three that were left at noon; none that runs.
    assert [due and due.hour for _state, due, *_rest in before] == [15, 15, None]
    assert take(*files).unchanged == 3
    taken = take(files[2] | {"subject": "Export of March"})
    assert (taken.updated, held("waits").subject) == (1, "Export of March")
    assert stand() == before
    take(files[0] | {"answered_at": MONDAY.replace(hour=13)})
    assert (held("asks").state, held("asks").answered_at.hour) == ("waiting", 13)


def test_nobody_who_left_is_named_and_a_mention_has_its_clock(account):
    account.owner.is_active = False
    account.owner.save()
    take({"external_id": "m", "channel": "mention", "began_at": MONDAY, "text": "@fleetline is down"})
    row = held("m")
    assert (row.channel, row.state, row.responder, row.due_at.hour) == ("mention", "open", None, 13)


def test_a_file_that_moves_an_account_to_another_zone_moves_the_clocks_that_run(account):
    """Asked on a Saturday, due on Monday at one: in Berlin that is 12:00 UTC, in Seoul 4:00."""
    row = receive(account, channel="ticket", text="Help.", at=NOW, by=System("test"))
    assert row.due_at == NOW.replace(day=23, hour=12)
    Book("accounts", at=NOW)([Row(2, [], {"external_id": "acme", "time_zone": "Asia/Seoul"}, "")])
    row.refresh_from_db()
    assert row.due_at == NOW.replace(day=23, hour=4)


def test_an_id_that_is_another_accounts_is_refused_and_the_others_come_in(account):
    other = factories.account(external_id="other")
    Conversation.objects.create(
        account=other, external_id="theirs", channel="ticket", state="open", began_at=NOW, last_at=NOW, recorded_at=NOW
    )
    taken = take({"external_id": "theirs", "began_at": MONDAY}, {"external_id": "ours", "began_at": MONDAY})
    assert (taken.created, [refusal.line for refusal in taken.refused]) == (1, [2])
    assert held("theirs").account == other
    assert not ImportEffect.objects.exists()
