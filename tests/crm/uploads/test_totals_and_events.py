"""What is known by the month and what comes in as events never count both: the second of the two is told so."""

from datetime import UTC, date, datetime

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from crm.audit.rules import System
from crm.usage.actions import map_events
from crm.usage.models import EventName, UsageDay
from tests import factories
from tests.crm.uploads.door import counts, go, long_work, reasons, tried

pytestmark = pytest.mark.django_db
EVENTS = "account,at,event\na,2026-10-12,export\na,2026-11-02,export\nb,2026-10-12,export\n"
TOTALS = "account,month,feature,uses\na,2026-10,Exports,31\na,2026-09,Exports,30\nb,2026-09,Exports,30\n"


@pytest.fixture
def client(as_user, ops):
    for name in "ab":
        factories.account(name.upper(), external_id=name)
    feature = factories.feature("exports", name="Exports")
    map_events({"export": (feature, True, "")}, at=factories.NOW, by=System("test"))
    return as_user(ops)


def uses() -> int:
    events = EventName.objects.filter(feature__key="exports")
    return sum(UsageDay.objects.filter(event__in=events).values_list("uses", flat=True))


def test_a_total_of_a_month_with_events_is_refused_and_other_months_are_not(client) -> None:
    go(client, tried(client, "events", EVENTS), "apply")
    made = tried(client, "totals", TOTALS)
    assert counts(made) == ("checked", 2, 0, 0, 1)
    assert reasons(made) == [
        (2, "Events of Exports are counted for this account from 2026-10-12 on, and this total would count on top.")
    ]
    assert (go(client, made, "apply").run.created, uses()) == (2, 3 + 60)


def test_an_event_of_a_month_with_a_total_is_refused_and_others_count(client) -> None:
    go(client, tried(client, "totals", TOTALS), "apply")
    made = tried(client, "events", EVENTS)
    assert counts(made) == ("checked", 2, 0, 0, 1)
    assert reasons(made) == [
        (2, "A monthly total of Exports covers 2026-10-12 for this account, and this event would count on top.")
    ]
    assert (go(client, made, "apply").run.created, uses()) == (2, 91 + 2)


def test_in_the_running_month_a_total_ends_yesterday_and_events_of_today_count(client) -> None:
    """The long work looks at 2026-11-21, one minute past nine."""
    go(client, tried(client, "totals", "account,month,feature,uses\na,2026-11,Exports,20\n"), "apply")
    made = tried(client, "events", "account,at,event\na,2026-11-20,export\na,2026-11-21,export\n")
    assert counts(made) == ("checked", 1, 0, 0, 1)
    go(client, made, "apply")
    assert uses() == 20 + 1
    # As of now the total ends on the 20th; looked at when the month is over, it would count the 21st twice.
    again = tried(client, "totals", "account,month,feature,uses\na,2026-11,Exports,28\n")
    assert counts(again) == ("checked", 0, 1, 0, 0)
    client.post(reverse("upload-apply", args=[again.pk]))
    long_work(datetime(2026, 12, 1, 9, tzinfo=UTC))
    again.refresh_from_db()
    assert (again.state, again.refused, uses()) == ("applied", 1, 21)


def test_an_event_that_came_in_on_days_of_totals_cannot_be_mapped_to_their_feature(client) -> None:
    go(client, tried(client, "events", EVENTS.replace("export", "sheet")), "apply")
    go(client, tried(client, "totals", TOTALS), "apply")
    feature = EventName.objects.get(name="export").feature
    with pytest.raises(ValidationError) as error:
        map_events({"sheet": (feature, True, "")}, at=factories.NOW, by=System("test"))
    assert error.value.messages == [
        "sheet cannot feed Exports: for A a monthly total of 2026-10 covers days on which it has come in, and both "
        "would count. Undo the import of those totals first."
    ]
    UsageDay.objects.filter(day=date(2026, 10, 12)).exclude(event__name__startswith="monthly").delete()
    assert map_events({"sheet": (feature, True, "")}, at=factories.NOW, by=System("test")) == 1
