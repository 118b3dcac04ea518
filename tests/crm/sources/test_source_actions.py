"""Sources and keys: made, revoked and recorded; who may, and what is kept of a key."""

import hashlib
import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command

from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.sources import actions
from crm.sources.models import InboxBatch, Source, WriteKey
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db
BY = System("test")


def accept(key: str, body: bytes = b"{}", **more: object) -> int:
    values: dict[str, object] = {"key": key, "call": "track", "body": body, "events": 1, "at": NOW}
    return actions.accept(**values | more)  # type: ignore[arg-type]  # values in one dict


@pytest.fixture(autouse=True)
def _fresh_look():
    actions.look_again()
    yield
    actions.look_again()


def test_a_key_is_kept_as_hash_and_prefix_only():
    row, key = actions.create_write_key(factories.source("Web app"), at=NOW, by=BY)
    assert key.startswith("hf_")
    assert len(key) >= 35
    assert (row.prefix, bytes(row.sha256)) == (key[:8], hashlib.sha256(key.encode()).digest())
    written = json.dumps(list(AuditRow.objects.values("before", "after", "object_label")))
    assert key not in written
    assert AuditRow.objects.get().action == "write_key.created"


def test_two_keys_of_a_source_both_work_until_one_is_revoked():
    source = factories.source()
    (first, one), (_second, two) = (actions.create_write_key(source, at=NOW, by=BY) for _ in range(2))
    accept(one)
    accept(two)
    actions.revoke_write_key(first, at=NOW, by=BY)
    with pytest.raises(actions.UnknownKey):
        accept(one)
    accept(two)
    assert InboxBatch.objects.count() == 3


def test_revoking_twice_keeps_the_first_time_and_leaves_one_audit_row():
    row, _key = actions.create_write_key(factories.source(), at=NOW, by=BY)
    actions.revoke_write_key(row, at=NOW, by=BY)
    actions.revoke_write_key(row, at=NOW + timedelta(days=1), by=BY)
    assert WriteKey.objects.get().revoked_at == NOW
    assert AuditRow.objects.filter(action="write_key.revoked").count() == 1


def test_accepting_stores_the_request_and_returns_its_id():
    source = factories.source()
    _row, key = actions.create_write_key(source, at=NOW, by=BY)
    number = accept(key, b'{"event": "x"}', events=7, call="batch")
    row = InboxBatch.objects.get(received_on=NOW.date(), id=number)
    assert (row.source, row.call, row.events, row.received_at) == (source, "batch", 7, NOW)
    assert (bytes(row.body), row.attempts, row.drained_at, row.parked_at) == (b'{"event": "x"}', 0, None, None)


def test_a_batch_that_waits_for_over_15_minutes_closes_the_door_for_a_second_at_least():
    _row, key = actions.create_write_key(factories.source(), at=NOW, by=BY)
    accept(key)
    late = NOW + timedelta(minutes=15, seconds=2)
    with pytest.raises(actions.Behind):
        accept(key, at=late)
    InboxBatch.objects.update(drained_at=late)
    with pytest.raises(actions.Behind):
        accept(key, at=late + timedelta(milliseconds=999))
    accept(key, at=late + timedelta(seconds=1))


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "nul\0", "Taken"])
def test_a_source_needs_a_name_of_its_own(name: str):
    factories.source("Taken")
    with pytest.raises(ValidationError) as caught:
        actions.create_source(name=name, at=NOW, by=BY)
    assert list(caught.value.message_dict) == ["name"]
    assert Source.objects.count() == 1


@pytest.mark.parametrize("role", ["ops_admin", "manager", "rep", "read_only"])
def test_only_a_system_admin_makes_sources_and_keys(role: str):
    person = factories.user(role)
    source = factories.source()
    row, _key = actions.create_write_key(source, at=NOW, by=BY)
    with pytest.raises(PermissionDenied):
        actions.create_source(name="More", at=NOW, by=person)
    with pytest.raises(PermissionDenied):
        actions.create_write_key(source, at=NOW, by=person)
    with pytest.raises(PermissionDenied):
        actions.revoke_write_key(row, at=NOW, by=person)
    assert (Source.objects.count(), WriteKey.objects.filter(revoked_at=None).count()) == (1, 1)


def run_command(*names: str) -> list[str]:
    out = StringIO()
    call_command("create_write_key", *names, stdout=out)
    return out.getvalue().splitlines()


def test_the_command_makes_the_source_once_and_prints_the_key_alone_on_its_last_line():
    first, second = run_command("Web app")[-1], run_command("Web app")[-1]
    assert first != second
    assert Source.objects.get().name == "Web app"
    accept(first)
    accept(second)
    assert {row.source.name for row in InboxBatch.objects.all()} == {"Web app"}
    made = AuditRow.objects.values_list("action", "actor_kind", "actor_label").order_by("id")
    assert list(made) == [
        ("source.created", "system", "create_write_key"),
        ("write_key.created", "system", "create_write_key"),
        ("write_key.created", "system", "create_write_key"),
    ]


def test_the_command_refuses_an_empty_name_with_a_sentence():
    with pytest.raises(CommandError, match="needs a name"):
        run_command(" ")
    assert (Source.objects.count(), WriteKey.objects.count()) == (0, 0)
