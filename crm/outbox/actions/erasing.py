"""What happens to mail when its reader is erased: none goes out any more, and what was written is gone."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from crm.audit.rules import Actor
from crm.lib.mailer import FileTransport
from crm.lib.personal import Subject
from crm.outbox.actions.deciding import suppress
from crm.outbox.actions.moves import OPEN, end
from crm.outbox.models import MailQuerySet, MailState, OutboundMail, Reason

WHY = "its reader is being erased"


@transaction.atomic
def forget(subject: Subject, *, at: datetime, by: Actor) -> int:
    """Cancel what has not been handed over, claimed mail too, and refuse the address for good; returns how many.

    A worker that holds one finds it no longer claimed at its last look, and leaves the server before DATA.
    """
    for address in subject.addresses:
        suppress(address, reason="erased", at=at, by=by)
    mails = _mails(subject).filter(state__in=OPEN).select_related("contact", "signer", "reservation")
    return sum(end(mail, OPEN, MailState.CANCELLED, Reason.ERASED, at=at, by=by) for mail in mails.order_by("pk"))


def remove_files(subject: Subject, *, at: datetime) -> bool:
    """Remove mails that were written to files; False while one is being handed over and may still become a file."""
    files = FileTransport(settings.MAIL_FILES)
    for message_id in _mails(subject).values_list("message_id", flat=True):
        path = files.path(message_id)
        # Half-written ones of a process that was killed have a dot before and its number behind.
        for found in (path, *path.parent.glob(f".{path.name}.*")):
            found.unlink(missing_ok=True)
    return not _mails(subject).filter(state=MailState.HANDOFF, lease_until__gt=at).exists()


def _mails(subject: Subject) -> MailQuerySet:
    return OutboundMail.objects.system(WHY).filter(contact__in=subject.contacts)
