"""Every migration of ours can be taken back; `make walk` does so on a populated database (docs/proof.md)."""

from django.db import connection
from django.db.migrations.loader import MigrationLoader

OURS = ("crm", "feedback", "retention")


def test_every_operation_can_be_reversed():
    loader = MigrationLoader(connection, load=False)
    loader.load_disk()
    final = [
        f"{app} {name}: {operation.describe()}"
        for (app, name), migration in sorted(loader.disk_migrations.items())
        for operation in migration.operations
        if app in OURS and not operation.reversible
    ]
    assert final == []
