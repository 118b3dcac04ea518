"""Whose address it is, which conversation a mail belongs to, and what nobody knew where to put."""

from collections.abc import Collection, Sequence
from datetime import datetime
from hmac import compare_digest

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from crm.captures import rules
from crm.captures.models import CaptureAddress, CapturedMail, CaptureState
from crm.contacts.models import Contact
from crm.conversations.models import Channel, Conversation, ConversationState
from crm.outbox.rules import normal
from crm.staff.models import User

MOST = 50


def address_of(user: User) -> str:
    """The address that the person puts into BCC; empty where no domain takes such mail."""
    if not settings.CAPTURE_DOMAIN:
        return ""
    return f"{rules.local_part(settings.SECRET_KEY.encode(), user.pk, _version(user.pk))}@{settings.CAPTURE_DOMAIN}"


def _version(user: int) -> int:
    return CaptureAddress.objects.filter(user=user).values_list("version", flat=True).first() or 0


def user_of(address: str) -> User | None:
    """Whose capture address it is, if the secret part is right and the person is still with us."""
    named = rules.read_address(address)
    if named is None:
        return None
    pk, given = named
    keys, version = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS], _version(pk)
    if not any(compare_digest(rules.secret(key.encode(), pk, version), given) for key in keys):
        return None
    return User.objects.filter(pk=pk, is_active=True).first()


def addresses_of(user: User) -> set[str]:
    """From where the person writes: the login's address and others that were confirmed."""
    more = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    return {normal(address) for address in (user.email, *more)}


def people_at(addresses: Sequence[str], user: User) -> list[Contact]:
    """The contacts behind addresses that the user sees, one of each account, in the order of the addresses."""
    wanted = {normal(address): place for place, address in enumerate(addresses)}
    rows = Contact.objects.visible_to(user).alias(address=Lower("email"))
    rows = rows.exclude(email="").filter(address__in=wanted, erased_at=None, merged_into=None)
    found = sorted(
        rows.select_related("account__owner"), key=lambda row: (wanted.get(row.email.lower(), len(wanted)), row.pk)
    )
    return list({row.account_id: row for row in reversed(found)}.values())[::-1]


def matter_of(contact: Contact, subject: str, references: Collection[str]) -> Conversation | None:
    """The mail conversation that this goes on: the one that it answers, else an open one about the same."""
    rows = Conversation.objects.system("of a contact that the sender sees").filter(account=contact.account_id)
    rows = rows.filter(channel=Channel.MAIL).order_by("-last_at", "-pk")
    if references and (known := rows.filter(external_id__in=[key(each, contact) for each in references]).first()):
        return known
    same = rows.filter(Q(contact=contact.pk) | Q(contact=None)).exclude(state=ConversationState.CLOSED)
    return next((row for row in same[:MOST] if rules.matter(row.subject) == rules.matter(subject)), None)


def key(digest: str, contact: Contact) -> str:
    """The external id of the conversation that a mail began at an account."""
    return f"mail:{digest}:{contact.account_id}"


def unmatched(user: User) -> QuerySet[CapturedMail]:
    """The user's own mails that nobody knew where to put, the newest first."""
    return CapturedMail.objects.filter(user=user, state=CaptureState.UNMATCHED).order_by("-pk")


def caught_since(user: User, since: datetime) -> int:
    return CapturedMail.objects.filter(user=user, captured_at__gte=since).count()
