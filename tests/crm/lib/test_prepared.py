"""Statements that are planned once for a connection, and what could go wrong with them."""

from datetime import UTC, datetime

import pytest
from django.db import ProgrammingError, connection
from django.test import TestCase

from crm.lib.prepared import columns, prepared_cursor, prepared_rows
from crm.staff.models import User
from crm.staff.queries import person
from tests import factories

PLANS = "SELECT custom_plans + generic_plans, generic_plans FROM pg_prepared_statements WHERE statement LIKE %s"


def _plans(mark: str) -> tuple[int, int] | None:
    with connection.cursor() as cursor:
        cursor.execute(PLANS, [f"%{mark}%"])
        found: tuple[int, int] | None = cursor.fetchone()
    return found


class TestPrepared(TestCase):
    def test_a_statement_is_planned_once_for_all_values(self) -> None:
        for n in range(8):
            with prepared_cursor() as cursor:
                cursor.execute("SELECT %(n)s + %(n)s AS twice_of_one", {"n": n})
                assert cursor.fetchone() == (2 * n,)
        assert _plans("twice_of_one") == (8, 8)

    def test_rows_come_as_a_manager_gives_them(self) -> None:
        ana, ben = factories.user(), factories.user()
        selected = columns(User, "one") + ", one.id * 2 AS twice"
        text = f"SELECT {selected} FROM crm_user AS one WHERE id = ANY (%(ids)s) ORDER BY id"
        rows = list(prepared_rows(User, text, {"ids": [ana.pk, ben.pk]}))
        assert rows == [ana, ben]
        assert [row.get_deferred_fields() for row in rows] == [set(), set()]
        assert [row.__dict__["twice"] for row in rows] == [2 * ana.pk, 2 * ben.pk]
        assert [row.created_at for row in rows] == [ana.created_at, ben.created_at]

    def test_a_column_that_a_migration_adds_meanwhile_does_no_harm(self) -> None:
        """A prepared `SELECT *` fails from then on: "cached plan must not change result type"."""
        ana = factories.user()
        before = person(ana.pk)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # or the table is still in use
            cursor.execute("ALTER TABLE crm_user ADD COLUMN later text DEFAULT 'x'")
            cursor.execute("ALTER TABLE crm_installation ADD COLUMN later text DEFAULT 'x'")
        assert before is not None
        assert person(ana.pk) == before

    def test_errors_are_those_of_django(self) -> None:
        with pytest.raises(ProgrammingError, match="no_such_table"), prepared_cursor() as cursor:
            cursor.execute("SELECT FROM no_such_table WHERE at = %(at)s", {"at": datetime(2026, 3, 1, tzinfo=UTC)})
