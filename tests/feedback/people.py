"""Surveys, loyal customers and sent invitations for tests of feedback."""

from datetime import date, timedelta
from itertools import count
from typing import Any

from crm.accounts.models import Account
from crm.contacts.models import Contact
from crm.lib.partitions import ensure_months
from crm.outbox.models import MailState, OutboundMail
from crm.staff.models import User
from crm.usage.models import EventName, UsageDay
from feedback.invitations.models import Invitation
from feedback.surveys import actions
from feedback.surveys.models import Survey, Wave
from tests import factories
from tests.factories import NOW, TODAY

_next = count(1)


def survey(by: User | None = None, **more: Any) -> Survey:
    ops = by or factories.user("ops_admin")
    sender = more.pop("sender", None) or factories.user(
        "rep", name="Mina Kwon", job_title="customer success", email=f"mina{next(_next)}@ours.example"
    )
    fields: dict[str, Any] = {"name": f"Relationship {next(_next)}", "sender": sender, "at": NOW, "by": ops}
    return actions.create_survey(**fields | more)


def use(account: Account, uses: int = 5, day: date = TODAY - timedelta(days=3), *, is_use: bool = True) -> None:
    event = EventName.objects.get_or_create(
        name="plan made" if is_use else "page opened",
        defaults={"first_seen_at": NOW, "last_seen_at": NOW, "is_use": is_use},
    )[0]
    ensure_months("crm_usage_day", [day])
    UsageDay.objects.create(account=account, day=day, event=event, uses=uses)


def loyal(name: str = "", *, people: int = 1, used: int = 5, **more: Any) -> list[Contact]:
    """A customer since 2025-01-01 with use three days ago, and some of its people."""
    account = factories.account(name, **more)
    if used:
        use(account, used)
    return [factories.contact(account) for _n in range(people)]


def invitation(of: Survey, contact: Contact, *, wave: Wave | None = None, sent: bool = True, **more: Any) -> Invitation:
    """An invitation as opening a wave leaves it, without drawing one."""
    ops = factories.user("ops_admin")
    round_ = (
        wave
        or Wave.objects.get_or_create(
            survey=of,
            defaults={
                "opened_at": NOW,
                "opened_by": ops,
                "target": 40,
                "sample_seed": "s",
                "asked": 40,
                "eligible": 120,
            },
        )[0]
    )
    mail = OutboundMail.objects.create(
        key=f"survey-test:{next(_next)}",
        account=contact.account,
        contact=contact,
        kind="survey",
        manual=False,
        signer=of.sender,
        approved_by=ops,
        approved_at=NOW,
        to_name=contact.name,
        to_address=contact.email,
        from_name="Mina",
        from_address="mina@ours.example",
        subject="Two questions",
        body_text="…",
        body_hash="",
        message_id=f"<{next(_next)}@test>",
        due_at=NOW,
        state=MailState.SENT if sent else MailState.APPROVED,
    )
    defaults = {"created_at": NOW, "expires_at": NOW + timedelta(days=60), "language": "en"}
    return Invitation.objects.create(
        wave=round_, account=contact.account, contact=contact, mail=mail, **defaults | more
    )
