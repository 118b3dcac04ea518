"""Approving a mail: rights, text, share of the budget, all frozen in one transaction."""

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction

from crm.accounts import actions as accounts
from crm.accounts.models import Account
from crm.attention import actions as attention
from crm.audit.rules import Actor
from crm.contacts.models import Contact
from crm.outbox import emails, queries, rules
from crm.outbox.actions.moves import MINE, record, reserve
from crm.outbox.models import MailKind, MailRefused, OutboundMail, Reason, UnsubscribeLink
from crm.staff.models import User
from crm.staff.queries import salt


@transaction.atomic
def enqueue(
    *,
    key: str,
    account: Account,
    contact: Contact,
    kind: str,
    signer: User,
    approved_by: User,
    subject: str,
    body_text: str,
    body_html: str = "",
    due_at: datetime,
    late_at: datetime | None = None,
    manual: bool = True,
    unattended: bool = False,
    reply: bool = False,
    from_name: str = "",
    purpose: str = "",
    exemption: str = "",
    headers: Mapping[str, str] | None = None,
    at: datetime,
    by: Actor,
) -> OutboundMail:
    """Approve a mail: freeze its text, take its share of the budget, and let it wait for `due_at`.

    The same `key` again returns the row that is there, whatever became of it. Raises MailRefused with a
    reason that anyone can read, PermissionDenied when `approved_by` may not approve it. `purpose`: the consent
    that it rests on where that is not its kind's; `exemption`: why advertising needs none here, in words.
    """
    attention.lock(account)
    there = OutboundMail.objects.system(MINE).filter(key=key).first()
    if there:
        return there
    # Read again under the lock: what the caller holds may be older than the last change of owner or address.
    account = Account.objects.system(MINE).select_related("owner").get(pk=account.pk)
    contact = Contact.objects.system(MINE).get(pk=contact.pk, account=account)
    signer, approved_by = User.objects.get(pk=signer.pk), User.objects.get(pk=approved_by.pk)
    require_approval(account, kind, signer, approved_by, unattended=unattended, by=by)
    reason = queries.contact_reason(contact, kind, unattended=unattended, address=contact.email)
    if reason:
        raise MailRefused(reason)
    mail = OutboundMail(
        key=key,
        account=account,
        contact=contact,
        kind=MailKind(kind),
        manual=manual,
        unattended=unattended,
        reply=reply,
        purpose=purpose,
        exemption=exemption.strip(),
        signer=signer,
        approved_by=approved_by,
        approved_at=at,
        to_name=contact.name,
        to_address=contact.email,
        from_name=from_name or signer.name,
        from_address=signer.email,
        subject=subject.strip(),
        language=contact.language or account.language,
        due_at=due_at,
        late_at=late_at,
    )
    if reason := queries.consent_reason(contact, mail):
        raise MailRefused(reason)
    _freeze(mail, body_text, body_html, headers, at=at)
    mail.reservation = reserve(mail, manual=manual, at=at, by=by) if mail.budgeted else None
    mail.save(force_insert=True)
    record("approved", mail, at=at, by=by, to=mail.to_address, body=mail.body_hash, exemption=mail.exemption)
    return mail


def require_approval(account: Account, kind: str, signer: User, approver: User, *, unattended: bool, by: Actor) -> None:
    held, shared = accounts.held(account), queries.is_shared(kind, unattended=unattended)
    if isinstance(by, User) and by.pk != approver.pk:
        raise PermissionDenied
    if not rules.approves(queries.sender(approver), queries.sender(signer), held, shared=shared):
        raise PermissionDenied


def _freeze(
    mail: OutboundMail, body_text: str, body_html: str, headers: Mapping[str, str] | None, *, at: datetime
) -> None:
    """Put the layout around the text and fix both; raises MailRefused for what no mail header may hold."""
    key, url, scope = salt(), "", rules.listed(mail.kind, mail.unattended)
    zone = mail.contact.time_zone or mail.account.time_zone
    if rules.must_be_marked(mail.kind, mail.language, zone) and not mail.subject.startswith(rules.MARK):
        mail.subject = f"{rules.MARK} {mail.subject}"
    try:
        mail.headers = rules.clean_headers(headers)
        if mail.unattended:
            mail.headers.setdefault("Auto-Submitted", "auto-generated")
        if scope:
            url = emails.unsubscribe_url(_link(mail.to_address, scope, key, at=at))
            mail.headers |= emails.list_headers(url, mail.from_address)
        text = emails.footer(
            language=mail.language,
            subject=mail.subject,
            kind=mail.kind,
            unattended=mail.unattended,
            reply=mail.reply,
            team=mail.from_name,
            reader=mail.signer.name,
            stop_url=url,
        )
        mail.body_text, mail.body_html = emails.as_text(text, body_text), emails.as_html(text, body_text, body_html)
        mail.body_hash = mail.frozen
        mail.message_id = rules.message_id(mail.key, key, settings.MAIL_FROM_DOMAIN)
        emails.wire(mail, at=at)
    except rules.Unmailable as error:
        raise MailRefused(Reason.BAD_HEADER) from error


def _link(address: str, scope: str, salt: bytes, *, at: datetime) -> UnsubscribeLink:
    hashed = rules.address_hash(address, salt)
    return UnsubscribeLink.objects.get_or_create(address_hash=hashed, scope=scope, defaults={"created_at": at})[0]
