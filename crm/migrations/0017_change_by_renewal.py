from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Subscriptions are many and written to while this runs.
    atomic = False

    dependencies = [("crm", "0016_audit_reading")]

    operations = [
        AddIndexConcurrently(
            model_name="subscriptionchange",
            index=models.Index(fields=["renews_on"], name="change_by_renewal"),
        ),
    ]
