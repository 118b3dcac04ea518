"""What a form of each address sends when it is filled in well, and what must be there before it can succeed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from crm.accounts import actions as accounts
from crm.accounts.models import Account
from crm.audit.rules import System
from crm.outbox.models import Pause
from crm.sources import actions as sources
from crm.sources.models import InboxBatch
from crm.staff.models import Installation
from feedback.invitations.models import Invitation
from feedback.surveys import rules as surveys
from feedback.surveys.models import Wave
from retention.follow_ups.models import FollowUp
from retention.follow_ups.rules import fingerprint
from tests.company import NOW, TODAY, Company

Post = dict[str, Any]
ACCOUNT = {"name": "Renamed", "time_zone": "Asia/Seoul", "language": "ko", "currency": "KRW"}
CONTACT = {"name": "Lena Vogt", "email": "lena@customer.example", "role": "user"}
CONSENT = {"purpose": "advertising", "on": TODAY, "source": "form on our site"}
TERMS = {"effective_on": TODAY, "price": "99.50", "billing_months": "1", "currency": "EUR", "seats": "5"}
FEATURE = {"name": "Reports", "is_key": "on", "unit": "reports", "threshold": "3"}
SURVEY = {
    "minimum_tenure_days": "30", "minimum_uses": "0", "cooldown_days": "90", "reply_working_days": "2",
    **{f"en-{part}": words for part, words in surveys.DEFAULTS["en"].items()},
}  # fmt: skip


def form(name: str, made: Company, whose: str) -> Post:
    """The fields that are sent to the address `name` when it names a row of `whose` account."""
    return {**FIXED.get(name, {}), **(LIVE[name](made, whose) if name in LIVE else {})}


FIXED: dict[str, Post] = {
    "account-new": ACCOUNT | {"external_id": "new-1", "stage": "onboarding"},
    "account-edit": ACCOUNT,
    "account-next-step": {"next_step": "Call them", "next_step_on": TODAY},
    "account-stage": {"stage": "onboarding"},
    "account-step": {"next_step": "Call them", "next_step_on": TODAY},
    "segment-new": {"name": "Renewing", "where": "renewal.next.90"},
    "segment-edit": {"name": "Renewing", "where": "renewal.next.90"},
    "view-new": {"name": "Worst", "query": "band=leaving"},
    "view-edit": {"name": "Worst", "query": "band=leaving"},
    "contact-new": CONTACT,
    "contact-edit": CONTACT,
    "contact-left": {"left_on": TODAY},
    "consent-grant": CONSENT | {"wording": "Yes, send me news about new features."},
    "consent-withdraw": CONSENT,
    "subscription-new": TERMS | {"external_id": "line-new"},
    "subscription-change": TERMS,
    "subscription-end": {"on": TODAY},
    "task-new": {"title": "Call them", "due_on": TODAY},
    "task-dismiss": {"why": "They called us."},
    "account-put-off": {"why": "They are on holiday.", "until": TODAY + timedelta(days=7)},
    "draft-edit": {"subject": "Another subject", "body": "Another text."},
    "draft-not-now": {"why": "They called us."},
    "plan-new": {"name": "Small", "external_id": "small"},
    "plan-edit": {"name": "Small"},
    "feature-new": FEATURE | {"key": "reports"},
    "feature-edit": FEATURE,
    "trait-new": {"label": "Rooms", "type": "number", "unit": "rooms", "key": "rooms"},
    "trait-edit": {"label": "Country", "type": "text"},
    "source-new": {"name": "iOS app"},
    "survey-wave": {"target": "10"},
    "you": {
        "language": "ko",
        "time_zone": "Asia/Seoul",
        "place": "de_DE",
        "dates": "iso",
        "theme": "dark",
        "density": "compact",
    },
    "set-preferences": {"theme": "dark"},
    "set_language": {"language": "ko"},
    "answer": {"score": "9", "comment": "Good.", "send": "1"},
}
LIVE: dict[str, Callable[[Company, str], Post]] = {
    "account-owner": lambda made, whose: {"owner": f"user-{made.users['colleague' if whose == 'own' else 'R'].pk}"},
    "account-trait": lambda made, whose: {"trait": made.rows["trait"][""], "value": "Sweden"},
    "account-merge": lambda made, whose: {"into": f"{whose}-2"},
    "draft-approve": lambda made, whose: {"displayed": _fingerprint(made, whose)},
    "events": lambda made, whose: {f"feature-{made.rows['event']['']}": made.rows["feature"][""]},
    "survey-new": lambda made, whose: SURVEY | {"name": "Another", "sender": made.users["R"].pk},
    "survey-edit": lambda made, whose: SURVEY | {"name": "Renamed", "sender": made.users["R"].pk},
    "login": lambda made, whose: {"username": made.users["R"].email, "password": "a good password"},
}


def _fingerprint(made: Company, whose: str) -> str:
    row = FollowUp.objects.system("test").get(pk=made.rows["draft"][whose])
    return fingerprint(row.subject, row.body)


def prepare(name: str, made: Company, whose: str) -> bool:
    """Bring about what the address is for, where the company does not begin with it; True: rows were written."""
    if name == "account-undo-merge":
        into = Account.objects.system("test").get(external_id=f"{whose}-2")
        accounts.merge_accounts(made.accounts[whose], into=into, at=NOW, by=System("test"))
    if name == "mail-resume":
        Pause.objects.create(at=NOW, bounced=11, of_last=200)
        Installation.objects.update(sending=False)
    if name == "survey-wave":
        long_ago = NOW - timedelta(days=400)
        Wave.objects.update(opened_at=long_ago)
        Invitation.objects.system("test").update(created_at=long_ago)
    if name == "source-retry":
        sources.accept(key=made.write_key, call="track", body=b"{}", events=1, at=NOW)
        InboxBatch.objects.update(attempts=5, parked_at=NOW, failed="KeyError")
    return name in ("account-undo-merge", "mail-resume", "survey-wave", "source-retry")
