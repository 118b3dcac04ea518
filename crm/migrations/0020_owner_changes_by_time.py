"""An index over the changes of owners by time, so that the pipeline sees the newest ones; built beside the running site."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("crm", "0019_book_indexes")]

    operations = [
        AddIndexConcurrently(
            model_name="ownerchange",
            index=models.Index(fields=["from_at"], name="owner_change_by_time"),
        ),
    ]
