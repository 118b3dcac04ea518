"""The way out, step by step: what happens before the handoff, at it, and when no answer comes."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from crm.accounts.models import Account
from crm.attention import actions as attention
from crm.attention.models import Reservation
from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.contacts.models import Contact
from crm.lib import mailer
from crm.lib.mailer import Envelope, FileTransport, Reply, SmtpTransport
from crm.outbox import actions
from crm.outbox.actions.sending import Round
from crm.outbox.models import OutboundMail, Pause, Reason, Suppression
from crm.staff.models import Installation, User
from crm.staff.queries import installation
from tests import factories
from tests.crm.outbox.letters import MINUTE, Clock, again, approve, contact
from tests.crm.outbox.sink import Sink, running
from tests.factories import NOW

BY = System("test")


class Between(FileTransport):
    """Files, with something happening between RCPT TO and DATA; counts what was given up."""

    def __init__(self, folder: Path, happens: Callable[[], Any] = lambda: None) -> None:
        super().__init__(folder)
        self.happens, self.given_up = happens, 0

    def begin(self, envelope: Envelope) -> None:
        super().begin(envelope)
        self.happens()

    def reset(self) -> None:
        self.given_up += 1
        super().reset()


@pytest.fixture
def lena(db: None) -> Contact:
    return contact("lena@customer.example")


@pytest.fixture
def files(tmp_path: Path) -> Between:
    return Between(tmp_path)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with running(Sink()) as sink:
        yield sink


def smtp(sink: Sink) -> SmtpTransport:
    return SmtpTransport("smtp", "127.0.0.1", sink.port)


def send(transport: mailer.Transport, *, at: Any = NOW) -> Round:
    return actions.send_due(clock=Clock(at), transport=transport)


def share(mail: OutboundMail) -> str:
    assert mail.reservation_id is not None
    return Reservation.objects.system("test").get(pk=mail.reservation_id).state


def test_a_due_mail_goes_out_once_with_the_servers_words(lena: Contact, sink: Sink) -> None:
    mail = approve(lena)
    assert str(send(smtp(sink))) == "1 sent, 0 stopped, 0 later, 0 unconfirmed"
    assert str(send(smtp(sink))) == "0 sent, 0 stopped, 0 later, 0 unconfirmed"
    after = again(mail)
    assert (after.state, after.server_said, after.settled_at) == ("sent", "250 2.0.0 queued as 42", NOW)
    assert (share(mail), sink.addresses()) == ("confirmed", ["lena@customer.example"])
    assert f"Message-ID: {mail.message_id}".encode() in sink.taken[0][1]


def test_the_record_tells_the_life_of_a_mail(lena: Contact, files: Between) -> None:
    mail = approve(lena)
    send(files)
    lines = AuditRow.objects.filter(object_kind="outboundmail", object_id=str(mail.pk)).order_by("id")
    assert list(lines.values_list("action", flat=True)) == ["mail.approved", "mail.handed_over", "mail.sent"]


def test_mail_before_its_time_waits(lena: Contact, files: Between) -> None:
    mail = approve(lena, due_at=NOW + MINUTE)
    send(files)
    assert again(mail).state == "approved"
    send(files, at=NOW + MINUTE)
    assert again(mail).state == "sent"


def test_a_late_mail_goes_back_to_the_rep_and_gives_its_share_back(lena: Contact, files: Between) -> None:
    mail = approve(lena, late_at=NOW + MINUTE)
    send(files, at=NOW + MINUTE)
    after = again(mail)
    assert (after.state, after.reason, share(mail)) == ("returned", Reason.LATE, "released")
    assert list(files.folder.glob("*.eml")) == []


def test_a_late_survey_is_dropped_with_its_reason(lena: Contact, files: Between) -> None:
    mail = approve(lena, kind="survey", manual=False, late_at=NOW + MINUTE)
    send(files, at=NOW + MINUTE)
    assert (again(mail).state, again(mail).reason) == ("cancelled", Reason.LATE)


def change_contact(lena: Contact, **new: Any) -> None:
    Contact.objects.system("test").filter(pk=lena.pk).update(**new)


def change_mail(mail: OutboundMail, **new: Any) -> None:
    OutboundMail.objects.system("test").filter(pk=mail.pk).update(**new)


# Whatever happens to the world after RCPT TO is seen before DATA.
CHANGES: dict[str, tuple[Callable[[Contact, OutboundMail], Any], str, Reason]] = {
    "erased": (lambda lena, mail: change_contact(lena, erased_at=NOW), "suppressed", Reason.ERASED),
    "left": (lambda lena, mail: change_contact(lena, left_on=NOW.date()), "suppressed", Reason.LEFT),
    "unsubscribed": (
        lambda lena, mail: actions.suppress(lena.email, reason="unsubscribed", at=NOW, by=BY),
        "suppressed",
        Reason.SUPPRESSED,
    ),
    "new address": (lambda lena, mail: change_contact(lena, email="l@a.example"), "returned", Reason.NEW_ADDRESS),
    "text touched": (lambda lena, mail: change_mail(mail, body_text="Something else"), "failed", Reason.CHANGED),
    "address touched": (lambda lena, mail: change_mail(mail, to_address="x@a.example"), "returned", Reason.NEW_ADDRESS),
    "handed to another": (
        lambda lena, mail: Account.objects.system("t").filter(pk=lena.account_id).update(owner=factories.user("rep")),
        "returned",
        Reason.NOT_OURS,
    ),
    "signer deactivated": (
        lambda lena, mail: User.objects.filter(pk=mail.signer_id).update(is_active=False),
        "returned",
        Reason.NOT_OURS,
    ),
    "approver's role changed": (
        lambda lena, mail: User.objects.filter(pk=mail.approved_by_id).update(role="read_only"),
        "returned",
        Reason.NOT_OURS,
    ),
    "share taken away": (
        lambda lena, mail: Reservation.objects.system("t").filter(contact=lena).update(state="released"),
        "returned",
        Reason.CONTACT_BUDGET,
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_last_look_sees_what_changed_after_rcpt_to(lena: Contact, tmp_path: Path, what: str) -> None:
    change, state, reason = CHANGES[what]
    mail = approve(lena)
    files = Between(tmp_path, lambda: change(lena, mail))
    assert send(files).stopped == 1
    after = again(mail)
    assert (after.state, after.reason, files.given_up) == (state, reason, 1)
    assert list(tmp_path.glob("*.eml")) == []
    assert share(mail) == "released"


def test_a_hold_stops_an_approved_survey_but_not_the_reps_word(lena: Contact, files: Between) -> None:
    survey, word = approve(lena, kind="survey", manual=False), approve(lena)
    attention.hold(lena.account, kind="detractor", subject="a:1", at=NOW, by=BY)
    send(files)
    assert (again(survey).state, again(survey).reason, again(word).state) == ("cancelled", Reason.HELD, "sent")


def test_a_mail_that_another_worker_took_over_is_given_up(lena: Contact, tmp_path: Path) -> None:
    mail = approve(lena)
    clock, taken_over = Clock(), []

    def the_lease_runs_out() -> None:
        clock.now += timedelta(seconds=121)
        taken_over.append(actions.claim(at=clock.now))

    between = Between(tmp_path, the_lease_runs_out)
    done = actions.send_due(clock=clock, transport=between)
    assert [mail.pk for mail in taken_over if mail] == [mail.pk]
    assert (done.sent, between.given_up, list(tmp_path.glob("*.eml"))) == (0, 1, [])
    assert (again(mail).state, again(mail).attempts) == ("claimed", 2)


def test_a_cancelled_mail_is_given_up_even_after_it_was_claimed(lena: Contact, tmp_path: Path) -> None:
    mail = approve(lena)
    files = Between(tmp_path, lambda: actions.cancel(mail, at=NOW, by=BY))
    assert send(files).sent == 0
    assert (again(mail).state, share(mail), files.given_up) == ("cancelled", "released", 1)


def test_switching_sending_off_stops_at_once_and_costs_no_attempt(lena: Contact, tmp_path: Path) -> None:
    mail = approve(lena)
    files = Between(tmp_path, lambda: factories.installation(sending=False))
    assert send(files).trouble == "sending is switched off"
    assert (again(mail).state, again(mail).attempts, share(mail)) == ("approved", 0, "reserved")
    assert send(files).trouble == "sending is switched off"
    assert again(mail).attempts == 0


def test_a_4xx_waits_longer_each_time_and_fails_after_five(sink: Sink, db: None) -> None:
    mail, at, waits = approve(contact("busy@customer.example")), NOW, []
    for _ in range(5):
        send(smtp(sink), at=at)
        after = again(mail)
        if after.state == "approved":
            assert after.retry_at is not None
            waits.append((after.retry_at - at) // MINUTE)
            at = after.retry_at
    assert waits == [1, 5, 15, 60]
    assert (after.state, after.reason, after.server_said) == ("failed", Reason.ATTEMPTS, "450 4.2.0 try later")
    assert share(mail) == "released"


def test_a_4xx_after_the_text_waits_too_with_its_share_reserved(sink: Sink, db: None) -> None:
    mail = approve(contact("later@customer.example"))
    assert send(smtp(sink)).deferred == 1
    assert (again(mail).state, again(mail).reason, share(mail)) == ("approved", Reason.NOT_NOW, "reserved")


def test_a_5xx_fails_and_an_unknown_address_gets_no_more_mail(sink: Sink, db: None) -> None:
    gone, spam, policy = (approve(contact(f"{word}@customer.example")) for word in ("gone", "spam", "policy"))
    assert send(smtp(sink)).stopped == 3
    assert [(again(mail).state, again(mail).reason) for mail in (gone, spam, policy)] == [
        ("failed", Reason.HARD_BOUNCE),
        ("failed", Reason.REFUSED),
        ("failed", Reason.REFUSED),
    ]
    assert list(Suppression.objects.values_list("scope", "reason")) == [("everything", "hard_bounce")]
    assert [share(mail) for mail in (gone, spam, policy)] == ["released"] * 3


@pytest.mark.parametrize("word", ["drop", "odd", "hang"])
def test_no_clear_answer_is_unconfirmed_and_never_tried_again(
    sink: Sink, db: None, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailer, "BUDGET", 0.5)
    mail = approve(contact(f"{word}@customer.example"))
    assert send(smtp(sink)).unconfirmed == 1
    assert send(smtp(sink), at=NOW + timedelta(days=1)).sent == 0
    assert (again(mail).state, share(mail)) == ("unconfirmed", "confirmed")
    assert len(sink.taken) == (0 if word == "odd" else 1)


def test_one_recipients_trouble_never_touches_another(sink: Sink, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailer, "BUDGET", 0.5)
    words = ["gone", "anna", "busy", "hangup", "bert", "drop", "spam", "cora", "hang", "later", "dora"]
    mails = {word: approve(contact(f"{word}@customer.example")) for word in words}
    done = send(smtp(sink))
    assert str(done) == "4 sent, 2 stopped, 3 later, 2 unconfirmed"
    assert {word for word in words if again(mails[word]).state == "sent"} == {"anna", "bert", "cora", "dora"}


def test_an_unusable_address_that_got_into_the_row_stops_only_itself(lena: Contact, files: Between) -> None:
    bad, good = approve(lena), approve(contact())
    change_mail(bad, to_address="a@b\r\nBcc: c@d.example")
    assert (send(files).sent, again(bad).state, again(good).state) == (1, "failed", "sent")


def test_a_server_that_is_away_costs_nobody_an_attempt(db: None) -> None:
    one, two = approve(contact()), approve(contact())
    done = send(SmtpTransport("smtp", "127.0.0.1", 9))
    assert (done.deferred, done.trouble.startswith("the mail server could not be reached")) == (1, True)
    assert [(again(mail).state, again(mail).attempts) for mail in (one, two)] == [("approved", 0), ("approved", 0)]
    assert again(one).retry_at == NOW + MINUTE


def test_a_server_that_hangs_up_on_one_mail_costs_it_its_attempts(sink: Sink, db: None) -> None:
    mail, at = approve(contact("hangup@customer.example")), NOW
    for _ in range(5):
        send(smtp(sink), at=at)
        at += timedelta(hours=2)
    assert (again(mail).state, again(mail).reason) == ("failed", Reason.ATTEMPTS)


def test_a_worker_that_dies_before_the_handoff_loses_nothing(lena: Contact, files: Between) -> None:
    mail = approve(lena)
    assert actions.claim(at=NOW) is not None
    assert send(files, at=NOW + MINUTE).sent == 0
    assert send(files, at=NOW + 2 * MINUTE).sent == 1
    assert again(mail).attempts == 2


def test_a_mail_that_kills_its_worker_is_parked_after_five(lena: Contact, files: Between) -> None:
    mail, at = approve(lena), NOW
    for _ in range(5):
        assert actions.claim(at=at) is not None
        at += 3 * MINUTE
    assert send(files, at=at).sent == 0
    assert (again(mail).state, again(mail).reason, share(mail)) == ("failed", Reason.ATTEMPTS, "released")


def handed_over(mail: OutboundMail) -> OutboundMail:
    """As a worker leaves it that dies right after the handoff was written down."""
    held = actions.claim(at=NOW)
    assert held is not None and held.pk == mail.pk and held.claim is not None
    assert actions.hand_over(held, held.claim, Round(), at=NOW) is not None
    return held


def test_a_worker_that_dies_after_the_handoff_leaves_an_unconfirmed_mail(lena: Contact, files: Between) -> None:
    mail = approve(lena)
    handed_over(mail)
    send(files, at=NOW + MINUTE)
    assert again(mail).state == "handoff"
    send(files, at=NOW + 2 * MINUTE)
    assert (again(mail).state, again(mail).reason) == ("unconfirmed", Reason.NO_ANSWER)
    send(files, at=NOW + timedelta(days=30))
    assert (again(mail).state, list(files.folder.glob("*.eml"))) == ("unconfirmed", [])


def test_an_unconfirmed_mail_is_settled_by_its_file_after_fifteen_minutes(lena: Contact, files: Between) -> None:
    mail = approve(lena)
    handed_over(mail)
    files.begin(Envelope("a@ours.example", "lena@customer.example", mail.message_id))
    files.finish(b"as it was written before the power went")
    send(files, at=NOW + 14 * MINUTE)
    assert again(mail).state == "unconfirmed"
    send(files, at=NOW + 15 * MINUTE)
    assert again(mail).state == "sent"


def test_a_yes_that_comes_after_the_lease_still_counts(lena: Contact, files: Between) -> None:
    mail = approve(lena)
    held = handed_over(mail)
    send(files, at=NOW + 2 * MINUTE)
    assert actions.settle_sent(held, Reply(250, "at last"), held.claim, at=NOW + 3 * MINUTE) is True
    assert again(mail).state == "sent"
    assert actions.settle_sent(held, Reply(250, "twice"), held.claim, at=NOW + 3 * MINUTE) is False


def test_eleven_hard_bounces_pause_sending_and_say_so(sink: Sink, db: None) -> None:
    for _ in range(12):
        approve(contact("gone@customer.example"))
    Suppression.objects.all().delete()
    mails = OutboundMail.objects.system("test").order_by("pk")
    done = None
    for n in range(12):
        # Each is another address in real life; here the refusal is forgotten so that the server is asked again.
        Suppression.objects.all().delete()
        mails.filter(state="approved").update(due_at=NOW + timedelta(days=1))
        mails.filter(pk=mails[n].pk).update(due_at=NOW)
        done = send(smtp(sink))
    assert done is not None and done.trouble == "sending is switched off"
    assert [(row.bounced, row.of_last) for row in Pause.objects.all()] == [(11, 11)]
    assert (installation().sending, mails.filter(state="failed").count()) == (False, 11)
    assert AuditRow.objects.filter(action="installation.changed").count() == 1


def test_a_round_ends_when_its_time_is_over_and_says_that_more_is_left(db: None, tmp_path: Path) -> None:
    for _ in range(3):
        approve(contact())
    clock = Clock()

    def ten_seconds_pass() -> None:
        clock.now += timedelta(seconds=10)

    done = actions.send_due(clock=clock, transport=Between(tmp_path, ten_seconds_pass), seconds=15)
    assert (done.sent, done.more) == (2, True)


@pytest.mark.django_db(transaction=True)
def test_nothing_of_the_network_happens_inside_a_transaction(tmp_path: Path) -> None:
    seen = []

    class Watched(FileTransport):
        def begin(self, envelope: Envelope) -> None:
            seen.append(("begin", connection.in_atomic_block))
            super().begin(envelope)

        def finish(self, data: bytes) -> Reply:
            # What another process would see at this very moment, had this one died.
            seen.append(("finish", connection.in_atomic_block))
            states.append(OutboundMail.objects.system("test").get().state)
            return super().finish(data)

    states: list[str] = []
    approve(contact())
    send(Watched(tmp_path))
    assert seen == [("begin", False), ("finish", False)]
    assert states == ["handoff"]


def test_sending_is_on_unless_somebody_switched_it_off(db: None) -> None:
    assert (Installation.objects.count(), installation().sending) == (0, True)
