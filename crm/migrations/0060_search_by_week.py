"""The index behind the search for what was said, by weeks, built beside the running site."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("crm", "0059_words_of_week")]

    operations = [
        AddIndexConcurrently(
            model_name="conversation",
            index=django.contrib.postgres.indexes.GinIndex(
                models.Func(
                    "subject",
                    "last_at",
                    function="crm_words_of_week",
                    output_field=django.contrib.postgres.search.SearchVectorField(),
                ),
                name="conversation_by_words",
            ),
        ),
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(fields=["-last_at", "-id"], name="conversation_by_time"),
        ),
        RemoveIndexConcurrently(model_name="conversation", name="conversation_search"),
    ]
