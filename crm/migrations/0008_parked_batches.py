"""An index over the few batches that are parked, so that their page does not read every raw batch."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("crm", "0007_mail_by_state")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX crm_inbox_batch_parked ON crm_inbox_batch (source_id, parked_at) WHERE parked_at IS NOT NULL",
            "DROP INDEX crm_inbox_batch_parked",
        )
    ]
