from datetime import UTC

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("feedback", "0001_surveys")]

    operations = [
        migrations.AddField(
            model_name="survey",
            name="reply_working_days",
            field=models.PositiveSmallIntegerField(default=2, verbose_name="reply within, working days"),
        ),
        migrations.AddField(
            model_name="surveytext",
            name="why",
            field=models.CharField(default="", max_length=400, verbose_name="who asks, and why"),
        ),
        migrations.AddField(
            model_name="surveytext",
            name="low_word",
            field=models.CharField(default="", max_length=60, verbose_name="word at 0"),
        ),
        migrations.AddField(
            model_name="surveytext",
            name="high_word",
            field=models.CharField(default="", max_length=60, verbose_name="word at 10"),
        ),
        migrations.AddConstraint(
            model_name="wave",
            constraint=models.UniqueConstraint(
                models.F("survey"),
                django.db.models.functions.datetime.TruncDate("opened_at", tzinfo=UTC),
                name="wave_once_a_day",
            ),
        ),
        migrations.AddIndex(
            model_name="notasked",
            index=models.Index(fields=["wave", "reason", "id"], name="not_asked_by_reason"),
        ),
    ]
