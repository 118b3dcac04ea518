"""The two mails that let our own people in. They go to colleagues, so no customer's budget is drawn on."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from crm.lib.mailer import Envelope
from crm.sign_in import queries, rules
from crm.sign_in.models import OneTimeLink


def words(link: OneTimeLink, *, company: str) -> tuple[str, str]:
    """Subject and text, in the language of whoever gets it."""
    url = queries.url_of(link)
    with translation.override(link.language):
        if link.purpose == rules.INVITATION:
            values = {"name": link.name, "company": company, "inviter": str(link.made_by or company), "url": url}
            subject = _("You are invited to Holdfast at %(company)s")
            text = _(
                "Hello %(name)s,\n\n%(inviter)s invites you to Holdfast, where %(company)s looks after its customers.\n"
                "Choose a password here:\n\n%(url)s\n\nThe link works once, within 7 days."
            )
        else:
            values = {"name": link.name, "url": url}
            subject = _("A new password for Holdfast")
            text = _(
                "Hello %(name)s,\n\nsomebody, probably you, asked for a new password for Holdfast. Choose it here:\n\n"
                "%(url)s\n\nThe link works once, within one hour. If it was not you, do nothing: your password stays "
                "as it is."
            )
        return subject % values, text % values + "\n"


def envelope(link: OneTimeLink) -> Envelope:
    """Who sends and who gets it; the Message-ID is fixed, so that a repeated handoff is the same mail."""
    domain = settings.MAIL_FROM_DOMAIN
    # Hashed: the id is half of what makes the link, and mail programs show Message-IDs around.
    number = sha256(f"crm.sign_in.mail:{link.pk.hex}".encode()).hexdigest()[:32]
    return Envelope(f"holdfast@{domain}", link.email, f"<sign-in-{number}@{domain}>")


def wire(link: OneTimeLink, *, company: str, at: datetime) -> bytes:
    """The mail as bytes. Raises ValueError for an address or name that no header may hold."""
    to = envelope(link)
    subject, text = words(link, company=company)
    message = EmailMessage(policy=SMTP if link.email.isascii() else SMTP.clone(utf8=True))
    message["From"] = Address("Holdfast", addr_spec=to.sender)
    message["To"] = Address(link.name, addr_spec=to.recipient)
    message["Subject"] = subject
    message["Date"] = at
    message["Message-ID"] = to.message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="quoted-printable")
    return message.as_bytes()
