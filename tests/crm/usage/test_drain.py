"""The drain: stored requests become days, each event once, whatever happens in between."""

import pytest

from crm.audit.models import AuditRow
from crm.sources.models import Source
from crm.usage.models import DirtyAccount, EventName, WaitingEvent
from crm.usage.rules import Drained
from tests import factories
from tests.crm.usage.calls import DAY, at, batch, group, people, receive, rejects, run, track, usage, when

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> Source:
    return factories.source("App")


def test_an_event_counts_for_its_account_its_day_and_its_person(app):
    receive(app, group("g1"), track("m1"), track("m2", event="Export made"), track("m3", user="bob", groupId="acme"))
    assert run() == Drained(batches=1, counted=3, accounts=1)
    assert usage() == {("acme", DAY, "Report opened"): (2, 0), ("acme", DAY, "Export made"): (1, 0)}
    assert people() == {("acme", DAY, "ann"): 2, ("acme", DAY, "bob"): 1}


def test_the_same_message_counts_once_inside_a_batch_and_on_retries(app):
    receive(app, group("g1"), track("m1"), track("m1"))
    assert run().repeated == 1
    receive(app, group("g1"), track("m1"))
    assert run() == Drained(batches=1, repeated=2)
    assert usage() == {("acme", DAY, "Report opened"): (1, 0)}


def test_the_same_message_id_of_another_source_is_another_event(app):
    factories.account(external_id="acme")
    receive(app, track("m1", groupId="acme"))
    receive(factories.source("Other"), track("m1", groupId="acme"))
    run()
    assert usage() == {("acme", DAY, "Report opened"): (2, 0)}


def test_one_bad_event_costs_only_itself(app):
    factories.account(external_id="acme")
    good = [track(f"m{n}", groupId="acme") for n in range(99)]
    receive(app, *good[:50], track("bad", event=None, groupId="acme"), *good[50:])
    assert run() == Drained(batches=1, counted=99, refused=1)
    assert usage() == {("acme", DAY, "Report opened"): (99, 0)}
    assert rejects() == [(50, "bad", "event is missing. A track call names what happened.")]


def test_a_group_call_for_the_person_wins_over_nothing_but_the_event_s_own_group_wins_over_it(app):
    factories.account(external_id="other")
    receive(
        app,
        group("g1"),
        track("m1"),
        track("m2", groupId="other"),
        track("m3", context={"groupId": "other"}),
        track("m4", groupId="acme", context={"groupId": "other"}),
    )
    run()
    assert usage() == {("acme", DAY, "Report opened"): (2, 0), ("other", DAY, "Report opened"): (2, 0)}


def test_an_event_belongs_to_the_group_its_user_was_in_at_that_time(app):
    receive(app, group("g1", account="first", timestamp=at(8)), group("g2", account="second", timestamp=at(12)))
    receive(app, track("m1", timestamp=at(7)), track("m2", timestamp=at(11)), track("m3", timestamp=at(12)))
    run()
    # Before any group call: the first one's account.
    assert usage() == {("first", DAY, "Report opened"): (2, 0), ("second", DAY, "Report opened"): (1, 0)}


def test_an_event_waits_for_its_group_call_and_is_counted_exactly_once_when_it_comes(app):
    receive(app, track("m1"), track("m2"))
    assert run() == Drained(batches=1, waiting=2)
    assert usage() == {}
    receive(app, track("m1"), group("g1"))
    assert run() == Drained(batches=1, repeated=1, released=2, accounts=1)
    assert run() == Drained()
    assert usage() == {("acme", DAY, "Report opened"): (2, 0)}
    assert people() == {("acme", DAY, "ann"): 2}
    assert WaitingEvent.objects.count() == 0


def test_an_event_that_names_an_unknown_account_waits_for_that_one(app):
    receive(app, track("m1", groupId="later"), group("g1", account="acme"))
    assert run().waiting == 1
    receive(app, group("g2", user="bob", account="later"))
    assert run().released == 1
    assert usage() == {("later", DAY, "Report opened"): (1, 0)}


def test_an_account_made_by_hand_also_releases_what_waits_for_it(app):
    receive(app, track("m1", groupId="later"))
    run()
    factories.account(external_id="later")
    assert run() == Drained(released=1)
    assert usage() == {("later", DAY, "Report opened"): (1, 0)}


def test_what_an_anonymous_visitor_did_is_counted_once_the_user_is_known(app):
    receive(app, track("m1", user=None, anonymousId="device"), group("g1"))
    assert run() == Drained(batches=1, waiting=1, accounts=1)
    receive(app, {"type": "identify", "messageId": "i1", "userId": "ann", "anonymousId": "device"})
    assert run() == Drained(batches=1, released=1)
    assert usage() == {("acme", DAY, "Report opened"): (1, 0)}
    assert people() == {("acme", DAY, "device"): 1}


def test_whoever_is_identified_before_an_account_is_known_goes_on_waiting_and_costs_nobody_else(app):
    receive(app, track("m1", user=None, anonymousId="device"))
    run()
    receive(app, {"type": "identify", "messageId": "i1", "userId": "ann", "anonymousId": "device"}, track("m2"))
    assert run() == Drained(batches=1, waiting=1)
    receive(app, group("g1"))
    assert run() == Drained(batches=1, released=2, accounts=1)
    assert usage() == {("acme", DAY, "Report opened"): (2, 0)}


