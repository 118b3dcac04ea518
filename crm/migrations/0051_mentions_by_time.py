"""The index behind the cadence meter, built beside the running site."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("crm", "0050_social_cadence")]

    operations = [
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("channel", "mention")), fields=["last_at"], name="conversation_mentions"
            ),
        )
    ]
