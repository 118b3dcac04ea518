"""Days counted from imports, rebuilt from raw batches, or refused; and what housekeeping drops."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied

from crm.accounts.models import Account
from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.lib import partitions
from crm.people.actions import join_accounts, people_ids
from crm.people.models import Membership
from crm.sources.models import InboxBatch, SeenMonth
from crm.sources.rules import hash64
from crm.usage.actions import count_events, event_ids, rebuild_day, tidy
from crm.usage.models import CountedDay, DirtyAccount, EventName, UsageDay, WaitingEvent
from crm.usage.queries import RawIncomplete, drained_through
from crm.usage.rules import Added, Counted, Drained, account_at
from tests import factories
from tests.crm.usage.calls import BY, DAY, at, group, people, receive, rejects, run, track, usage, when
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_partitions_yet(db: None) -> None:
    """Partitions that tests with commits left behind, today's among them, are gone for each of these tests."""
    for table in ("crm_inbox_batch", "crm_seen", "crm_usage_day", "crm_person_day"):
        for suffix in partitions.existing(table):
            partitions.drop(table, suffix)


def imported(*times: datetime, account=None):
    source = factories.source()
    account = account or factories.account(external_id="acme")
    seen = {"ann": (min(times), max(times))}
    person, event = people_ids(source, seen, at=NOW)["ann"], event_ids({"Opened": seen["ann"]}, at=NOW)["Opened"]
    return source, [
        Counted(account.pk, person, event, time, 2_500_000, time.date(), hash64(source.pk, f"row\0{n}"))
        for n, time in enumerate(times)
    ]


def test_imported_events_count_once_each_however_often_they_are_given():
    source, rows = imported(when(9), when(10), when(9, day=19))
    assert count_events([*rows, rows[0]], source=source, at=NOW, by=BY) == Added(3, 1)
    assert count_events(rows, source=source, at=NOW, by=BY) == Added(0, 3)
    assert usage() == {("acme", DAY, "Opened"): (2, 5_000_000), ("acme", date(2026, 11, 19), "Opened"): (1, 2_500_000)}
    assert people() == {("acme", DAY, "ann"): 2, ("acme", date(2026, 11, 19), "ann"): 1}
    assert DirtyAccount.objects.count() == 1


def test_an_event_of_nobody_counts_for_the_account_alone():
    source, rows = imported(when(9))
    count_events([rows[0]._replace(person_id=None)], source=source, at=NOW, by=BY)
    assert (usage(), people()) == ({("acme", DAY, "Opened"): (1, 2_500_000)}, {})


def test_only_who_may_import_may_count():
    source, rows = imported(when(9))
    with pytest.raises(PermissionDenied):
        count_events(rows, source=source, at=NOW, by=factories.user("rep"))


def test_event_names_are_made_once_and_widen():
    ids = event_ids({"A": (when(9), when(10)), "B": (when(9), when(9))}, at=NOW)
    assert event_ids({"A": (when(8), when(9))}, at=NOW) == {"A": ids["A"]}
    name = EventName.objects.get(name="A")
    assert (name.first_seen_at, name.last_seen_at) == (when(8), when(10))


def test_a_changed_amount_property_reaches_a_day_that_is_rebuilt():
    app = factories.source()
    receive(app, group("g1"), track("m1", properties={"minutes": 7}), track("m2", properties={"minutes": 0.5}))
    receive(app, track("m1", properties={"minutes": 7}), track("m3", timestamp=at(9, day=19)))
    run()
    EventName.objects.update(amount_property="minutes")
    assert rebuild_day(DAY, at=NOW, by=BY) == 2
    assert usage() == {
        ("acme", DAY, "Report opened"): (2, 7_500_000),
        ("acme", date(2026, 11, 19), "Report opened"): (1, 0),
    }
    assert people() == {("acme", DAY, "ann"): 2, ("acme", date(2026, 11, 19), "ann"): 1}
    assert AuditRow.objects.filter(action="usage.rebuilt", object_id="2026-11-20").count() == 1


def test_one_account_s_day_can_be_rebuilt_alone():
    app = factories.source()
    receive(app, group("g1"), group("g2", user="bob", account="zeta"))
    receive(app, track("m1", properties={"n": 1}), track("m2", user="bob", properties={"n": 1}))
    run()
    EventName.objects.update(amount_property="n")
    acme = Account.objects.system("test").get(external_id="acme")
    assert rebuild_day(DAY, account_id=acme.pk, at=NOW, by=BY) == 1
    assert usage() == {("acme", DAY, "Report opened"): (1, 1_000_000), ("zeta", DAY, "Report opened"): (1, 0)}


def test_a_day_with_imported_events_is_not_rebuilt():
    app = factories.source()
    receive(app, group("g1"), track("m1"))
    run()
    source, rows = imported(when(9), account=UsageDay.objects.get().account)
    count_events(rows, source=source, at=NOW, by=BY)
    before = usage()
    with pytest.raises(RawIncomplete, match="Events of 2026-11-20 from an import, which keeps no raw batches: 1"):
        rebuild_day(DAY, at=NOW, by=BY)
    assert usage() == before


def test_a_day_whose_raw_batches_are_gone_is_not_rebuilt():
    app = factories.source()
    receive(app, group("g1"), track("m1"), received=when(10))
    receive(app, track("m2"), received=when(10, day=21))
    run()
    partitions.drop("crm_inbox_batch", "20261120")
    with pytest.raises(RawIncomplete, match="the batches of that day were dropped"):
        rebuild_day(DAY, at=NOW, by=BY)
    assert usage() == {("acme", DAY, "Report opened"): (2, 0)}


