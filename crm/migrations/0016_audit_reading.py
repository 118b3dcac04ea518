from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """The record may be long, and is written to all the time: its indexes are made beside the writers."""

    atomic = False

    dependencies = [("crm", "0015_audit_seals")]

    operations = [
        AddIndexConcurrently("auditrow", models.Index(fields=["at", "id"], name="audit_by_moment")),
        AddIndexConcurrently(
            "auditrow", models.Index(fields=["actor_kind", "actor_id", "at", "id"], name="audit_by_actor")
        ),
        AddIndexConcurrently("auditrow", models.Index(fields=["action", "at", "id"], name="audit_by_action")),
        RemoveIndexConcurrently("auditrow", "audit_by_time"),
    ]
