"""Shares of the budget: taken under a lock, confirmed at the handoff, given back; and holds."""

import threading
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from crm.accounts.models import Account
from crm.attention import actions, queries
from crm.attention.models import Hold, Refusal, Reservation
from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.contacts.models import Contact
from tests import factories
from tests.factories import NOW

BY = System("test")
DAY = timedelta(days=1)


def take(contact: Contact, *, days: int = 0, manual: bool = False, ask: bool = True) -> Reservation | Refusal:
    at = NOW + days * DAY
    return actions.reserve(
        account=contact.account, contact=contact, purpose="survey", manual=manual, ask=ask, at=at, by=BY
    )


def taken(contact: Contact, *, days: int = 0) -> Reservation:
    row = take(contact, days=days)
    assert isinstance(row, Reservation)
    return row


@pytest.fixture
def lena(db: None) -> Contact:
    return factories.contact(factories.account(), name="Lena Ahrens")


def test_a_fourth_mail_to_a_contact_is_refused_with_a_reason(lena: Contact) -> None:
    assert [isinstance(take(lena), Reservation) for _ in range(3)] == [True, True, True]
    assert take(lena) is Refusal.CONTACT_BUDGET
    assert str(Refusal.CONTACT_BUDGET.label) == (
        "This person has had as many mails from us in 30 days as we allow ourselves."
    )


def test_a_seventh_mail_to_an_account_is_refused_though_the_contact_had_none(lena: Contact) -> None:
    for _ in range(2):
        colleague = factories.contact(lena.account)
        for _ in range(3):
            taken(colleague)
    assert take(lena) is Refusal.ACCOUNT_BUDGET


def test_manual_mail_goes_beyond_the_limit_and_says_so(lena: Contact) -> None:
    rows = [take(lena, manual=True) for _ in range(4)]
    assert [row.overdraft for row in rows if isinstance(row, Reservation)] == [False, False, False, True]


def test_a_reserved_share_counts_until_it_is_settled_and_a_confirmed_one_for_30_days(lena: Contact) -> None:
    for _ in range(3):
        taken(lena)
    assert take(lena, days=40) is Refusal.CONTACT_BUDGET
    for row in Reservation.objects.system("test").order_by("pk"):
        assert actions.confirm(row, at=NOW + 40 * DAY, by=BY) is True
    assert take(lena, days=69) is Refusal.CONTACT_BUDGET
    assert isinstance(take(lena, days=70), Reservation)


def test_a_released_share_is_free_again_and_is_released_once(lena: Contact) -> None:
    row = [taken(lena) for _ in range(3)][-1]
    assert actions.release(row, at=NOW, by=BY) is True
    assert actions.release(row, at=NOW, by=BY) is False
    assert actions.confirm(row, at=NOW, by=BY) is False
    assert queries.budget_of(lena, at=NOW).left == 1


def test_a_confirmed_share_can_wait_again(lena: Contact) -> None:
    row = taken(lena)
    actions.confirm(row, at=NOW, by=BY)
    assert actions.reopen(row, at=NOW, by=BY) is True
    assert Reservation.objects.system("test").get(pk=row.pk).state == "reserved"


def test_every_step_leaves_a_line_in_the_record(lena: Contact) -> None:
    row = taken(lena)
    actions.confirm(row, at=NOW, by=BY)
    actions.release(row, at=NOW, by=BY)
    lines = AuditRow.objects.filter(object_kind="reservation").order_by("id").values_list("action", flat=True)
    assert list(lines) == ["attention.reserved", "attention.confirmed", "attention.released"]


def test_a_hold_refuses_asks_but_not_a_word_of_a_person(lena: Contact) -> None:
    actions.hold(lena.account, kind="outage", subject="status:7", at=NOW, by=BY)
    assert take(lena) is Refusal.HELD
    assert isinstance(take(lena, ask=False), Reservation)


def test_a_hold_ends_when_it_is_lifted_or_its_time_is_over(lena: Contact) -> None:
    actions.hold(lena.account, kind="outage", subject="status:7", at=NOW, by=BY)
    actions.hold(lena.account, kind="detractor", subject="answer:1", until_at=NOW + DAY, at=NOW, by=BY)
    assert [hold.sentence for hold in queries.held(lena.account, at=NOW)] == [
        "No asks for now: an outage touches them.",
        "No asks for now: an unhappy answer waits for our reply.",
    ]
    assert actions.lift(lena.account, kind="outage", subject="status:7", at=NOW, by=BY) is True
    assert actions.lift(lena.account, kind="outage", subject="status:7", at=NOW, by=BY) is False
    assert [hold.kind for hold in queries.held(lena.account, at=NOW)] == ["detractor"]
    assert queries.held(lena.account, at=NOW + DAY) == []


def test_the_same_cause_holds_once_and_begins_anew_after_it_was_lifted(lena: Contact) -> None:
    for _ in range(2):
        actions.hold(lena.account, kind="outage", subject="status:7", at=NOW, by=BY)
    actions.lift(lena.account, kind="outage", subject="status:7", at=NOW + DAY, by=BY)
    actions.hold(lena.account, kind="outage", subject="status:7", at=NOW + 2 * DAY, by=BY)
    row = Hold.objects.system("test").get()
    assert (row.from_at, row.until_at) == (NOW + 2 * DAY, None)


def test_a_rep_holds_the_own_account_only(lena: Contact) -> None:
    rep = factories.user("rep")
    with pytest.raises(PermissionDenied):
        actions.hold(lena.account, kind="outage", subject="x", at=NOW, by=rep)
    Account.objects.system("test").filter(pk=lena.account_id).update(owner=rep)
    actions.hold(lena.account, kind="outage", subject="x", at=NOW, by=rep)
    assert Hold.objects.system("test").count() == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_reservations_at_once_never_pass_the_limits() -> None:
    account = factories.account()
    people = [factories.contact(account) for _ in range(4)]
    start, results = threading.Barrier(20), []

    def reserve(contact: Contact) -> None:
        start.wait()
        try:
            results.append(take(contact))
        finally:
            connection.close()

    threads = [threading.Thread(target=reserve, args=(people[n % 4],)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = Reservation.objects.system("test")
    assert len(results) == 20
    assert rows.count() == 6
    assert max(rows.filter(contact=one).count() for one in people) <= 3
