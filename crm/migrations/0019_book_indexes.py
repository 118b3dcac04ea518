"""Indexes to find accounts by domain, and the newest ones with tags; built beside the running site."""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("crm", "0018_tag_renames")]

    operations = [
        AddIndexConcurrently(
            model_name="account",
            index=django.contrib.postgres.indexes.GinIndex(fields=["domains"], name="account_by_domain"),
        ),
        AddIndexConcurrently(
            model_name="account",
            index=models.Index(fields=["-id"], name="account_tagged", condition=models.Q(("tags", []), _negated=True)),
        ),
    ]
