"""Whose answers are in danger, each person's together: Today reads one's own only. Built beside the running site."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("crm", "0062_open_by_account")]

    operations = [
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("state", "open")),
                fields=["responder", "warn_at"],
                include=("account", "id"),
                name="conversation_in_danger_of",
            ),
        ),
        RemoveIndexConcurrently(model_name="conversation", name="conversation_in_danger"),
    ]
