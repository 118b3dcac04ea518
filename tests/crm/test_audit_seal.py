"""The chain over the record: every committed row once, in one order; whatever is changed afterwards is found."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, connections, transaction

from crm.audit import queries
from crm.audit.actions import record, seal
from crm.audit.models import AuditRow, AuditSeal
from crm.audit.queries import verify
from crm.audit.rules import BEGINNING, System, digest
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)
BY = System("test")


def written(*names):
    with transaction.atomic():
        return [
            record("thing.made", ("thing", name), at=NOW, by=BY, after={"n": 1.5, "name": "Fjällräven"}).pk
            for name in names
        ]


def rolled_back():
    """Takes an id that no row will ever have."""
    with transaction.atomic():
        record("thing.made", ("thing", "never"), at=NOW, by=BY)
        transaction.set_rollback(True)


def chain():
    return list(AuditSeal.objects.order_by("position").values_list("position", "row_id"))


def as_owner(statement):
    """What only the owner of the tables could do: take the trigger off, change rows, put it on again."""
    with connection.cursor() as cursor:
        for table, trigger in (("crm_auditrow", "audit_append_only"), ("crm_auditseal", "audit_seal_append_only")):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        cursor.execute(statement)
        for table, trigger in (("crm_auditrow", "audit_append_only"), ("crm_auditseal", "audit_seal_append_only")):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")


def test_rows_are_sealed_once_and_in_the_order_of_their_ids():
    first = written("a", "b", "c")
    assert [seal(at=NOW, by=BY, limit=2) for _ in range(3)] == [2, 1, 0]
    second = written("d")
    assert seal(at=NOW, by=BY) == 1
    assert chain() == [(n, pk) for n, pk in enumerate([*first, *second], 1)]
    found = verify()
    assert (found.sealed, found.why, found.waiting) == (4, "", 0)
    assert found.head == bytes(AuditSeal.objects.get(position=4).digest).hex()


def test_a_digest_stands_on_every_field_and_on_the_link_before():
    row = [7, NOW, "user", "1", "Mina", "", "a.b", "account", "2", "Acme", {"x": 1, "y": None}, {}]
    same = digest(BEGINNING, [*row[:10], {"y": None, "x": 1}, {}])
    assert digest(BEGINNING, row) == same  # the order of keys says nothing
    others = {digest(BEGINNING, [*row[:n], "changed", *row[n + 1 :]]) for n in range(12) if n != 1}
    others |= {digest(same, row), digest(BEGINNING, [7, NOW.replace(microsecond=1), *row[2:]])}
    assert len(others | {same}) == 14


def test_what_is_not_committed_waits_and_takes_its_later_place():
    """A lower id that is committed late: nothing above it is sealed before, and nothing is left out."""
    other = connections.create_connection("default")
    try:
        with other.cursor() as slow:
            slow.execute("BEGIN")
            slow.execute(
                "INSERT INTO crm_auditrow (at, actor_kind, actor_id, actor_label, on_behalf_of, action, object_kind,"
                " object_id, object_label, before, after)"
                " VALUES (%s, 'system', 't', 't', '', 'late', 't', '1', '', '{}', '{}') RETURNING id",
                [NOW],
            )
            (late,) = slow.fetchone()
            (early,) = written("a")
            assert early > late
            assert seal(at=NOW, by=BY) == 0
            assert verify().waiting == 1
            slow.execute("COMMIT")
        assert seal(at=NOW, by=BY) == 2
        assert chain() == [(1, late), (2, early)]
    finally:
        other.close()


def test_a_gap_left_by_a_rollback_is_no_break():
    written("a")
    rolled_back()
    written("b")
    assert seal(at=NOW, by=BY) == 2
    assert verify().why == ""


@pytest.mark.parametrize("statement", ["UPDATE crm_auditseal SET position = 9", "DELETE FROM crm_auditseal"])
def test_the_database_refuses_to_change_the_chain(statement):
    written("a")
    seal(at=NOW, by=BY)
    with pytest.raises(ProgrammingError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("statement", "at", "why"),
    [
        (
            "UPDATE crm_auditrow SET actor_label = 'somebody else' WHERE id = {b}",
            "b",
            "the row or its seal was changed",
        ),
        ("UPDATE crm_auditrow SET after = '{{}}' WHERE id = {b}", "b", "the row or its seal was changed"),
        ("DELETE FROM crm_auditrow WHERE id = {b}", "b", "the row is gone"),
        ("DELETE FROM crm_auditseal WHERE row_id = {b}", "c", "a seal before it is missing"),
        ("UPDATE crm_auditseal SET digest = sha256('x') WHERE row_id = {c}", "c", "the row or its seal was changed"),
        ("UPDATE crm_auditseal SET row_id = -row_id WHERE row_id = {a}", "-a", "the row is gone"),
    ],
)
def test_a_change_behind_our_back_is_found_with_its_row(statement, at, why):
    rows = dict(zip("abc", written("a", "b", "c"), strict=True))
    seal(at=NOW, by=BY)
    as_owner(statement.format(**rows))
    found = verify()
    assert (found.broken_at, found.why) == (-rows["a"] if at == "-a" else rows[at], why)


def test_a_row_slipped_in_among_sealed_ones_is_found(monkeypatch):
    (first,) = written("a")
    rolled_back()
    written("c")
    seal(at=NOW, by=BY)
    as_owner(
        "INSERT INTO crm_auditrow (id, at, actor_kind, actor_id, actor_label, on_behalf_of, action, object_kind,"
        " object_id, object_label, before, after) SELECT id + 1, at, 'user', '1', 'Mina', '', action, object_kind,"
        f" object_id, '', before, after FROM crm_auditrow WHERE id = {first}"
    )
    assert verify().waiting == 1  # so near the end it may have been on its way
    monkeypatch.setattr(queries, "AGAIN", 0)
    found = verify()
    assert (found.broken_at, found.why) == (first + 1, "the row stands among sealed ones without a seal")


def test_a_chain_cut_off_at_its_end_is_found_by_a_head_noted_earlier():
    written("a", "b", "c")
    seal(at=NOW, by=BY)
    noted = verify().head
    assert verify(known=noted).why == ""
    as_owner("DELETE FROM crm_auditseal WHERE position = 3")
    as_owner("DELETE FROM crm_auditrow WHERE id = (SELECT max(id) FROM crm_auditrow)")
    assert verify().why == ""  # what is left fits together
    assert verify(known=noted).why == "the head that was noted is not in the chain: its end was cut off"


def test_the_command_says_whether_the_chain_is_whole():
    a, b = written("a", "b")
    seal(at=NOW, by=BY)
    out = StringIO()
    call_command("audit_verify", stdout=out)
    assert out.getvalue().startswith("The chain is whole: 2 rows sealed, 0 waiting. Head ")
    as_owner(f"UPDATE crm_auditrow SET action = 'x' WHERE id = {b}")
    with pytest.raises(
        CommandError, match=f"breaks at row {b}: the row or its seal was changed. Rows as written before it: 1"
    ):
        call_command("audit_verify")
    assert AuditRow.objects.filter(pk=a).exists()


def test_housekeeping_seals_what_is_there():
    from crm.jobs import housekeeping

    written("a", "b", "c")
    housekeeping()
    assert verify().waiting <= 1  # what housekeeping itself recorded
    assert len(chain()) >= 3
