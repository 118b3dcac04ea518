"""Rows for tests, made the short way; instants are fixed, names count up."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

from crm.accounts.models import Account
from crm.calendars.models import Calendar
from crm.contacts.models import Contact
from crm.conversations.models import ResponseTarget
from crm.login.adapters import SecondFactors
from crm.plans.models import Feature, Plan
from crm.sources.models import Source
from crm.staff.models import Cover, Installation, Team, User
from crm.staff.rules import SECOND_FACTOR
from crm.subscriptions.models import Subscription, SubscriptionChange

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
TODAY = date(2026, 11, 21)
_next = count(1)


def user(role: str = "rep", *, second_factor: bool = True, **more: Any) -> User:
    """One of us; with an authenticator app where the role must have one, unless told otherwise."""
    n = next(_next)
    defaults: dict[str, Any] = {"email": f"user{n}@ours.example", "name": f"User {n}", "created_at": NOW}
    row = User(role=role, **defaults | more)
    row.set_password("a good password")
    row.save()
    if second_factor and role in SECOND_FACTOR:
        authenticator_app(row)
    return row


SECRET = "JBSWY3DPEHPK3PXP"


def authenticator_app(of: User) -> Authenticator:
    return Authenticator.objects.create(
        user=of, type="totp", data={"secret": SecondFactors().encrypt(SECRET)}, created_at=NOW
    )


def code_at(at: datetime) -> str:
    """What the app shows at the instant."""
    return str(format_hotp_value(hotp_value(SECRET, int(at.timestamp()) // 30)))


def team(name: str = "") -> Team:
    return Team.objects.create(name=name or f"Team {next(_next)}")


def cover(covering: User, away: User | Team, **more: Any) -> Cover:
    """From yesterday until in a week, unless told."""
    whom = {"covered": away} if isinstance(away, User) else {"pool": away}
    days = {"from_at": NOW - timedelta(days=1), "until_at": NOW + timedelta(days=7)}
    return Cover.objects.create(covering=covering, **whom, **days | more)


def asking(user: User, at: datetime = NOW) -> User:
    """The person as a request at this instant finds them."""
    fresh = User.objects.get(pk=user.pk)
    fresh.asks_at = at
    return fresh


def installation(**more: Any) -> Installation:
    return Installation.objects.update_or_create(pk=1, defaults=more)[0]


def account(name: str = "", **more: Any) -> Account:
    n = next(_next)
    defaults: dict[str, Any] = {
        "external_id": f"acme-{n}",
        "name": name or f"Acme {n}",
        "created_at": NOW,
        "customer_since": date(2025, 1, 1),
    }
    return Account.objects.create(**defaults | more)


def contact(of: Account, **more: Any) -> Contact:
    n = next(_next)
    defaults: dict[str, Any] = {"name": f"Person {n}", "email": f"person{n}@customer.example", "created_at": NOW}
    return Contact.objects.create(account=of, **defaults | more)


def first_rows(**_signal: Any) -> None:
    """What migrations bring, where it is gone."""
    Calendar.objects.get_or_create(is_default=True, defaults={"name": "Office"})
    for channel, minutes in {"mail": 480, "ticket": 240, "mention": 240, "chat": 60, "call": 240}.items():
        ResponseTarget.objects.get_or_create(plan=None, channel=channel, defaults={"minutes": minutes})


def feature(key: str = "", **more: Any) -> Feature:
    n = next(_next)
    return Feature.objects.create(key=key or f"feature-{n}", name=more.pop("name", f"Feature {n}"), **more)


def plan(*features: Feature | None, **more: Any) -> Plan:
    n = next(_next)
    row = Plan.objects.create(**{"external_id": f"plan-{n}", "name": f"Plan {n}"} | more)
    row.features.set([feature for feature in features if feature])
    return row


def source(name: str = "") -> Source:
    return Source.objects.create(name=name or f"App {next(_next)}", created_at=NOW)


def subscription(of: Account, mrr: str | int = 100, **more: Any) -> SubscriptionChange:
    """A subscription with one change; returns the change."""
    line = Subscription.objects.create(
        account=of, external_id=f"line-{next(_next)}", plan=more.get("plan"), created_at=NOW
    )
    defaults: dict[str, Any] = {
        "effective_on": date(2025, 1, 1),
        "price": Decimal(mrr),
        "mrr": Decimal(mrr),
        "currency": "EUR",
        "seats": 10,
        "recorded_at": NOW,
    }
    return SubscriptionChange.objects.create(account=of, subscription=line, **defaults | more)
