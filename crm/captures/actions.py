"""What happens to mail that one of us sent with the capture address in BCC. No answer is ever sent, whatever comes."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from crm.accounts.actions import may_write, require_write
from crm.accounts.models import Account
from crm.audit import actions as audit
from crm.captures import queries
from crm.captures.models import CaptureAddress, CapturedMail, CaptureState
from crm.captures.rules import Letter
from crm.contacts.models import Contact
from crm.conversations import actions as conversations
from crm.conversations.models import Channel, Conversation
from crm.outbox.rules import normal
from crm.staff.actions import require
from crm.staff.models import User

SLOW = timedelta(minutes=5)


@transaction.atomic
def make_new_address(*, at: datetime, by: User) -> CaptureAddress:
    """Give `by` another address; mail to the old one is not taken in any more."""
    require("write_account", by=by)
    row, _new = CaptureAddress.objects.select_for_update().get_or_create(user=by, defaults={"made_at": at})
    row.version, row.made_at = row.version + 1, at
    row.save()
    audit.record("capture.address_made", row, at=at, by=by, after={"version": row.version})
    return row


@transaction.atomic
def capture(letter: Letter, *, at: datetime, by: User) -> CapturedMail | None:
    """Take in a mail that came to the address of `by`, once. None: it was there already, or is not to be taken in.

    Only what has that person in From: the address alone may have been forwarded, a sender alone may be forged.
    """
    if not by.may("write_account") or letter.automatic or normal(letter.sender) not in queries.addresses_of(by):
        return None
    by.asks_at = at
    row = CapturedMail(user=by, digest=letter.digest, state=CaptureState.KEPT, sent_at=letter.sent_at, captured_at=at)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return None
    try:
        with transaction.atomic():
            kept = _keep(letter, _writable(letter.recipients, by), at=at, by=by)
    except (ValidationError, PermissionDenied):  # such as an account that changed hands in between
        kept = []
    if not kept:
        _put_by(row, letter)
    audit.record("capture.captured", row, at=at, by=by, after={"state": row.state, "conversations": kept})
    return row


@transaction.atomic
def hand_in(found: tuple[User, Letter] | None, *, at: datetime, by: User) -> None:
    """Take in what a program of `by` brought, for whoever's the address is; on record whether it was taken."""
    taken = found is not None and capture(found[1], at=at, by=found[0]) is not None
    audit.record("capture.handed_in", ("capturedmail", ""), at=at, by=by, after={"taken": taken})


def _writable(recipients: Iterable[str], user: User) -> list[Contact]:
    return [person for person in queries.people_at(list(recipients), user) if may_write(person.account, by=user)]


def _keep(letter: Letter, people: Iterable[Contact], *, at: datetime, by: User) -> list[int]:
    """Put the mail into a conversation at each account; returns their ids."""
    kept = []
    for person in people:
        row = queries.matter_of(person, letter.subject, letter.references)
        if row is not None:
            conversations.answer(row, text=letter.text, said_at=_said_at(letter, row), at=at, by=by)
        else:
            row = conversations.log(
                person.account, channel=Channel.MAIL, text=letter.text, subject=letter.subject, contact=person,
                said_at=letter.sent_at, external_id=queries.key(letter.digest, person), at=at, by=by,
            )  # fmt: skip
        kept.append(row.pk)
    return kept


def _said_at(letter: Letter, row: Conversation) -> datetime:
    """When it was sent. A mail program's clock may be slow: minutes before they asked, it is the answer to that."""
    asked_at = row.asked_at or row.began_at
    is_slow = letter.sent_at < asked_at <= letter.sent_at + SLOW
    return asked_at if is_slow else max(letter.sent_at, row.began_at)


def _put_by(row: CapturedMail, letter: Letter) -> None:
    row.state, row.references, row.recipients = CaptureState.UNMATCHED, [*letter.references], [*letter.recipients]
    row.subject, row.text = letter.subject, letter.text
    row.save()


@transaction.atomic
def look_again(mail: CapturedMail, *, at: datetime, by: User) -> bool:
    """Look once more for contacts behind a mail's addresses, as after one was entered. False: there are still none."""
    row = _waiting(mail, by)
    kept = _keep(_letter(row), _writable(row.recipients, by), at=at, by=by)
    if kept:
        _settle(row, CaptureState.KEPT)
        audit.record("capture.assigned", row, at=at, by=by, after={"conversations": kept})
    return bool(kept)


@transaction.atomic
def assign(mail: CapturedMail, *, account: Account, at: datetime, by: User) -> int:
    """Put a mail that nobody knew where to put into a conversation with an account; returns its id."""
    row = _waiting(mail, by)
    account = require_write(account, by=by)
    talk = conversations.log(
        account, channel=Channel.MAIL, text=row.text, subject=row.subject, said_at=row.sent_at,
        external_id=f"mail:{row.digest}:{account.pk}", at=at, by=by,
    )  # fmt: skip
    _settle(row, CaptureState.KEPT)
    audit.record("capture.assigned", row, at=at, by=by, after={"conversations": [talk.pk]})
    return talk.pk


@transaction.atomic
def discard(mail: CapturedMail, *, at: datetime, by: User) -> None:
    """Let go of a mail; its words are gone, and it is not taken in again."""
    row = _waiting(mail, by)
    _settle(row, CaptureState.DISCARDED)
    audit.record("capture.discarded", row, at=at, by=by)


def _waiting(mail: CapturedMail, by: User) -> CapturedMail:
    row = CapturedMail.objects.select_for_update().filter(pk=mail.pk, user=by, state=CaptureState.UNMATCHED).first()
    if row is None:
        raise ValidationError(_("This mail has been dealt with already."))
    return row


def _letter(row: CapturedMail) -> Letter:
    return Letter(
        digest=row.digest, references=tuple(row.references), sender="", recipients=tuple(row.recipients),
        sent_at=row.sent_at, subject=row.subject, text=row.text, automatic=False,
    )  # fmt: skip


def _settle(row: CapturedMail, state: CaptureState) -> None:
    row.state, row.references, row.recipients, row.subject, row.text = state, [], [], "", ""
    row.save()
