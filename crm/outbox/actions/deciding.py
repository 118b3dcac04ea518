"""What people decide about a mail that was approved, and which addresses get none any more."""

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q

from crm.attention import actions as attention
from crm.attention.models import Reservation, ReservationState
from crm.audit import actions as audit
from crm.audit.rules import Actor, System
from crm.contacts.actions import Merging
from crm.outbox import emails, queries, rules
from crm.outbox.actions.approving import require_approval
from crm.outbox.actions.moves import MINE, OPEN, back, end, move, reserve, whole
from crm.outbox.models import MailRefused, MailState, OutboundMail, Pause, Reason, Suppression, UnsubscribeLink
from crm.staff import actions as staff
from crm.staff.models import User
from crm.staff.queries import salt


@transaction.atomic
def cancel(mail: OutboundMail, *, at: datetime, by: Actor) -> bool:
    """Stop a mail that was not handed over yet. False when it is too late."""
    if isinstance(by, User):
        _require_decision(mail, by)
    return end(mail, OPEN, MailState.CANCELLED, Reason.NONE, at=at, by=by)


@transaction.atomic
def return_mails_of(user: User, *, at: datetime, by: Actor) -> int:
    """Stop what somebody who leaves signed or approved and what has not been handed over; returns how many.

    What a person wrote returns to be approved by somebody else, under another name; the rest is cancelled.
    """
    open_ = OutboundMail.objects.system("a signer leaves").filter(state__in=OPEN)
    mine = open_.filter(Q(signer=user) | Q(approved_by=user)).select_related("contact", "signer", "reservation")
    return sum(
        end(mail, OPEN, MailState.RETURNED if mail.manual else MailState.CANCELLED, Reason.SIGNER_LEFT, at=at, by=by)
        for mail in mine.order_by("pk")
    )


@transaction.atomic
def take_back(mail: OutboundMail, *, at: datetime, by: Actor) -> bool:
    """Return an approved mail to whoever writes it next, because the account is another one's. False: too late."""
    return end(mail, OPEN, MailState.RETURNED, Reason.NOT_OURS, at=at, by=by)


@transaction.atomic
def mark_sent(mail: OutboundMail, *, at: datetime, by: User) -> bool:
    """Settle an unconfirmed mail: somebody knows that it arrived."""
    _require_decision(mail, by)
    new: dict[str, Any] = {"state": MailState.SENT, "settled_at": at, "reason": ""}
    return move(mail, (MailState.UNCONFIRMED,), "marked_sent", at=at, by=by, **new)


@transaction.atomic
def send_again(mail: OutboundMail, *, at: datetime, by: User) -> bool:
    """Approve a failed or unconfirmed mail once more, under `by`'s name as the approver. False when it is neither.

    An unconfirmed first copy keeps its share of the budget, since it may have arrived. The Message-ID stays,
    so that most mailboxes show a second copy of the same mail once.
    """
    attention.lock(mail.account)
    row = whole(OutboundMail.objects.system(MINE).filter(pk=mail.pk)).select_for_update(of=("self",)).get()
    if not row.can_go_again:
        return False
    _require_decision(row, by)
    require_approval(row.account, row.kind, row.signer, by, unattended=row.unattended, by=by)
    reason = queries.contact_reason(row.contact, row.kind, unattended=row.unattended, address=row.to_address)
    reason = reason or queries.consent_reason(row.contact, row)
    if reason:
        raise MailRefused(reason)
    new: dict[str, Any] = {"approved_by": by, "approved_at": at, "due_at": at, "late_at": None, "attempts": 0}
    new |= {"reservation": reserve(row, manual=True, at=at, by=by) if row.budgeted else None}
    new |= {"settled_at": None, "handoff_at": None, "server_said": "", "reason": ""}
    return back(row, (MailState(row.state),), "sent_again", at=at, by=by, **new)


@transaction.atomic
def stop_address(mail: OutboundMail, *, at: datetime, by: User) -> None:
    """The person told us to write no more: nothing goes to this address from now on."""
    _require_decision(mail, by)
    suppress(mail.to_address, reason="asked us", at=at, by=by)


def _require_decision(mail: OutboundMail, by: User) -> None:
    if not queries.may_decide(by, mail):
        raise PermissionDenied


@transaction.atomic
def hold_waiting(*, at: datetime, by: Actor) -> int:
    """After a restore: what waited or was on its way may have gone out since, so a person decides about each.

    Their shares of the budget count as used. Returns how many.
    """
    waiting = OutboundMail.objects.system("a backup was restored").filter(state__in=(*OPEN, MailState.HANDOFF))
    shares = Reservation.objects.system(MINE).filter(pk__in=waiting.values("reservation"))
    shares.filter(state=ReservationState.RESERVED).update(state=ReservationState.CONFIRMED, at=at)
    new: dict[str, Any] = {"state": MailState.UNCONFIRMED, "reason": Reason.RESTORED, "claim": None, "retry_at": None}
    held = waiting.update(lease_until=None, **new)
    if held:
        audit.record("mails.held", ("outboundmail", "all"), at=at, by=by, after={"held": held})
    return held


@transaction.atomic
def resume(*, at: datetime, by: User) -> None:
    """Switch sending on again after it stopped itself."""
    if not by.may("manage_users"):
        raise PermissionDenied
    staff.change_installation(sending=True, at=at, by=by)
    Pause.objects.filter(lifted_at=None).update(lifted_at=at)


def suppress(address: str, *, reason: str, scope: str = rules.EVERYTHING, at: datetime, by: Actor) -> bool:
    """Refuse all mail, or one kind of it, to this address. False when it was refused already."""
    return suppress_hash(rules.address_hash(address, salt()), reason=reason, scope=scope, at=at, by=by)


@transaction.atomic
def suppress_hash(address_hash: str, *, reason: str, scope: str, at: datetime, by: Actor) -> bool:
    row, new = Suppression.objects.get_or_create(
        address_hash=address_hash, scope=scope, defaults={"reason": reason, "at": at}
    )
    if new:
        audit.record("address.suppressed", row, at=at, by=by, after={"scope": scope, "reason": reason})
    return new


def keep_refusals(merging: Merging, *, at: datetime, by: Actor) -> list[int]:
    """Of two records that become one: what either address refused, the one that stays refuses. It outlives an undo."""
    if merging.email:
        for contact in (merging.contact, merging.into):
            for scope in sorted(queries.refused_scopes(contact.email) if contact.email else ()):
                suppress(merging.email, reason="merged", scope=scope, at=at, by=by)
    return []


@transaction.atomic
def unsubscribe(token: str, *, everything: bool = False, at: datetime) -> bool:
    """Follow an unsubscribe link at once, also for mail that is approved already. False for a link that is not ours."""
    found = emails.link_id(token)
    link = UnsubscribeLink.objects.filter(pk=found).first() if found else None
    if link is None:
        return False
    scope = rules.EVERYTHING if everything else link.scope
    suppress_hash(link.address_hash, reason="unsubscribed", scope=scope, at=at, by=System("unsubscribe link"))
    return True
