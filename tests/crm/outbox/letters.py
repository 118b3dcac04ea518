"""Approved mails and a clock for tests of the outbox."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from crm.contacts.models import Contact
from crm.outbox import actions
from crm.outbox.models import OutboundMail
from tests import factories
from tests.factories import NOW

_next = count(1)
MINUTE = timedelta(minutes=1)


def contact(email: str = "", **more: Any) -> Contact:
    """A contact of an account whose owner is a rep in a team."""
    owner = more.pop("owner", None) or factories.user("rep", name="Mina Kwon", team=factories.team())
    account = factories.account(owner=owner, **more.pop("account", {}))
    return factories.contact(account, **({"email": email} if email else {}) | {"name": "Lena Ahrens"} | more)


def approve(to: Contact, **more: Any) -> OutboundMail:
    """A mail to the contact in its owner's name, approved by the owner and due now."""
    owner = to.account.owner
    given: dict[str, Any] = {
        "key": f"test:{next(_next)}",
        "kind": "informational",
        "signer": owner,
        "approved_by": owner,
        "subject": "Nine of your colleagues plan now",
        "body_text": "Hello Lena,\n\nnine of 25 colleagues plan trips. See https://ours.example/tour.\n\nMina Kwon",
        "due_at": NOW,
        "at": NOW,
    }
    given |= more
    given.setdefault("by", given["approved_by"])
    return actions.enqueue(account=to.account, contact=to, **given)


def again(mail: OutboundMail) -> OutboundMail:
    return (
        OutboundMail.objects.system("test").select_related("account__owner", "contact", "reservation").get(pk=mail.pk)
    )


@dataclass
class Clock:
    """A clock that moves only when a test moves it."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now
