"""Rows that the tests of the chain begin with: an account whose score has fallen, with an owner and a champion."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from crm.accounts.models import Account
from crm.contacts.models import Contact
from crm.lib.partitions import ensure_months
from crm.people.models import Person
from crm.staff.models import User
from crm.usage.models import EventName, PersonDay, UsageDay
from retention.scorecards.actions import ensure_default_scorecard
from retention.scorecards.models import ScorecardVersion
from retention.scores.models import ScoreNow
from tests import factories

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)  # a Wednesday
TODAY = NOW.date()


def version() -> ScorecardVersion:
    from crm.audit.rules import System

    scorecard = ensure_default_scorecard(at=NOW - timedelta(days=300), by=System("test"))
    return ScorecardVersion.objects.get(scorecard=scorecard, state="published")


def stands(account: Account, points: int | None, before: int | None, day: date = TODAY) -> ScoreNow:
    """Say how an account stands, in tenths of points, now and 28 days before."""
    change = points - before if points is not None and before is not None else None
    values = {"points": points, "points_before": before, "change": change, "day": day, "band": 1}
    rest = {"version_id": version().pk, "coverage": 1000, "low": points or 0, "high": points or 0, "costliest": 1}
    rows = ScoreNow.objects.system("test")
    return rows.update_or_create(account=account, defaults={**values, **rest})[0]


def owned(**more: Any) -> tuple[Account, User, Contact]:
    """An account with an owner and a champion."""
    owner = factories.user("rep", name="Mina Kwon", team=factories.team(), job_title="Customer success")
    account = factories.account("Nordwind Logistics", owner=owner, time_zone="Europe/Berlin", **more)
    return account, owner, factories.contact(account, name="Lena Vogt", role="champion")


def uses(account: Account, event: EventName, person: Person | None, days: dict[date, int]) -> None:
    """Write roll-ups as the drain leaves them."""
    for table in ("crm_usage_day", "crm_person_day"):
        ensure_months(table, days)
    UsageDay.objects.bulk_create(UsageDay(account=account, day=d, event=event, uses=n) for d, n in days.items())
    if person:
        PersonDay.objects.bulk_create(PersonDay(account=account, day=d, person=person, uses=n) for d, n in days.items())


def event(name: str = "trip_planned", **more: Any) -> EventName:
    feature = factories.feature("trips", name="Trip planning", unit="trips", is_key=True, threshold=10)
    return EventName.objects.create(name=name, feature=feature, first_seen_at=NOW, last_seen_at=NOW, **more)


def person(name: str) -> Person:
    source = factories.source()
    return Person.objects.create(source=source, external_id=name, first_seen_at=NOW, last_seen_at=NOW)