def test_a_day_whose_raw_batches_hold_less_than_was_counted_is_not_rebuilt():
    app = factories.source()
    receive(app, group("g1"), track("m1"))
    last = receive(app, track("m2"))
    run()
    InboxBatch.objects.filter(id=last).delete()
    with pytest.raises(RawIncomplete, match="Events counted on 2026-11-20: 2, but raw batches hold 1"):
        rebuild_day(DAY, at=NOW, by=BY)
    assert usage() == {("acme", DAY, "Report opened"): (2, 0)}


def test_a_day_remembers_when_its_batches_came_also_those_that_waited():
    app = factories.source()
    receive(app, track("m1"), received=when(10))
    receive(app, track("m2"), group("g1"), received=when(10, day=21))
    run()
    row = CountedDay.objects.get()
    assert (row.day, row.first_received_on, row.last_received_on) == (DAY, DAY, date(2026, 11, 21))
    assert (row.without_raw, row.last_counted_at) == (0, NOW)


def test_the_pipeline_goes_as_far_as_a_minute_ago_or_the_oldest_batch_that_waits():
    assert drained_through(NOW) == NOW - timedelta(seconds=60)
    receive(factories.source(), group("g1"), received=when(10))
    assert drained_through(NOW) == when(10)
    run()
    assert drained_through(NOW) == NOW - timedelta(seconds=60)


def test_an_event_belongs_to_the_last_group_before_it_or_else_to_the_first():
    history = [(when(8), 1), (when(12), 2)]
    assert [account_at(history, when(hour)) for hour in (7, 8, 11, 12, 23)] == [1, 1, 1, 2, 2]
    assert account_at([], when(8)) is None


def test_housekeeping_makes_the_next_days_and_drops_raw_batches_after_90():
    app = factories.source()
    old, held, kept = NOW - timedelta(days=91), NOW - timedelta(days=92), NOW - timedelta(days=90)
    for received in (old, kept):
        receive(app, group(f"g{received}"), received=received)
    run()
    receive(app, group("waits"), received=held)
    tidy(at=NOW, by=System("housekeeping"))
    days = [f"{day:%Y%m%d}" for day in (held, kept, NOW, NOW + timedelta(days=1), NOW + timedelta(days=2))]
    assert partitions.existing("crm_inbox_batch") == days


def test_seen_ids_go_eight_days_after_the_last_of_their_month():
    app = factories.source()
    receive(app, group("g1"), track("m1", timestamp="2024-02-03T00:00:00Z"), track("m2"))
    run()
    assert partitions.existing("crm_seen") == ["202402", "202611"]
    SeenMonth.objects.filter(month=date(2024, 2, 1)).update(last_insert_at=NOW - timedelta(days=8, seconds=1))
    tidy(at=NOW, by=System("housekeeping"))
    assert partitions.existing("crm_seen") == ["202611"]
    receive(app, track("m3", timestamp="2024-02-03T00:00:00Z"))
    assert run().counted == 1


def test_events_that_waited_for_thirty_days_go_with_a_word():
    app = factories.source()
    receive(app, track("m1"), track("m2"), received=NOW - timedelta(days=31))
    receive(app, track("m3"), received=NOW - timedelta(days=29))
    run()
    said = tidy(at=NOW, by=System("housekeeping"))
    assert said == "Dropped: old partitions 0, events that waited in vain 2."
    assert rejects() == [(0, "", "Events dropped, because in 30 days no group call named their account: 2.")]
    receive(app, group("g1"))
    assert run() == Drained(batches=1, released=1, accounts=1)
    # Its time was beyond a day after its receipt on the 23rd of October, so it was moved there.
    assert usage() == {("acme", date(2026, 10, 24), "Report opened"): (1, 0)}
    assert WaitingEvent.objects.count() == 0


def test_person_days_stay_400_days_from_when_they_were_counted():
    source, rows = imported(datetime(2025, 1, 5, tzinfo=UTC))
    count_events(rows, source=source, at=NOW, by=BY)
    tidy(at=NOW + timedelta(days=400), by=System("housekeeping"))
    assert partitions.existing("crm_person_day") == ["202501"]
    tidy(at=NOW + timedelta(days=401), by=System("housekeeping"))
    assert partitions.existing("crm_person_day") == []
    assert usage() == {("acme", date(2025, 1, 5), "Opened"): (1, 2_500_000)}


def test_group_calls_that_repeat_the_one_before_are_thinned_after_eight_days():
    source, acme, zeta = factories.source(), factories.account(), factories.account()
    start = NOW - timedelta(days=8, hours=5)
    person = people_ids(source, {"ann": (start, start)}, at=NOW)["ann"]
    hours = [(0, acme), (1, acme), (2, zeta), (3, zeta), (4, acme), (24, acme)]
    join_accounts([(person, to.pk, start + timedelta(hours=h)) for h, to in hours], at=NOW, by=BY)
    tidy(at=NOW, by=System("housekeeping"))
    left = Membership.objects.order_by("since_at").values_list("since_at", "account")
    assert list(left) == [(start + timedelta(hours=h), to.pk) for h, to in hours if h in (0, 2, 4, 24)]
