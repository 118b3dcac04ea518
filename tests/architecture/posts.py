"""What a form of each address sends when it is filled in well, and what must be there before it can succeed."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from crm.accounts import actions as accounts
from crm.accounts.models import Account
from crm.audit.rules import System
from crm.contacts import actions as contacts
from crm.contacts.models import Contact
from crm.outbox.models import Pause
from crm.sources import actions as sources
from crm.sources.models import InboxBatch, Source
from crm.staff.models import Installation
from feedback.invitations.models import Invitation
from feedback.surveys import rules as surveys
from feedback.surveys.models import Wave
from retention.follow_ups.models import FollowUp
from retention.follow_ups.rules import fingerprint
from retention.tasks.models import Task
from tests.architecture.matrix import Open
from tests.company import NOW, TODAY, Company
from tests.factories import code_at
from tests.retention.scorecards.cards import draft_form

Post = dict[str, Any]
ACCOUNT = {"name": "Renamed", "time_zone": "Asia/Seoul", "language": "ko", "currency": "KRW"}
CONTACT = {"name": "Lena Vogt", "email": "lena@customer.example", "role": "user"}
CONSENT = {"purpose": "advertising", "on": TODAY, "source": "form on our site"}
TERMS = {"effective_on": TODAY, "price": "99.50", "billing_months": "1", "currency": "EUR", "seats": "5"}
GOAL = {"words": "Every trip in one place", "target": "200", "due_on": TODAY + timedelta(days=90)}
PAYMENT = {"kind": "failed", "on": TODAY, "amount": "99.50", "currency": "EUR"}
ONBOARDING = {
    "name": "Another", "starts_from": TODAY, "lasts_days": "60", "stuck_days": "10", "step-TOTAL_FORMS": "2",
    "step-INITIAL_FORMS": "0", "step-0-name": "Kickoff", "step-0-kind": "hand", "step-0-expected_days": "3",
    "step-1-name": "", "step-1-kind": "first_use", "step-1-expected_days": "7",
}  # fmt: skip
CALENDAR = {"from_0": "09:00", "until_0": "18:00", "from_1": "20:00", "until_1": "00:00"}
HOLIDAYS = (
    b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nSUMMARY:Outing\nDTSTART;VALUE=DATE:20261224\nEND:VEVENT\nEND:VCALENDAR\n"
)
OLD, NEW = "a good password", "an even better password"
PERSON = {"name": "Renamed", "role": "rep", "language": "en", "time_zone": "UTC"}
WEBHOOK = {"url": "https://hooks.example.com/other", "events": ["signal.opened"]}
API_KEY = {"name": "Billing", "scopes": ["accounts:read"], "expires_on": TODAY + timedelta(days=30)}
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
    "scorecard-move": {"to": "later"},
    "backtest-draft": {"horizon": "90"},
    "scorecard-measure": {"kind": "reach", "window": "28"},
    "begin": {"rhythm": "daily", "size": "small", "outcomes": ["recency", "trend", "reach"]},
    "portfolio-bulk": {"do": "add_tag", "tag": "vip", "which": "all"},
    "account-step": {"next_step": "Call them", "next_step_on": TODAY},
    "segment-new": {"name": "Renewing", "where": "renewal.next.90"},
    "segment-edit": {"name": "Renewing", "where": "renewal.next.90"},
    "view-new": {"name": "Worst", "query": "band=leaving"},
    "view-edit": {"name": "Worst", "query": "band=leaving"},
    "account-name": {"name": "Renamed"},
    "account-segment": {"segment": "enterprise"},
    "account-tags": {"tags": "vip, new"},
    "tag-rename": {"old": "vip", "new": "key account"},
    "contact-new": CONTACT,
    "contact-edit": CONTACT,
    "contact-left": {"left_on": TODAY},
    "contact-erase": {"sure": "on"},
    "consent-grant": CONSENT | {"wording": "Yes, send me news about new features."},
    "consent-withdraw": CONSENT,
    "subscription-new": TERMS | {"external_id": "line-new"},
    "subscription-change": TERMS,
    "subscription-end": {"on": TODAY},
    "pulse-new": {"value": "4", "reason": "They plan daily."},
    "override-new": {"band": "3", "reason": "They told us.", "until": TODAY + timedelta(days=30)},
    "goal-change": {"target": "300", "due_on": TODAY + timedelta(days=90), "why": "They grew."},
    "goal-drop": {"why": "They no longer want it."},
    "onboarding-plan-new": ONBOARDING,
    "onboarding-plan-edit": ONBOARDING,
    "promise-new": {"text": "A report by office", "due_on": TODAY + timedelta(days=9)},
    "promise-break": {"why": "The vendor let us down."},
    "promise-withdraw": {"why": "They no longer want it."},
    "promise-move": {"due_on": TODAY + timedelta(days=20), "why": "They asked for it."},
    "task-new": {"title": "Call them", "due_on": TODAY},
    "task-edit": {"title": "Write to them", "due_on": TODAY},
    "task-dismiss": {"why": "They called us."},
    "forecast": {"category": "at_risk", "mrr": "900", "reason": "They cut seats."},
    "account-put-off": {"why": "They are on holiday.", "until": TODAY + timedelta(days=7)},
    "draft-edit": {"subject": "Another subject", "body": "Another text."},
    "conversation-new": {"channel": "call", "text": "They are happy."},
    "conversation-say": {"who": "us", "text": "We shall look."},
    "conversation-turn": {"do": "wait"},
    "response-warning": {"percent": "60", "posts_a_week": "3", "own_percent": "40"},
    "response-targets-any": {"mail": "60"},
    "response-targets-of": {"mail": "60"},
    "calendar-new": CALENDAR | {"name": "Korea", "country": "KR"},
    "calendar-edit": CALENDAR | {"name": "Bavaria", "country": "DE", "part": "by"},
    "calendar-day": {"day": TODAY, "name": "Works outing", "kind": "free"},
    "draft-not-now": {"why": "They called us."},
    "plan-new": {"name": "Small", "external_id": "small"},
    "plan-edit": {"name": "Small"},
    "feature-new": FEATURE | {"key": "reports"},
    "feature-edit": FEATURE,
    "trait-new": {"label": "Rooms", "type": "number", "unit": "rooms", "key": "rooms"},
    "trait-edit": {"label": "Country", "type": "text"},
    "source-new": {"name": "iOS app"},
    "webhook-new": WEBHOOK,
    "webhook-edit": WEBHOOK | {"is_active": "on"},
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
    "account_change_password": {"oldpassword": OLD, "password1": NEW, "password2": NEW},
    "account_reauthenticate": {"password": OLD},
    "invitation": {"password": NEW},
    "new-password": {"password": NEW},
    "first-admin": {"name": "Ada", "email": "ada@ours.example", "language": "en", "password": NEW},
    "person-invite": {"name": "Nia Obi", "email": "nia@ours.example", "role": "rep", "language": "en"},
    "person-active": {"active": "0"},
    "sessions-end": {"session": "others"},
    "teams": {"name": "East"},
    "team": {"name": "Far north"},
    "installation": {
        "company_name": "Renamed",
        "product_name": "Fleetline",
        "visibility": "all",
        "currency": "EUR",
        "pulse_days": "60",
        "sending": "on",
    },
    "set_language": {"language": "ko"},
    "answer": {"score": "9", "comment": "Good.", "send": "1"},
}
LIVE: dict[str, Callable[[Company, str], Post]] = {
    "account-owner": lambda made, whose: {"owner": f"user-{made.users['colleague' if whose == 'own' else 'R'].pk}"},
    "account-restriction": lambda made, whose: {"restricted": "0" if whose == "restricted" else "1"},
    "account-trait": lambda made, whose: {"trait": made.rows["trait"][""], "value": "Sweden"},
    "conversation-responder": lambda made, whose: {"responder": made.accounts[whose].owner_id},
    "contact-merge": lambda made, whose: {"into": f"Otto {whose}unasked"},
    "account-merge": lambda made, whose: {"into": f"{whose}-2"},
    "cover": lambda made, whose: _cover(made),
    "onboarding-begin": lambda made, whose: {"plan": made.rows["onboarding plan"][""], "started_on": TODAY},
    "goal-new": lambda made, whose: GOAL | {"measure": f"feature:{made.rows['feature']['']}"},
    "account-spared": lambda made, whose: {"feature": made.rows["feature"][""], "reason": "They have their own."},
    "payment-new": lambda made, whose: PAYMENT | {"subscription": made.rows["line"][whose]},
    "draft-approve": lambda made, whose: {"displayed": _fingerprint(made, whose)},
    "events": lambda made, whose: {f"feature-{made.rows['event']['']}": made.rows["feature"][""]},
    "survey-new": lambda made, whose: SURVEY | {"name": "Another", "sender": made.users["R"].pk},
    "survey-edit": lambda made, whose: SURVEY | {"name": "Renamed", "sender": made.users["R"].pk},
    "account_login": lambda made, whose: {"login": made.users["R"].email, "password": "a good password"},
    "account_reset_password": lambda made, whose: {"email": made.users["R"].email},
    # The code of this half minute: the rounds may last longer than one.
    "imports": lambda made, whose: {"kind": "accounts", "file": SimpleUploadedFile("new.csv", b"id,name\nnew-1,New\n")},
    "capture-assign": lambda made, whose: {"account": made.accounts["own"].external_id},
    "calendar-bring": lambda made, whose: {"file": SimpleUploadedFile("holidays.ics", HOLIDAYS)},
    "upload-columns": lambda made, whose: {"column-0": "external_id", "column-1": "name", "date_order": ""},
    "mfa_reauthenticate": lambda made, whose: {"code": code_at(datetime.now(UTC))},
    "scorecard-new": lambda made, whose: {"name": "Alpine", "segment": made.rows["shared segment"][""]},
    "scorecard-edit": lambda made, whose: {"name": "Renamed", "segment": made.rows["shared segment"][""]},
    "scorecard-draft": lambda made, whose: draft_form(made.rows["scorecard"][""]) | {"of-minimum_coverage": 40},
    "scorecard-preview": lambda made, whose: draft_form(made.rows["scorecard"][""]),
    "api-key-new": lambda made, whose: API_KEY | {"owner": made.users["R"].pk},
    "person": lambda made, whose: PERSON | {"email": made.users["R"].email},
}


def _cover(made: Company) -> Post:
    days = {"from_on": TODAY + timedelta(days=10), "until_on": TODAY + timedelta(days=12)}
    return {"away": f"user-{made.users['R'].pk}", "covering": made.users["colleague"].pk, **days}


def _fingerprint(made: Company, whose: str) -> str:
    row = FollowUp.objects.system("test").get(pk=made.rows["draft"][whose])
    return fingerprint(row.subject, row.body)


PREPARED = {
    "account-undo-merge", "contact-undo-merge", "task-reopen", "mail-resume", "survey-wave", "source-retry",
    "capture-again",
}  # fmt: skip


def prepare(name: str, made: Company, whose: str) -> bool:
    """Bring about what the address is for, where the company does not begin with it; True: rows were written."""
    if name == "account-undo-merge":
        into = Account.objects.system("test").get(external_id=f"{whose}-2")
        accounts.merge_accounts(made.accounts[whose], into=into, at=NOW, by=System("test"))
    if name == "contact-undo-merge":
        otto = Contact.objects.system("test").get(name=f"Otto {whose}unasked")
        contacts.merge_contacts(made.contacts[whose], into=otto, at=NOW, by=made.users["O"])
    if name == "task-reopen":
        Task.objects.system("test").filter(pk=made.rows["task"][whose]).update(done_at=NOW)
    if name == "capture-again":
        Contact.objects.create(account=made.accounts["own"], name="Nia", email="nobody@new.example", created_at=NOW)
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
    return name in PREPARED


# --- public addresses and the front door of usage -----------------------------------------------------------


def opening(made: Company, line: Open) -> tuple[str, dict[str, Any]]:
    """The address with what is held in it, and how a POST to it looks."""
    if line.name.startswith("tracking"):
        return _tracking(made, line)
    if line.name == "api-unknown":
        return reverse(line.name, args=["v1/nothing"]), {}
    if not line.holding:
        return reverse(line.name), {"data": form(line.name, made, "")}
    tokens = {
        "an invitation's link": "token",
        "an unsubscribe link": "unsubscribe",
        "an invited person's link": "invited",
        "a password link": "password link",
        "a first admin's link": "first admin",
    }
    token = made.rows[tokens[line.holding]][""] if line.holding in tokens else "AAAAAAAAAAAAAAAAAAAAAA.nonsense"
    return reverse(line.name, args=[token]), {"data": form(line.name, made, "")}


def _tracking(made: Company, line: Open) -> tuple[str, dict[str, Any]]:
    keys = {"": "", "a write key": made.write_key, "an unknown key": "hf_unknown", "a revoked key": revoked()}
    key = keys[line.holding]
    args = {"tracking": ["track"], "tracking-beacon": ["batch"], "tracking-segment-settings": [key or "none"]}
    call = {"userId": "lena", "event": "Trip planned", "messageId": "m-1", "timestamp": NOW.isoformat()}
    body = call if line.name == "tracking" else {"batch": [call | {"type": "track"}]}
    more: dict[str, Any] = {"data": body, "content_type": "application/json"}
    if key:
        more["headers"] = {"Authorization": f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"}
    return reverse(line.name, args=args.get(line.name)), more


def revoked() -> str:
    source = Source.objects.get(name="Web app")
    row, key = sources.create_write_key(source, at=NOW, by=System("test"))
    sources.revoke_write_key(row, at=NOW, by=System("test"))
    return key
