"""The way out (rules.md §5): claim, address, last look, hand over, settle. No network inside a transaction."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from traceback import extract_tb
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F

from crm.attention import actions as attention
from crm.lib.mailer import Away, Envelope, Refused, Reply, Transport, Unanswered
from crm.outbox import emails, queries, rules
from crm.outbox.actions.deciding import suppress
from crm.outbox.actions.moves import HANDED, MINE, OPEN, OUTBOX, back, end, move, whole
from crm.outbox.models import MailState, OutboundMail, Pause, Reason
from crm.staff import actions as staff
from crm.staff.queries import installation

GONE = (Reason.SUPPRESSED, Reason.WITHDRAWN, Reason.ERASED, Reason.LEFT)
BROKEN = (Reason.CHANGED, Reason.NO_ADDRESS, Reason.BAD_HEADER)
TIDIED = 500
log = logging.getLogger("holdfast.outbox")


@dataclass
class Round:
    """What one round of sending did."""

    sent: int = 0
    stopped: int = 0
    deferred: int = 0
    unconfirmed: int = 0
    trouble: str = ""
    more: bool = False

    def __str__(self) -> str:
        counts = f"{self.sent} sent, {self.stopped} stopped, {self.deferred} later, {self.unconfirmed} unconfirmed"
        return f"{counts}; {self.trouble}" if self.trouble else counts


def send_due(*, clock: Callable[[], datetime], transport: Transport, seconds: float = 25) -> Round:
    """Send what is due, one mail after the other, for at most `seconds`; then say whether more is left."""
    started, done = clock(), Round()
    tidy(transport, at=started)
    if not installation().sending:
        done.trouble = "sending is switched off"
        return done
    try:
        while mail := claim(at=clock()):
            try:
                _deliver(mail, transport, clock, done)
            except Exception as error:
                # One mail's trouble is its own: its lease runs out, and the others go on. What the error
                # says may hold an address, so only its kind and place are logged.
                place = extract_tb(error.__traceback__)[-1]
                log.error("mail %s left to its lease: %s in %s", mail.pk, type(error).__name__, place.name)
                transport.reset()
            if done.trouble or clock() - started > timedelta(seconds=seconds):
                done.more = not done.trouble
                break
    finally:
        transport.close()
    return done


@transaction.atomic
def claim(*, at: datetime) -> OutboundMail | None:
    """Step 1: take the next due mail for the time of a lease, and count the attempt."""
    due = OutboundMail.objects.system(queries.WHY).claimable(at).order_by("due_at", "pk")
    mail = due.select_for_update(skip_locked=True).first()
    if mail is None:
        return None
    mail.state, mail.claim, mail.lease_until, mail.attempts = (
        MailState.CLAIMED,
        uuid4(),
        at + rules.LEASE,
        mail.attempts + 1,
    )
    mail.save(update_fields=["state", "claim", "lease_until", "attempts"])
    return mail


def _deliver(mail: OutboundMail, transport: Transport, clock: Callable[[], datetime], done: Round) -> None:
    token = mail.claim
    assert token is not None
    try:
        addresses = rules.mailable(mail.from_address), rules.mailable(mail.to_address)
    except rules.Unmailable:
        done.stopped += _stop(mail, Reason.NO_ADDRESS, token, at=clock())
        return
    try:
        transport.begin(Envelope(*addresses, mail.message_id))
    except Refused as error:
        _refused(mail, error, (MailState.CLAIMED,), token, done, at=clock())
        return
    except Away as error:
        _away(mail, error, token, done, at=clock())
        return
    data = hand_over(mail, token, done, at=clock())
    if data is None:
        transport.reset()
        return
    try:
        reply = transport.finish(data)
    except Refused as error:
        _refused(mail, error, HANDED, token, done, at=clock())
    except Unanswered as error:
        done.unconfirmed += _unanswered(mail, str(error), token, at=clock())
    else:
        done.sent += settle_sent(mail, reply, token, at=clock())


@transaction.atomic
def hand_over(mail: OutboundMail, token: UUID, done: Round, *, at: datetime) -> bytes | None:
    """Step 3: the last look before DATA. Returns the bytes to send, or None when they must not go."""
    mine = OutboundMail.objects.system(MINE).filter(
        pk=mail.pk, state=MailState.CLAIMED, claim=token, lease_until__gt=at
    )
    row = whole(mine).select_for_update(of=("self",)).first()
    if row is None:
        return None
    if not installation().sending:
        back(row, OPEN, "put_back", token, at=at, attempts=F("attempts") - 1)
        done.trouble = "sending is switched off"
        return None
    reason = queries.stop_reason(row, at=at)
    try:
        data = b"" if reason else emails.wire(row, at=at)
    except rules.Unmailable:
        reason = Reason.BAD_HEADER
    if not reason and row.reservation and not attention.confirm(row.reservation, at=at, by=OUTBOX):
        reason = Reason.CONTACT_BUDGET
    if reason:
        done.stopped += _stop(row, reason, token, at=at)
        return None
    new: dict[str, Any] = {"state": MailState.HANDOFF, "handoff_at": at, "lease_until": at + rules.LEASE}
    return data if move(row, (MailState.CLAIMED,), "handed_over", token, at=at, **new) else None


@transaction.atomic
def settle_sent(mail: OutboundMail, reply: Reply, token: UUID | None, *, at: datetime) -> bool:
    """Step 5, the good end; also for a yes that came after the lease, or for evidence found later."""
    new: dict[str, Any] = {
        "state": MailState.SENT,
        "settled_at": at,
        "server_said": f"{reply.code} {reply.words}",
        "reason": "",
    }
    return move(mail, HANDED, "sent", token, at=at, **new)


@transaction.atomic
def _refused(
    mail: OutboundMail, error: Refused, states: Iterable[MailState], token: UUID, done: Round, *, at: datetime
) -> None:
    """Known not sent: later for a 4xx, as long as there are attempts left; otherwise never."""
    reply = error.reply
    if reply.code < 500 and mail.attempts < rules.ATTEMPTS:
        done.deferred += _later(mail, states, Reason.NOT_NOW, str(error), token, at=at)
        return
    bounce = rules.is_hard_bounce(reply.code, reply.words, sender=error.sender)
    reason = Reason.ATTEMPTS if reply.code < 500 else Reason.HARD_BOUNCE if bounce else Reason.REFUSED
    stopped = end(mail, states, MailState.FAILED, reason, token, at=at, server_said=str(error))
    done.stopped += stopped
    if bounce and stopped:
        suppress(mail.to_address, reason="hard_bounce", at=at, by=OUTBOX)
        _pause_if_bouncing(done, at=at)


def _away(mail: OutboundMail, error: Away, token: UUID, done: Round, *, at: datetime) -> None:
    """No server: nobody's attempt is spent and the round ends. A server that hung up on this mail costs it one."""
    if error.reached:
        spent = mail.attempts >= rules.ATTEMPTS
        with transaction.atomic():
            if spent:
                done.stopped += end(mail, OPEN, MailState.FAILED, Reason.ATTEMPTS, token, at=at, server_said=str(error))
            else:
                done.deferred += _later(mail, OPEN, Reason.AWAY, str(error), token, at=at)
        return
    done.trouble = f"the mail server could not be reached ({error})"
    with transaction.atomic():
        again = at + rules.retry_in(1)
        new: dict[str, Any] = {
            "reason": Reason.AWAY,
            "server_said": str(error),
            "retry_at": again,
            "attempts": F("attempts") - 1,
        }
        done.deferred += back(mail, OPEN, "deferred", token, at=at, **new)


