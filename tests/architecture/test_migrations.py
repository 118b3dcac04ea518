"""Every migration of ours can be taken back; `make walk` does so on a populated database (docs/proof.md)."""

from django.db import connection
from django.db.migrations import AddConstraint, RemoveConstraint, RunPython, RunSQL
from django.db.migrations.loader import MigrationLoader

from crm.lib.widening import RemoveCheck

OURS = ("crm", "feedback", "retention")


def migrations():
    loader = MigrationLoader(connection, load=False)
    loader.load_disk()
    return [(f"{app} {name}", each) for (app, name), each in sorted(loader.disk_migrations.items()) if app in OURS]


def test_every_operation_can_be_reversed():
    final = [
        f"{name}: {operation.describe()}"
        for name, migration in migrations()
        for operation in migration.operations
        if not operation.reversible
    ]
    assert final == []


def test_a_check_that_grows_lets_rows_of_the_wider_one_be_on_the_way_back():
    """By `RemoveCheck`, or by a statement of its own about such rows."""
    closed = []
    for name, migration in migrations():
        added = {each.constraint.name for each in migration.operations if isinstance(each, AddConstraint)}
        for each in migration.operations:
            is_plain = isinstance(each, RemoveConstraint) and not isinstance(each, RemoveCheck)
            if is_plain and each.name in added:
                closed.append(f"{name}: {each.name}")
        if any(isinstance(each, RunSQL | RunPython) for each in migration.operations):
            closed = [line for line in closed if not line.startswith(f"{name}:")]
    assert closed == []
