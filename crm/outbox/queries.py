"""What may go out, what has gone out, and how it stands with the mails of a list."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db.models import Count

from crm.accounts.actions import held as held_by
from crm.attention.models import ReservationState
from crm.attention.queries import held
from crm.audit.models import AuditRow
from crm.consents import rules as consents
from crm.consents.queries import last_word
from crm.contacts.models import Contact
from crm.outbox import rules
from crm.outbox.models import MailKind, MailState, OutboundMail, Pause, Reason, Suppression
from crm.staff.models import User
from crm.staff.queries import known_salt, salt, scope_of

PAGE = 50
WHY = "the machinery of sending serves every account"


def is_suppressed(address: str, scopes: Iterable[str]) -> bool:
    hashed = rules.address_hash(address, salt())
    return Suppression.objects.filter(address_hash=hashed, scope__in=list(scopes)).exists()


def refused_scopes(address: str) -> set[str]:
    """What this address refuses, by itself or because it bounced: scopes of crm.outbox.rules."""
    found = Suppression.objects.filter(address_hash=rules.address_hash(address, known_salt()))
    return set(found.values_list("scope", flat=True))


def sender(user: User) -> rules.Sender:
    return rules.Sender(user.pk, user.team_id, user.role, user.is_active)


def may_decide(user: User, mail: OutboundMail) -> bool:
    """Whether this person may cancel the mail, send it again or say that it was sent."""
    return rules.writes_to(sender(user), held_by(mail.account), scope_of(user).covers)


def contact_reason(contact: Contact, kind: str, *, unattended: bool, address: str) -> Reason:
    """Why this person may not be written to, or Reason.NONE."""
    if contact.erased_at:
        return Reason.ERASED
    if contact.left_on:
        return Reason.LEFT
    try:
        rules.mailable(address)
    except rules.Unmailable:
        return Reason.NO_ADDRESS
    return Reason.SUPPRESSED if is_suppressed(address, rules.scopes(kind, unattended)) else Reason.NONE


def consent_reason(contact: Contact, mail: OutboundMail) -> Reason:
    """What the person's recorded consent says against the mail. A stated exemption never outweighs a no."""
    if mail.kind == MailKind.TRANSACTIONAL or (mail.reply and mail.kind != MailKind.ADVERTISING):
        return Reason.NONE
    purpose = mail.purpose or mail.kind
    said = last_word(contact, purpose)
    if said is None and mail.exemption:
        return Reason.NONE
    if not consents.allows(purpose, said):
        return Reason.NO_CONSENT if said is None else Reason.WITHDRAWN
    return Reason.NONE


def is_unmarked(contact: Contact, mail: OutboundMail) -> bool:
    """Whether it is advertising to Korea without the mark and the way out; the person may have moved since."""
    language = contact.language or mail.account.language
    if not rules.must_be_marked(mail.kind, language, contact.time_zone or mail.account.time_zone):
        return False
    return not (mail.subject.startswith(rules.MARK) and "List-Unsubscribe" in mail.headers)


def stop_reason(mail: OutboundMail, *, at: datetime) -> Reason:
    """Why this mail must not be handed over now, or Reason.NONE; everything that was checked at approval again.

    `mail` comes with account, owner, contact, signer, approver and reservation, freshly read.
    """
    contact = mail.contact
    reason = contact_reason(contact, mail.kind, unattended=mail.unattended, address=mail.to_address)
    if reason:
        return reason
    if not rules.same_address(contact.email, mail.to_address) or contact.account_id != mail.account_id:
        return Reason.NEW_ADDRESS
    if mail.frozen != mail.body_hash:
        return Reason.CHANGED
    if reason := consent_reason(contact, mail):
        return reason
    if is_unmarked(contact, mail):
        return Reason.UNMARKED
    if mail.late_at and mail.late_at <= at:
        return Reason.LATE
    if not _still_approved(mail):
        return Reason.NOT_OURS
    if mail.is_ask and held(mail.account_id, at=at):
        return Reason.HELD
    if mail.budgeted and (mail.reservation is None or mail.reservation.state != ReservationState.RESERVED):
        return Reason.CONTACT_BUDGET
    return Reason.NONE