def _later(
    mail: OutboundMail, states: Iterable[MailState], reason: Reason, said: str, token: UUID, *, at: datetime
) -> bool:
    again = at + rules.retry_in(mail.attempts)
    moved = back(mail, states, "deferred", token, at=at, reason=reason, server_said=said, retry_at=again)
    if moved and mail.reservation:
        attention.reopen(mail.reservation, at=at, by=OUTBOX)
    return moved


@transaction.atomic
def _unanswered(mail: OutboundMail, said: str, token: UUID | None, *, at: datetime) -> bool:
    new: dict[str, Any] = {
        "state": MailState.UNCONFIRMED,
        "reason": Reason.NO_ANSWER,
        "server_said": said,
        "lease_until": None,
    }
    return move(mail, (MailState.HANDOFF,), "unconfirmed", token, at=at, **new)


@transaction.atomic
def _stop(mail: OutboundMail, reason: Reason, token: UUID | None, *, at: datetime) -> bool:
    """What must not go: gone people are suppressed, a broken mail failed; the rest returns to whoever wrote it."""
    state = MailState.RETURNED if mail.manual else MailState.CANCELLED
    if reason in GONE:
        state = MailState.SUPPRESSED
    elif reason in BROKEN:
        state = MailState.FAILED
    return end(mail, OPEN, state, reason, token, at=at)


def _pause_if_bouncing(done: Round, *, at: datetime) -> None:
    bounced, of_last = queries.bounces()
    if rules.pauses(bounced):
        Pause.objects.create(at=at, bounced=bounced, of_last=of_last)
        staff.change_installation(sending=False, at=at, by=OUTBOX)
        done.trouble = f"sending stopped itself: {bounced} of the last {of_last} mails bounced"


# Before each round


def tidy(transport: Transport, *, at: datetime) -> None:
    """Settle what time has settled: silence after a handoff, lateness, spent attempts, evidence found."""
    rows = OutboundMail.objects.system(queries.WHY).select_related("contact", "signer", "reservation")
    for mail in rows.silent(at).order_by("pk")[:TIDIED]:
        _unanswered(mail, "", mail.claim, at=at)
    for mail in rows.late(at).order_by("pk")[:TIDIED]:
        _stop(mail, Reason.LATE, mail.claim, at=at)
    for mail in rows.spent(at).order_by("pk")[:TIDIED]:
        _end_spent(mail, at=at)
    unsure = rows.filter(state=MailState.UNCONFIRMED, handoff_at__lte=at - rules.EVIDENCE_AFTER)
    for mail in unsure.order_by("-handoff_at", "pk")[:TIDIED]:
        if transport.holds(mail.message_id):
            settle_sent(mail, Reply(250, "found among the mails that were handed over"), mail.claim, at=at)


@transaction.atomic
def _end_spent(mail: OutboundMail, *, at: datetime) -> bool:
    return end(mail, OPEN, MailState.FAILED, Reason.ATTEMPTS, mail.claim, at=at)