def test_an_alias_releases_what_the_former_id_did(app):
    receive(app, track("m1", user="old"), group("g1", user="new"))
    assert run().waiting == 1
    receive(app, {"type": "alias", "messageId": "a1", "previousId": "old", "userId": "new"})
    assert run().released == 1
    assert usage() == {("acme", DAY, "Report opened"): (1, 0)}


def test_page_and_screen_calls_are_named_and_are_no_use_of_a_person(app):
    page = {"type": "page", "messageId": "p1", "userId": "ann", "name": "Pricing", "timestamp": at(9)}
    screen = {"type": "screen", "messageId": "p2", "userId": "ann", "timestamp": at(9)}
    receive(app, group("g1"), page, screen)
    run()
    assert usage() == {("acme", DAY, "Page: Pricing"): (1, 0), ("acme", DAY, "Screen"): (1, 0)}
    assert people() == {}


def test_calls_with_an_endpoint_of_their_own_need_no_type(app):
    call = track("m1")
    del call["type"]
    receive(app, group("g1"), call="group")
    receive(app, call, call="track")
    assert run() == Drained(batches=2, counted=1, accounts=1)
    assert usage() == {("acme", DAY, "Report opened"): (1, 0)}


def test_an_amount_is_summed_in_millionths_and_what_is_no_number_is_told(app):
    EventName.objects.create(name="Call held", amount_property="minutes", first_seen_at=when(1), last_seen_at=when(1))
    calls = [12.5, 3, 0.0000005, "7", None]
    receive(
        app,
        group("g1"),
        *(track(f"m{n}", event="Call held", properties={"minutes": value}) for n, value in enumerate(calls)),
    )
    run()
    # 12,500,000 + 3,000,000 + 0 (half of a millionth rounds to even); text and nothing add nothing.
    assert usage() == {("acme", DAY, "Call held"): (5, 15_500_000)}
    assert rejects() == [(4, "m3", "minutes: The property to sum is not a number, so nothing was added to the amount.")]


def test_time_is_corrected_for_the_sender_s_clock(app):
    # The sender's clock is 3 hours fast: it says 01:30 on the 21st for what happened at 22:30 on the 20th.
    receive(app, group("g1"), track("m1", timestamp=at(1, 30, 21)), received=when(22, 40), sent=at(1, 40, 21))
    run()
    assert usage() == {("acme", DAY, "Report opened"): (1, 0)}


def test_a_year_9999_is_moved_to_a_day_after_receipt(app):
    receive(app, group("g1"), track("m1", timestamp="9999-12-31T23:59:59-12:00"), received=when(9))
    run()
    assert usage() == {("acme", when(9, day=21).date(), "Report opened"): (1, 0)}


def test_without_a_timestamp_a_retry_after_midnight_is_still_the_same_event(app):
    factories.account(external_id="acme")
    receive(app, track("m1", groupId="acme", timestamp=None), received=when(23, 59))
    run()
    receive(app, track("m1", groupId="acme", timestamp=None), received=when(0, 1, 21))
    assert run() == Drained(batches=1, repeated=1)
    assert usage() == {("acme", DAY, "Report opened"): (1, 0)}


def test_without_a_message_id_every_event_counts(app):
    receive(app, group("g1"), track("", messageId=None), track("", messageId=None))
    receive(app, track("", messageId=None))
    run()
    assert usage() == {("acme", DAY, "Report opened"): (3, 0)}


def test_accounts_are_marked_dirty_again_with_every_run_that_touched_them(app):
    receive(app, group("g1"), track("m1"))
    run()
    first = DirtyAccount.objects.get().mark
    receive(app, track("m2"))
    run()
    assert DirtyAccount.objects.get().mark > first


def test_a_run_leaves_one_audit_row_and_an_idle_one_none(app):
    receive(app, group("g1"), track("m1"))
    receive(app, track("m2"))
    run(limit_events=1)
    run()
    (row,) = AuditRow.objects.filter(action="usage.drained")
    assert (row.after["batches"], row.after["counted"], row.after["accounts"]) == (2, 2, 1)


def test_a_source_remembers_when_it_was_last_heard_and_a_name_when_it_was_used(app):
    receive(app, group("g1"), track("m1", timestamp=at(9)), track("m2", timestamp=at(7)), received=when(10))
    receive(app, track("m3", timestamp=at(8)), received=when(11))
    run()
    app.refresh_from_db()
    name = EventName.objects.get()
    assert app.last_received_at == when(11)
    assert (name.first_seen_at, name.last_seen_at) == (when(7), when(9))


def test_names_beyond_two_thousand_are_refused_with_a_reason(app):
    EventName.objects.bulk_create(
        EventName(name=f"Name {n}", first_seen_at=when(1), last_seen_at=when(1)) for n in range(1999)
    )
    receive(app, group("g1"), track("m1", event="A"), track("m2", event="B"), track("m3", event="Name 7"))
    assert run() == Drained(batches=1, counted=2, refused=1, accounts=1)
    assert rejects() == [
        (2, "m2", "There are too many event names already. Send fewer, with what varies as a property.")
    ]


def test_what_the_door_could_not_keep_is_put_aside_with_its_reason(app):
    marker = {"$refused": "A number is NaN.", "messageId": "m9", "$excerpt": '{"a": NaN}'}
    receive(app, group("g1"), marker, track("m1"))
    assert run() == Drained(batches=1, counted=1, refused=1, accounts=1)
    assert rejects() == [(1, "m9", "A number is NaN.")]


def test_a_drained_batch_says_when(app):
    pk = receive(app, group("g1"))
    run()
    assert (batch(pk).drained_at, batch(pk).attempts, batch(pk).failed) == (factories.NOW, 1, "")
