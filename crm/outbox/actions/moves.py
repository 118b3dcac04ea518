"""One step of a mail's life: an UPDATE guarded by state and token, with its line in the record."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from crm.attention import actions as attention
from crm.attention.models import Refusal, Reservation
from crm.audit import actions as audit
from crm.audit.rules import Actor, System
from crm.outbox import rules
from crm.outbox.models import MailQuerySet, MailRefused, MailState, OutboundMail, Reason

OUTBOX = System("outbox")
OPEN = (MailState.APPROVED, MailState.CLAIMED)
HANDED = (MailState.HANDOFF, MailState.UNCONFIRMED)
MINE = "the row was found by its own key"


def whole(rows: MailQuerySet) -> MailQuerySet:
    """With everything that the last look before the handoff asks about."""
    return rows.select_related("account__owner", "contact", "signer", "approved_by", "reservation")


def record(what: str, mail: OutboundMail, *, at: datetime, by: Actor, **after: Any) -> None:
    """Leave a line about the mail; its subject may name a person and so never stands in the record."""
    signed = by.actor_kind == "user" and by.actor_id != str(mail.signer_id)
    audit.record(
        f"mail.{what}",
        ("outboundmail", str(mail.pk)),
        at=at,
        by=by,
        after={name: value for name, value in after.items() if value not in (None, "")},
        personal={"to"},
        key=bytes(mail.contact.audit_key or b"") if "to" in after else b"",
        on_behalf_of=mail.signer if signed else None,
    )


def move(
    mail: OutboundMail,
    states: Iterable[MailState],
    what: str,
    token: UUID | None = None,
    *,
    at: datetime,
    by: Actor = OUTBOX,
    **new: Any,
) -> bool:
    """Change the row if it still is in one of `states` and, where given, under this `token`; say whether it was."""
    rows = OutboundMail.objects.system(MINE).filter(pk=mail.pk, state__in=list(states))
    if token is not None:
        rows = rows.filter(claim=token)
    if not rows.update(**new):
        return False
    shown = {name: str(new[name]) for name in ("state", "reason", "retry_at") if new.get(name)}
    record(what, mail, at=at, by=by, said=rules.said_in_short(new.get("server_said") or ""), **shown)
    return True


def back(
    mail: OutboundMail,
    states: Iterable[MailState],
    what: str,
    token: UUID | None = None,
    *,
    at: datetime,
    by: Actor = OUTBOX,
    **new: Any,
) -> bool:
    """Let the mail wait again, held by nobody."""
    free: dict[str, Any] = {"state": MailState.APPROVED, "claim": None, "lease_until": None, "retry_at": None}
    return move(mail, states, what, token, at=at, by=by, **(free | new))


def end(
    mail: OutboundMail,
    states: Iterable[MailState],
    state: MailState,
    reason: Reason,
    token: UUID | None = None,
    *,
    at: datetime,
    by: Actor = OUTBOX,
    **new: Any,
) -> bool:
    """Settle a mail that is known not to have gone out, and give its share of the budget back."""
    final = {"state": state, "reason": reason.value, "settled_at": at, "claim": None, "lease_until": None}
    done = move(mail, states, state.value, token, at=at, by=by, **final, **new)
    if done and mail.reservation:
        attention.release(mail.reservation, at=at, by=by)
    return done


def reserve(mail: OutboundMail, *, manual: bool, at: datetime, by: Actor) -> Reservation:
    """Take the mail's share of the budget; raises MailRefused with the reason."""
    taken = attention.reserve(
        account=mail.account, contact=mail.contact, purpose=mail.kind, manual=manual, ask=mail.is_ask, at=at, by=by
    )
    if isinstance(taken, Refusal):
        raise MailRefused(Reason(taken.value))
    return taken
