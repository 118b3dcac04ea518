"""The index behind Today's late answers, built beside the running site."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("crm", "0046_warn_running_clocks")]

    operations = [
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("state", "open")), fields=["warn_at", "id"], name="conversation_in_danger"
            ),
        )
    ]
