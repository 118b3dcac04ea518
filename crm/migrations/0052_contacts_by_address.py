"""The index by which captured mail finds its readers, built beside the running site."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("crm", "0051_mentions_by_time")]

    operations = [
        AddIndexConcurrently(
            model_name="contact",
            index=models.Index(
                Lower("email"), name="contact_by_address", condition=models.Q(("email", ""), _negated=True)
            ),
        )
    ]
