"""The drain when things go wrong: crashes, poison, two at once, and any order of what comes."""

from threading import Barrier, Thread

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.lib import partitions
from crm.sources import actions as sources
from crm.sources.models import InboxBatch, Seen
from crm.usage.actions import days as actions
from crm.usage.models import WaitingEvent
from crm.usage.rules import Drained
from tests import factories
from tests.crm.usage.calls import (
    BY,
    DAY,
    at,
    batch,
    group,
    people,
    receive,
    receive_bytes,
    rejects,
    run,
    track,
    usage,
)


@pytest.mark.django_db
def test_a_batch_that_cannot_be_read_costs_no_other_and_is_parked_after_five_attempts(caplog):
    app = factories.source()
    before = receive(app, group("g1"), track("m1"))
    poison = receive_bytes(app, b"{")
    after = receive(app, track("m2"))
    # Together they fail once; then each alone, and the two good ones are counted in the same run.
    assert run() == Drained(batches=2, counted=2, failed=1, accounts=1)
    assert usage() == {("acme", DAY, "Report opened"): (2, 0)}
    assert (batch(before).attempts, batch(poison).attempts, batch(after).attempts) == (2, 2, 2)
    assert [run() for _again in range(2)] == [Drained(failed=1)] * 2
    assert batch(poison).parked_at is None
    assert run() == Drained(failed=1, parked=1)
    row = batch(poison)
    assert (row.attempts, row.parked_at, row.drained_at) == (5, factories.NOW, None)
    assert row.failed.startswith("JSONDecodeError: ")
    assert run() == Drained()


@pytest.mark.django_db
def test_an_attempt_is_counted_before_the_work_so_a_crash_is_found_out(monkeypatch):
    app = factories.source()
    pk = receive(app, group("g1"), track("m1"))

    def die(*_args, **_more):
        raise KeyboardInterrupt  # as a killed process: nothing of ours runs afterwards

    monkeypatch.setattr(actions, "read_batch", die)
    for attempt in range(1, 6):
        with pytest.raises(KeyboardInterrupt):
            run()
        assert batch(pk).attempts == attempt
    assert run() == Drained(parked=1)
    assert batch(pk).failed == "The process died each time it tried to count this batch."


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("place", ["unseen", "put_aside"])
def test_a_crash_in_the_middle_loses_nothing_and_doubles_nothing(monkeypatch, place):
    app = factories.source()
    receive(app, group("g1"), track("m1"), track("m2"))
    real = getattr(sources, place)

    def die(*args, **more):
        real(*args, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sources, place, die)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert (usage(), Seen.objects.count(), batch(InboxBatch.objects.get().id).drained_at) == ({}, 0, None)
    assert run() == Drained(batches=1, counted=2, accounts=1)
    assert usage() == {("acme", DAY, "Report opened"): (2, 0)}


@pytest.mark.django_db(transaction=True)
def test_trouble_of_the_database_is_no_attempt_of_the_batch(monkeypatch):
    app = factories.source()
    pk = receive(app, group("g1"), track("m1"))

    def deadlock(*_args, **_more):
        raise OperationalError("deadlock detected") from psycopg.errors.DeadlockDetected()

    with monkeypatch.context() as patch:
        patch.setattr(sources, "unseen", deadlock)
        with pytest.raises(OperationalError):
            run()
    assert batch(pk).attempts == 0
    assert run().counted == 1


@pytest.mark.django_db(transaction=True)
def test_a_partition_that_was_dropped_meanwhile_is_made_again(monkeypatch):
    app = factories.source()
    receive(app, group("g1"), track("m1"))
    run()
    partitions.ensure_months("crm_usage_day", [DAY])  # this process remembers it now
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE crm_usage_day_202611")
    receive(app, track("m2"))
    assert run().counted == 1
    assert usage() == {("acme", DAY, "Report opened"): (1, 0)}