def _still_approved(mail: OutboundMail) -> bool:
    shared = is_shared(mail.kind, unattended=mail.unattended)
    approver, signer = sender(mail.approved_by), sender(mail.signer)
    return rules.approves(approver, signer, held_by(mail.account), shared=shared)


def is_shared(kind: str, *, unattended: bool) -> bool:
    """Mail that is approved as a whole rather than one by one by its signer."""
    return kind == "survey" or unattended


def bounces() -> tuple[int, int]:
    """Hard bounces among the last 200 settled mails, and how many those were, since sending last stopped itself."""
    settled = OutboundMail.objects.system(WHY).filter(state__in=[MailState.SENT, MailState.FAILED])
    last = Pause.objects.order_by("-at").first()
    if last:
        settled = settled.filter(settled_at__gt=last.at)
    reasons = list(settled.order_by("-settled_at", "-pk").values_list("reason", flat=True)[: rules.LAST_MAILS])
    return sum(1 for reason in reasons if reason == Reason.HARD_BOUNCE), len(reasons)


def standing_pause() -> Pause | None:
    return Pause.objects.filter(lifted_at=None).order_by("-at").first()


@dataclass(frozen=True)
class Page:
    """One screenful of mails, the newest first, and the cursors of its neighbours."""

    rows: list[OutboundMail]
    newer: int | None
    older: int | None


def mails(
    user: User,
    *,
    state: str = "",
    kind: str = "",
    account: int | None = None,
    after: int | None = None,
    before: int | None = None,
) -> Page:
    """The mails that `user` sees: those older than the id `after`, or newer than the id `before`."""
    rows = OutboundMail.objects.visible_to(user).select_related("account", "contact", "signer")
    chosen = {"state": state, "kind": kind, "account": account}
    rows = rows.filter(**{name: value for name, value in chosen.items() if value})
    if before is not None:
        found = list(rows.filter(pk__gt=before).order_by("pk")[: PAGE + 1])
        shown = found[:PAGE][::-1]
        newer, older = len(found) > PAGE, bool(shown)
    else:
        if after is not None:
            rows = rows.filter(pk__lt=after)
        found = list(rows.order_by("-pk")[: PAGE + 1])
        shown = found[:PAGE]
        newer, older = after is not None and bool(shown), len(found) > PAGE
    return Page(shown, shown[0].pk if newer else None, shown[-1].pk if older else None)


class DueAndUnconfirmed(NamedTuple):
    """Since when the oldest mail that is due waits (None: none does), and how many may have been sent or not."""

    oldest_due_at: datetime | None
    unconfirmed: int


def due_and_unconfirmed(at: datetime) -> DueAndUnconfirmed:
    """How sending stands, over all accounts."""
    # Two looks rather than one: each finds its partial index, however many mails there have been.
    mails = OutboundMail.objects.system(WHY)
    waiting = mails.filter(state__in=[MailState.APPROVED, MailState.CLAIMED], due_at__lte=at)
    oldest = waiting.order_by("due_at", "pk").values_list("due_at", flat=True).first()
    return DueAndUnconfirmed(oldest, mails.filter(state=MailState.UNCONFIRMED).count())


def waiting_for_us(user: User) -> dict[str, int]:
    """How many of the mails that `user` sees need a person, by state."""
    rows = OutboundMail.objects.visible_to(user).filter(
        state__in=[MailState.UNCONFIRMED, MailState.FAILED, MailState.RETURNED]
    )
    return dict(rows.values_list("state").annotate(n=Count("pk")).order_by("state"))


def history(mail: OutboundMail) -> list[AuditRow]:
    """What happened to the mail, the newest first."""
    return list(AuditRow.objects.filter(object_kind="outboundmail", object_id=str(mail.pk)).order_by("-id"))
