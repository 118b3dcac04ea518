from django.db import migrations, models


class Migration(migrations.Migration):
    """Count the events of a batch at the door; partitions take the column from their parent."""

    dependencies = [("crm", "0003_outbox_states")]

    operations = [
        migrations.AddField(
            model_name="inboxbatch",
            name="events",
            field=models.IntegerField(db_default=0, default=0, help_text="how many the sender put into the request"),
        ),
    ]
