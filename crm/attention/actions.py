"""Taking, confirming and giving back shares of the attention budget, and holding asks for a while."""

from datetime import datetime

from django.db import transaction

from crm.accounts import actions as accounts
from crm.accounts.models import Account
from crm.attention.models import Hold, Refusal, Reservation, ReservationState
from crm.attention.queries import held, use_of
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.contacts.models import Contact

MINE = "the row was found by its own key"


def lock(account: Account) -> None:
    """Hold the account's row until the transaction ends, so that two approvals never count the same rest.

    NO KEY: it excludes other approvals but not the many inserts that merely point at the account.
    """
    rows = Account.objects.system("approvals of one account wait for one another")
    rows.select_for_update(no_key=True).values_list("pk", flat=True).get(pk=account.pk)


@transaction.atomic
def reserve(
    *,
    account: Account,
    contact: Contact,
    purpose: str,
    at: datetime,
    by: Actor,
    manual: bool = False,
    ask: bool = True,
) -> Reservation | Refusal:
    """Take one mail's share of both limits, or say why not; the account stays locked until the caller commits.

    `manual` mail goes beyond a limit as an overdraft. `ask`: it is refused while a hold stands.
    """
    lock(account)
    if ask and held(account, at=at):
        return Refusal.HELD
    exhausted = use_of(contact.pk, account.pk, at=at).exhausted
    if exhausted and not manual:
        return Refusal(exhausted)
    row = Reservation.objects.create(
        account=account, contact=contact, purpose=purpose, overdraft=bool(exhausted), at=at
    )
    audit.record("attention.reserved", row, at=at, by=by, after={"contact": contact.pk, "overdraft": row.overdraft})
    return row


def confirm(reservation: Reservation, *, at: datetime, by: Actor) -> bool:
    """Count the mail from its handoff on. False when the share is not reserved any more."""
    return _move(reservation, (ReservationState.RESERVED,), ReservationState.CONFIRMED, at=at, by=by)


def release(reservation: Reservation, *, at: datetime, by: Actor) -> bool:
    """Give the share back, because the mail is known not to have gone out."""
    taken = (ReservationState.RESERVED, ReservationState.CONFIRMED)
    return _move(reservation, taken, ReservationState.RELEASED, at=at, by=by)


def reopen(reservation: Reservation, *, at: datetime, by: Actor) -> bool:
    """Turn a confirmed share back into a reserved one: the server said "not now" and the mail is tried again."""
    return _move(reservation, (ReservationState.CONFIRMED,), ReservationState.RESERVED, at=at, by=by)


@transaction.atomic
def _move(
    row: Reservation, before: tuple[ReservationState, ...], after: ReservationState, *, at: datetime, by: Actor
) -> bool:
    moved = Reservation.objects.system(MINE).filter(pk=row.pk, state__in=before).update(state=after, at=at)
    if moved:
        audit.record(f"attention.{after.value}", row, at=at, by=by)
        row.state, row.at = after, at
    return bool(moved)


@transaction.atomic
def hold(
    account: Account, *, kind: str, subject: str, at: datetime, by: Actor, until_at: datetime | None = None
) -> Hold:
    """Ask the account nothing from now on; the same cause again keeps the one row and its new end."""
    account = accounts.require_write(account, by=by)
    rows = Hold.objects.system(MINE).filter(account=account, kind=kind, subject=subject)
    row = rows.first() or Hold(account=account, kind=kind, subject=subject, from_at=at)
    if row.pk and row.until_at and row.until_at <= at:
        row.from_at = at
    row.until_at = until_at
    row.save()
    audit.record("attention.held", row, at=at, by=by, after={"account": account.pk, "until": until_at})
    return row


@transaction.atomic
def lift(account: Account, *, kind: str, subject: str, at: datetime, by: Actor) -> bool:
    """End a standing hold. False when there was none."""
    account = accounts.require_write(account, by=by)
    rows = Hold.objects.system(MINE).standing(at).filter(account=account, kind=kind, subject=subject)
    row = rows.select_for_update().order_by("pk").first()
    if row is None:
        return False
    row.until_at = at
    row.save(update_fields=["until_at"])
    audit.record("attention.lifted", row, at=at, by=by, after={"account": account.pk})
    return True
