"""Windows: sums over [D − W, D) and the W days before, rebuilt by night, redone by account, swapped whole."""

from datetime import timedelta
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction

from crm.accounts.models import Account
from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.lib import partitions
from crm.people.models import Person
from crm.usage import actions
from crm.usage.models import EventName, PersonDay, UsageDay, WindowEvent, WindowPerson
from crm.usage.queries import windows_stand
from tests import factories
from tests.factories import NOW, TODAY

BY = System("test")
ALL = frozenset({7, 28, 84})


def event(name: str = "trip") -> EventName:
    return EventName.objects.create(name=name, first_seen_at=NOW, last_seen_at=NOW)


def person(name: str, **more: Any) -> Person:
    source = more.pop("source", None) or factories.source()
    return Person.objects.create(source=source, external_id=name, first_seen_at=NOW, last_seen_at=NOW, **more)


def used(account: Account, of: EventName, uses: int, *, ago: int, amount: int = 0) -> None:
    day = TODAY - timedelta(ago)
    partitions.ensure_months("crm_usage_day", [day])
    UsageDay.objects.create(account=account, event=of, day=day, uses=uses, amount=amount)


def person_used(account: Account, who: Person, uses: int, *, ago: int) -> None:
    day = TODAY - timedelta(ago)
    partitions.ensure_months("crm_person_day", [day])
    PersonDay.objects.create(account=account, person=who, day=day, uses=uses)


def roll(windows: frozenset[int] = ALL, **more: Any) -> str:
    return actions.roll_windows(more.pop("day", TODAY), windows=windows, at=NOW, by=BY, **more)


def event_rows() -> list[tuple[Any, ...]]:
    return list(WindowEvent.objects.order_by("account_id", "event_id").values_list("account_id", "event_id", "uses_28"))


@pytest.mark.django_db
def test_each_window_ends_yesterday_and_stands_beside_the_one_before() -> None:
    account, trip = factories.account(), event()
    for ago, uses in (
        (0, 1),
        (1, 10),
        (7, 100),
        (8, 1_000),
        (28, 10_000),
        (29, 100_000),
        (84, 1_000_000),
        (168, 10_000_000),
    ):
        used(account, trip, uses, ago=ago, amount=uses * 2)
    used(account, trip, 5, ago=169)
    roll()
    row = WindowEvent.objects.get()
    assert (row.uses_7, row.before_7) == (110, 1_000)
    assert (row.uses_28, row.before_28) == (11_110, 100_000)
    assert (row.uses_84, row.before_84) == (1_111_110, 10_000_000)
    assert [row.amount_7, row.amount_before_28, row.amount_84] == [220, 200_000, 2_222_220]
    assert row.last_day == TODAY - timedelta(1)


@pytest.mark.django_db
def test_only_the_windows_in_use_are_summed_and_another_one_makes_them_anew() -> None:
    account, trip = factories.account(), event()
    used(account, trip, 3, ago=2)
    roll(frozenset({28}))
    row = WindowEvent.objects.get()
    assert (row.uses_7, row.uses_28, row.amount_84) == (None, 3, None)
    assert windows_stand() == (TODAY, frozenset({28}))
    assert roll(frozenset({28})) == f"Windows stand at {TODAY}."
    assert roll(frozenset({7, 28})) == f"Windows were rebuilt as of {TODAY}."
    assert WindowEvent.objects.get().uses_7 == 3


@pytest.mark.django_db
def test_windows_never_go_back_and_leave_one_audit_row_a_rebuild() -> None:
    used(factories.account(), event(), 3, ago=2)
    roll()
    roll()
    assert roll(day=TODAY - timedelta(1)) == f"Windows stand at {TODAY}."
    assert AuditRow.objects.filter(action="windows.rebuilt").count() == 1


@pytest.mark.django_db
def test_accounts_follow_their_merge_and_people_their_aliases_at_any_length() -> None:
    kept = factories.account()
    merged = factories.account(merged_into=kept)
    trip, known = event(), person("known")
    alias = person("alias", same_as=known)
    anonymous = person("anonymous", same_as=alias, is_anonymous=True)
    for account, who, uses in ((kept, known, 1), (merged, alias, 10), (merged, anonymous, 100)):
        used(account, trip, uses, ago=len(str(uses)))
        person_used(account, who, uses, ago=3)
    roll()
    assert event_rows() == [(kept.pk, trip.pk, 111)]
    assert list(WindowPerson.objects.values_list("account_id", "person_id", "uses_28")) == [(kept.pk, known.pk, 111)]


@pytest.mark.django_db
def test_redoing_changed_accounts_equals_a_rebuild_and_leaves_others_alone() -> None:
    kept, other, trip, walk = factories.account(), factories.account(), event(), event("walk")
    merged = factories.account(merged_into=kept)
    who = person("who")
    for account in (kept, merged, other):
        used(account, trip, 5, ago=3)
        person_used(account, who, 5, ago=3)
    roll()
    used(merged, walk, 7, ago=2)
    UsageDay.objects.filter(account=kept).delete()
    UsageDay.objects.filter(account=other).update(uses=50)
    assert actions.redo_windows([merged.pk]) == 2
    assert event_rows() == [(kept.pk, trip.pk, 5), (kept.pk, walk.pk, 7), (other.pk, trip.pk, 5)]
    actions.redo_windows([other.pk])
    redone = event_rows(), list(WindowPerson.objects.order_by("account_id").values_list())
    roll(again=True)
    assert (event_rows(), list(WindowPerson.objects.order_by("account_id").values_list())) == redone


@pytest.mark.django_db
def test_a_swapped_table_has_its_key_again() -> None:
    used(factories.account(), event(), 3, ago=2)
    roll()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE contype = 'p' AND conrelid::regclass::text LIKE 'crm_window_%%' ORDER BY 1"
        )
        assert cursor.fetchall() == [
            ("crm_window_event", "crm_window_event_pkey", "PRIMARY KEY (account_id, event_id)"),
            ("crm_window_person", "crm_window_person_pkey", "PRIMARY KEY (account_id, person_id)"),
        ]


@pytest.mark.django_db
def test_another_days_windows_are_temporary_and_touch_nothing() -> None:
    account, trip = factories.account(), event()
    used(account, trip, 3, ago=2)
    used(account, trip, 4, ago=30)
    roll()
    actions.windows_of(TODAY - timedelta(10), windows=frozenset({28}), events="past_event", people="past_person")
    with connection.cursor() as cursor:
        cursor.execute("SELECT uses_28 FROM past_event")
        assert cursor.fetchall() == [(4,)]
        cursor.execute("DROP TABLE past_event, past_person")
    assert event_rows() == [(account.pk, trip.pk, 3)]
    assert windows_stand().day == TODAY


@pytest.mark.django_db(transaction=True)
def test_two_rebuilds_at_once_leave_one_result() -> None:
    account, trip = factories.account(), event()
    used(account, trip, 3, ago=2)
    said: list[str] = []

    def rebuild() -> None:
        try:
            said.append(roll())
        finally:
            connection.close()

    with transaction.atomic(), connection.cursor() as cursor:
        actions.lock_windows(cursor)
        threads = [Thread(target=rebuild) for _ in range(2)]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(said) == [f"Windows stand at {TODAY}.", f"Windows were rebuilt as of {TODAY}."]
    assert event_rows() == [(account.pk, trip.pk, 3)]
    assert WindowEvent.objects.get().amount_28 == Decimal(0)
