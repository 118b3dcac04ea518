from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("crm", "0038_conversation_effects"),
    ]

    operations = [
        migrations.AddField(
            model_name="importrefusal",
            name="said",
            field=models.JSONField(db_default={}, default=dict, help_text="crm.imports.rules.said"),
        ),
        migrations.AddField(
            model_name="uploadrow",
            name="said",
            field=models.JSONField(db_default={}, default=dict, help_text="crm.imports.rules.said"),
        ),
    ]
