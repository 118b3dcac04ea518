"""Usage and scorecards for tests, made the short way. Scores are as of TODAY, from usage through the day before."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from crm.accounts.models import Account
from crm.audit.rules import System
from crm.lib import partitions
from crm.people.models import Person
from crm.plans.models import Feature
from crm.usage.models import EventName, PersonDay, UsageDay
from retention.scorecards.actions import publish
from retention.scorecards.models import Scorecard, ScorecardGroup, ScorecardMeasure, ScorecardVersion
from retention.scores import actions
from retention.scores.models import HealthScore, ScoreReading
from tests import factories
from tests.factories import NOW, TODAY

BY = System("test")
_next = count(1)


def event(feature: Feature | None = None, **more: Any) -> EventName:
    return EventName.objects.create(
        name=f"event {next(_next)}", feature=feature, first_seen_at=NOW, last_seen_at=NOW, **more
    )


def person(**more: Any) -> Person:
    source = more.pop("source", None) or factories.source()
    return Person.objects.create(
        source=source, external_id=f"p{next(_next)}", first_seen_at=NOW, last_seen_at=NOW, **more
    )


def day(ago: int) -> date:
    return TODAY - timedelta(ago)


def used(account: Account, event: EventName, uses: int, *, ago: int, amount: int = 0) -> None:
    """So many uses `ago` days before TODAY; `amount` in whole units."""
    partitions.ensure_months("crm_usage_day", [day(ago)])
    UsageDay.objects.create(account=account, day=day(ago), event=event, uses=uses, amount=amount * 1_000_000)


def person_used(account: Account, person: Person, uses: int, *, ago: int) -> None:
    partitions.ensure_months("crm_person_day", [day(ago)])
    PersonDay.objects.create(account=account, day=day(ago), person=person, uses=uses)


def other_usage() -> None:
    """Some usage of somebody else, so that usage counts as known."""
    used(factories.account(customer_since=TODAY + timedelta(1)), event(), 1, ago=200)


def version(*measures: dict[str, Any], **more: Any) -> ScorecardVersion:
    """A published version of the default scorecard; measures by kind, with red 0 and green 1 unless said."""
    card, _made = Scorecard.objects.get_or_create(name="Test", defaults={"is_default": True})
    number = ScorecardVersion.objects.filter(scorecard=card).count() + 1
    row = ScorecardVersion.objects.create(scorecard=card, number=number, **more)
    groups: dict[str, ScorecardGroup] = {}
    for position, measure in enumerate(measures, 1):
        group = measure.pop("group", None)
        if group is not None:
            name, weight, takes = group
            if name not in groups:
                groups[name] = ScorecardGroup.objects.create(version=row, name=name, weight=weight, takes=takes)
            measure["group"] = groups[name]
        values = {"key": f"m{position}", "name": f"Measure {position}", "position": position}
        ScorecardMeasure.objects.create(version=row, **values | measure)
    return publish(row, at=NOW, by=BY)


def score(on: date = TODAY, today: date = TODAY, **more: Any) -> actions.Scored:
    return actions.score_day(on, today=today, at=NOW, by=BY, **more)


def readings(account: Account) -> list[Decimal | None]:
    """The account's readings of today, after `score()`."""
    return list(ScoreReading.objects.system("test").get(account=account).values)


def ledger(account: Account) -> list[HealthScore]:
    return list(HealthScore.objects.system("test").filter(account=account).order_by("day", "version_id", "revision"))


def at(on: date, hour: int = 6) -> datetime:
    return datetime.combine(on, time(hour), UTC)
