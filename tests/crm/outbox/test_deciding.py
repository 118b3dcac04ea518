"""What people decide about a mail: cancel, mark sent, send again, stop an address, switch sending on."""

from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied

from crm.attention import actions as attention
from crm.attention.models import Reservation
from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.contacts.models import Contact
from crm.lib.mailer import FileTransport
from crm.outbox import actions, queries
from crm.outbox.models import MailRefused, OutboundMail, Pause, Reason, Suppression
from crm.staff.models import User
from crm.staff.queries import installation
from tests import factories
from tests.crm.outbox.letters import MINUTE, Clock, again, approve, contact
from tests.factories import NOW

BY = System("test")


@pytest.fixture
def lena(db: None) -> Contact:
    return contact("lena@customer.example")


@pytest.fixture
def owner(lena: Contact) -> User:
    assert lena.account.owner is not None
    return lena.account.owner


def in_state(mail: OutboundMail, state: str) -> OutboundMail:
    handed = {"handoff_at": NOW} if state == "unconfirmed" else {}
    OutboundMail.objects.system("test").filter(pk=mail.pk).update(state=state, **handed)
    if state == "unconfirmed" and mail.reservation:
        Reservation.objects.system("test").filter(pk=mail.reservation.pk).update(state="confirmed")
    return again(mail)


def test_a_waiting_mail_is_cancelled_once_and_gives_its_share_back(lena: Contact, owner: User) -> None:
    mail = approve(lena)
    assert actions.cancel(mail, at=NOW, by=owner) is True
    assert actions.cancel(mail, at=NOW, by=owner) is False
    assert (again(mail).state, Reservation.objects.system("test").get().state) == ("cancelled", "released")


@pytest.mark.parametrize("state", ["handoff", "sent", "unconfirmed", "failed"])
def test_what_was_handed_over_cannot_be_cancelled(lena: Contact, owner: User, state: str) -> None:
    mail = in_state(approve(lena), state)
    assert actions.cancel(mail, at=NOW, by=owner) is False
    assert again(mail).state == state


def test_only_an_unconfirmed_mail_is_marked_sent(lena: Contact, owner: User) -> None:
    mail = approve(lena)
    assert actions.mark_sent(mail, at=NOW, by=owner) is False
    in_state(mail, "unconfirmed")
    assert actions.mark_sent(mail, at=NOW, by=owner) is True
    assert (again(mail).state, again(mail).settled_at) == ("sent", NOW)
    row = AuditRow.objects.get(action="mail.marked_sent")
    assert (row.actor_label, row.on_behalf_of) == ("Mina Kwon", "")


def test_an_unconfirmed_mail_sent_again_takes_a_second_share_and_keeps_its_id(
    lena: Contact, owner: User, tmp_path: Path
) -> None:
    mail = in_state(approve(lena), "unconfirmed")
    assert actions.send_again(mail, at=NOW + MINUTE, by=owner) is True
    after = again(mail)
    assert (after.state, after.attempts, after.message_id) == ("approved", 0, mail.message_id)
    assert list(Reservation.objects.system("t").order_by("pk").values_list("state", flat=True)) == [
        "confirmed",
        "reserved",
    ]
    actions.send_due(clock=Clock(NOW + MINUTE), transport=FileTransport(tmp_path))
    assert again(mail).state == "sent"
    assert actions.send_again(mail, at=NOW + MINUTE, by=owner) is False


def test_a_failed_mail_is_sent_again_by_the_teams_manager_in_the_reps_name(lena: Contact, owner: User) -> None:
    lead = factories.user("manager", team=owner.team, name="Jo Lead")
    mail = in_state(approve(lena), "failed")
    assert actions.send_again(mail, at=NOW, by=lead) is True
    assert (again(mail).approved_by, again(mail).signer) == (lead, owner)
    assert AuditRow.objects.get(action="mail.sent_again").on_behalf_of == "Mina Kwon"


@pytest.mark.parametrize("role", ["rep", "ops_admin", "system_admin", "read_only", "manager"])
def test_nobody_else_decides(lena: Contact, role: str) -> None:
    mail = in_state(approve(lena), "unconfirmed")
    stranger = factories.user(role, team=factories.team())
    for decide in (actions.mark_sent, actions.send_again, actions.cancel, actions.stop_address):
        with pytest.raises(PermissionDenied):
            decide(mail, at=NOW, by=stranger)
    assert again(mail).state == "unconfirmed"


def test_a_suppressed_address_is_not_sent_to_again(lena: Contact, owner: User) -> None:
    mail = in_state(approve(lena), "failed")
    actions.suppress(lena.email, reason="hard_bounce", at=NOW, by=BY)
    with pytest.raises(MailRefused) as refused:
        actions.send_again(mail, at=NOW, by=owner)
    assert refused.value.reason is Reason.SUPPRESSED


def test_a_hold_keeps_a_failed_survey_back(lena: Contact, owner: User) -> None:
    mail = in_state(approve(lena, kind="survey", manual=False), "failed")
    attention.hold(lena.account, kind="outage", subject="x", at=NOW, by=BY)
    with pytest.raises(MailRefused) as refused:
        actions.send_again(mail, at=NOW, by=owner)
    assert refused.value.reason is Reason.HELD


def test_stopping_an_address_stops_what_waits_for_it(lena: Contact, owner: User, tmp_path: Path) -> None:
    mail = approve(lena)
    actions.stop_address(mail, at=NOW, by=owner)
    actions.send_due(clock=Clock(), transport=FileTransport(tmp_path))
    assert (again(mail).state, again(mail).reason) == ("suppressed", Reason.SUPPRESSED)


def test_a_suppression_is_one_row_per_address_and_scope_and_holds_no_address(db: None) -> None:
    assert actions.suppress("Lena@customer.example", reason="asked us", at=NOW, by=BY) is True
    assert actions.suppress("lena@CUSTOMER.example", reason="asked us", at=NOW, by=BY) is False
    assert "lena" not in str(list(Suppression.objects.values())).lower()
    assert queries.is_suppressed("lena@customer.example", {"everything"}) is True
    assert queries.is_suppressed("omar@customer.example", {"everything"}) is False


def test_a_system_admin_alone_switches_sending_on_again(db: None) -> None:
    factories.installation(sending=False)
    Pause.objects.create(at=NOW, bounced=11, of_last=200)
    for role in ("rep", "manager", "ops_admin", "read_only"):
        with pytest.raises(PermissionDenied):
            actions.resume(at=NOW, by=factories.user(role))
    actions.resume(at=NOW + MINUTE, by=factories.user("system_admin"))
    assert (installation().sending, queries.standing_pause()) == (True, None)