@pytest.mark.django_db(transaction=True)
def test_two_drains_at_once_give_one_result():
    app = factories.source()
    receive(app, group("g0", user="user-0"))
    for n in range(30):
        receive(app, *(track(f"m{i}", user=f"user-{i % 5}") for i in range(n, n + 20)))
    receive(app, *(group(f"g{u}", user=f"user-{u}") for u in range(1, 5)))
    start, said = Barrier(2), []

    def go():
        start.wait()
        try:
            said.append(run(limit_events=40))
        finally:
            connection.close()

    threads = [Thread(target=go) for _n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # 49 different ids, of which user-0 has 0, 5, … 45: ten, as every other but the last, who has nine.
    assert sum(one.counted + one.released for one in said) == 49
    assert sum(one.batches for one in said) == 32
    assert usage() == {("acme", DAY, "Report opened"): (49, 0)}
    assert people() == {("acme", DAY, f"user-{u}"): 10 if u < 4 else 9 for u in range(5)}
    assert WaitingEvent.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_another_process_holds_is_left_to_it():
    app = factories.source()
    held, free = receive(app, group("g1")), receive(app, track("m1"))
    with transaction.atomic():
        InboxBatch.objects.select_for_update().get(id=held)
        claimed = []

        def go():
            claimed.extend(sources.claim_batches(limit_events=100))
            connection.close()

        thread = Thread(target=go)
        thread.start()
        thread.join()
    assert [one.id for one in claimed] == [free]


USERS, GROUPS = ["ann", "bob", "cid"], {"ann": "acme", "bob": "acme", "cid": "zeta"}
CALLS = [
    *(
        track(f"m{n}", user=USERS[n % 3], event=f"Event {n % 2}", timestamp=at(n % 24, day=18 + n % 3))
        for n in range(18)
    ),
    *(track(f"d{n}", user=None, anonymousId="device", timestamp=at(n)) for n in range(3)),
    track("named", user="bob", groupId="zeta"),
]
TELLING = [
    *(group(f"g-{user}", user=user, account=account) for user, account in GROUPS.items()),
    {"type": "identify", "messageId": "i1", "userId": "ann", "anonymousId": "device", "timestamp": at(1)},
]


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_order_doubling_and_cutting_into_batches_gives_the_same_days(db, data):
    told_first = data.draw(st.booleans())
    calls = data.draw(st.permutations(CALLS + data.draw(st.lists(st.sampled_from(CALLS), max_size=10))))
    telling = data.draw(st.permutations(TELLING))
    calls = [*telling, *calls] if told_first else [*calls, *telling]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(calls)), max_size=5)))
    with transaction.atomic():
        app = factories.source()
        for start, end in zip([0, *cuts], [*cuts, len(calls)], strict=True):
            receive(app, *calls[start:end])
            if data.draw(st.booleans()):
                run(limit_events=data.draw(st.integers(1, 30)))
        run()
        found = usage(), people(), WaitingEvent.objects.count(), rejects()
        transaction.set_rollback(True)
    # Events 0 … 17: user n % 3, name n % 2, day 18 + n % 3, so each user has one day, three of each name.
    assert found == (
        {
            **{("acme", DAY.replace(day=18 + u), f"Event {e}"): (3, 0) for u in (0, 1) for e in (0, 1)},
            **{("zeta", DAY, f"Event {e}"): (3, 0) for e in (0, 1)},
            ("acme", DAY, "Report opened"): (3, 0),
            ("zeta", DAY, "Report opened"): (1, 0),
        },
        {
            ("acme", DAY.replace(day=18), "ann"): 6,
            ("acme", DAY.replace(day=19), "bob"): 6,
            ("zeta", DAY, "cid"): 6,
            ("acme", DAY, "device"): 3,
            ("zeta", DAY, "bob"): 1,
        },
        0,
        [],
    )


@pytest.mark.django_db
def test_an_error_that_is_no_missing_partition_is_not_tried_again():
    tries = []

    def work():
        tries.append(1)
        raise IntegrityError("no") from psycopg.errors.UniqueViolation()

    with pytest.raises(IntegrityError):
        partitions.with_months(("crm_usage_day",), {DAY}, work)
    assert len(tries) == 1


@pytest.mark.django_db
def test_the_time_that_a_run_may_take_is_kept_and_the_rest_is_announced():
    app = factories.source()
    receive(app, group("g1"))
    receive(app, track("m1"))
    assert run(limit_events=1, budget_seconds=0) == Drained(batches=1, accounts=1, more=1)
    assert actions.drain(at=factories.NOW, by=BY) == Drained(batches=1, counted=1)
