"""Clocks that run already are told of when their target is over; those that start from now on, before."""

from django.db import migrations

WARN = "UPDATE crm_conversation SET warn_at = due_at WHERE state = 'open' AND since IS NOT NULL AND warn_at IS NULL"


class Migration(migrations.Migration):
    dependencies = [("crm", "0045_answer_warnings")]

    operations = [migrations.RunSQL(WARN, migrations.RunSQL.noop)]
