from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("crm", "0032_calendars"),
    ]

    operations = [
        # Nobody's holidays yet: an admin says which country's.
        migrations.RunSQL(
            "INSERT INTO crm_calendar (name, country, part, week, is_default) VALUES ('Office', '', '', "
            "'[[540, 1020], [540, 1020], [540, 1020], [540, 1020], [540, 1020], null, null]', TRUE)",
            "DELETE FROM crm_calendar WHERE is_default",
        ),
    ]
