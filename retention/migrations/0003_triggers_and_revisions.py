from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

KINDS = [("score_drop", "Score fell"), ("band_red", "Band turned red"), ("detractor", "Detractor")]


class Migration(migrations.Migration):
    dependencies = [("retention", "0002_scores")]

    operations = [
        migrations.AddField(
            "playbook",
            "triggers",
            ArrayField(
                models.CharField(choices=KINDS, max_length=20),
                default=list,
                size=None,
                verbose_name="starts on",
            ),
            preserve_default=False,
        ),
        # Nullable first, so that the way back can add the column to rows that have no value yet.
        migrations.AlterField(
            "playbook", "trigger", models.CharField(choices=KINDS, max_length=20, null=True, verbose_name="starts on")
        ),
        migrations.RunSQL(
            "UPDATE retention_playbook SET triggers = ARRAY[trigger]",
            "UPDATE retention_playbook SET trigger = triggers[1]",
        ),
        migrations.RemoveField("playbook", "trigger"),
        migrations.AddField(
            "followup",
            "revision",
            models.PositiveSmallIntegerField(
                default=1, help_text="part of the mail's key: a text returned and mended is another mail"
            ),
        ),
    ]
