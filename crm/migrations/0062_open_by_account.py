"""The index behind the conversations that wait on an account's page, built beside the running site."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("crm", "0061_hours_effects")]

    operations = [
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                "account",
                models.OrderBy(models.F("due_at"), nulls_last=True),
                "id",
                condition=models.Q(("state", "open")),
                name="conversation_open_by_account",
            ),
        ),
        RemoveIndexConcurrently(model_name="conversation", name="conversation_open"),
    ]
