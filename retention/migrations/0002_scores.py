"""Scorecards, the ledger and how accounts stand; the ledger is partitioned, which Django cannot declare."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


LEDGER = """
DROP TABLE retention_health_score;
CREATE TABLE retention_health_score (
    account_id bigint NOT NULL,
    version_id integer NOT NULL,
    day date NOT NULL,
    revision smallint NOT NULL,
    points smallint,
    coverage smallint NOT NULL,
    low smallint NOT NULL,
    high smallint NOT NULL,
    band smallint NOT NULL,
    hindsight boolean NOT NULL,
    components smallint[] NOT NULL,
    values real[] NOT NULL,
    bases real[] NOT NULL,
    PRIMARY KEY (account_id, day, version_id, revision)
) PARTITION BY RANGE (day);
-- Append-only without a trigger, which a table that is to be spread over machines may not have.
REVOKE UPDATE, DELETE ON retention_health_score FROM CURRENT_USER;
"""

NO_LEDGER = """
DROP TABLE retention_health_score;
CREATE TABLE retention_health_score (account_id bigint, version_id integer, day date, revision smallint);
"""

# Readings are matched to measures by position, so a published version must stay as it is.
FIXED_VERSIONS = """
CREATE FUNCTION retention_refuse_published() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'retention_scorecardversion' THEN
        IF OLD.state = 'published' THEN
            RAISE EXCEPTION 'a published scorecard version is never changed' USING ERRCODE = '42501';
        END IF;
    ELSIF EXISTS (
        SELECT FROM retention_scorecardversion
        WHERE state = 'published'
            AND id IN (CASE WHEN TG_OP <> 'DELETE' THEN NEW.version_id END, CASE WHEN TG_OP <> 'INSERT' THEN OLD.version_id END)
    ) THEN
        RAISE EXCEPTION 'a published scorecard version is never changed' USING ERRCODE = '42501';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER version_fixed BEFORE UPDATE OR DELETE ON retention_scorecardversion
    FOR EACH ROW EXECUTE FUNCTION retention_refuse_published();
CREATE TRIGGER measure_fixed BEFORE INSERT OR UPDATE OR DELETE ON retention_scorecardmeasure
    FOR EACH ROW EXECUTE FUNCTION retention_refuse_published();
CREATE TRIGGER group_fixed BEFORE INSERT OR UPDATE OR DELETE ON retention_scorecardgroup
    FOR EACH ROW EXECUTE FUNCTION retention_refuse_published();
"""

CHANGEABLE_VERSIONS = """
DROP TRIGGER version_fixed ON retention_scorecardversion;
DROP TRIGGER measure_fixed ON retention_scorecardmeasure;
DROP TRIGGER group_fixed ON retention_scorecardgroup;
DROP FUNCTION retention_refuse_published();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("crm", "0006_windows"),
        ("retention", "0001_plays"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ScorecardGroup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                (
                    "weight",
                    models.DecimalField(
                        decimal_places=3,
                        default=1,
                        max_digits=8,
                        validators=[django.core.validators.MinValueValidator(Decimal("0.001"))],
                        verbose_name="weight",
                    ),
                ),
                (
                    "takes",
                    models.CharField(
                        choices=[
                            ("average", "the average of its known members"),
                            ("lowest", "the lowest of its known members"),
                            ("highest", "the highest of its known members"),
                        ],
                        default="average",
                        max_length=8,
                        verbose_name="takes",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="ScoreReading",
            fields=[
                (
                    "account",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="crm.account",
                    ),
                ),
                ("version_id", models.IntegerField()),
                (
                    "values",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.DecimalField(decimal_places=9, max_digits=40, null=True), size=None
                    ),
                ),
                (
                    "bases",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.DecimalField(decimal_places=6, max_digits=40, null=True), size=None
                    ),
                ),
                (
                    "components",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.SmallIntegerField(null=True), size=None
                    ),
                ),
            ],
            options={
                "db_table": "retention_score_reading",
            },
        ),
        migrations.CreateModel(
            name="HealthScore",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id",
                        "day",
                        "version_id",
                        "revision",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("version_id", models.IntegerField()),
                ("day", models.DateField()),
                ("revision", models.SmallIntegerField()),
                ("points", models.SmallIntegerField(null=True)),
                ("coverage", models.SmallIntegerField()),
                ("low", models.SmallIntegerField()),
                ("high", models.SmallIntegerField()),
                (
                    "band",
                    models.SmallIntegerField(
                        choices=[(0, "unknown"), (1, "leaving"), (2, "at risk"), (3, "steady"), (4, "thriving")]
                    ),
                ),
                ("hindsight", models.BooleanField()),
                (
                    "components",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.SmallIntegerField(null=True), size=None
                    ),
                ),
                (
                    "values",
                    django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(null=True), size=None),
                ),
                (
                    "bases",
                    django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(null=True), size=None),
                ),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="crm.account",
                    ),
                ),
            ],
            options={
                "db_table": "retention_health_score",
            },
        ),
        migrations.CreateModel(
            name="Scorecard",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120, unique=True, verbose_name="name")),
                ("position", models.PositiveSmallIntegerField(default=0, verbose_name="position")),
                ("is_default", models.BooleanField(default=False, verbose_name="default")),
            ],
            options={
                "ordering": ["position", "id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)), fields=("is_default",), name="scorecard_one_default"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ScorecardVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField(verbose_name="number")),
                (
                    "state",
                    models.CharField(
                        choices=[("draft", "Draft"), ("published", "Published")],
                        default="draft",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "minimum_coverage",
                    models.PositiveSmallIntegerField(
                        default=50,
                        validators=[django.core.validators.MaxValueValidator(100)],
                        verbose_name="minimum coverage, %",
                    ),
                ),
                ("at_risk_from", models.PositiveSmallIntegerField(default=40, verbose_name="at risk from")),
                ("steady_from", models.PositiveSmallIntegerField(default=60, verbose_name="steady from")),
                ("thriving_from", models.PositiveSmallIntegerField(default=80, verbose_name="thriving from")),
                ("minimum_tenure", models.PositiveSmallIntegerField(default=14, verbose_name="minimum tenure, days")),
                ("published_at", models.DateTimeField(blank=True, null=True, verbose_name="published at")),
                (
                    "published_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="published by",
                    ),
                ),
                (
                    "scorecard",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="retention.scorecard",
                        verbose_name="scorecard",
                    ),
                ),
            ],
            options={
                "ordering": ["scorecard", "-number"],
            },
        ),
        migrations.CreateModel(
            name="ScorecardMeasure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.SlugField(max_length=60, verbose_name="key")),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                ("kind", models.CharField(max_length=24, verbose_name="kind")),
                (
                    "window",
                    models.PositiveSmallIntegerField(
                        choices=[(7, "7"), (28, "28"), (84, "84")], default=28, verbose_name="window, days"
                    ),
                ),
                ("threshold", models.PositiveIntegerField(blank=True, null=True, verbose_name="threshold")),
                ("per_price", models.BooleanField(default=False, verbose_name="per price paid")),
                (
                    "scale",
                    models.CharField(
                        choices=[
                            ("linear", "linear between red and green"),
                            ("steps", "steps"),
                            ("percentile", "percentile among the accounts"),
                        ],
                        default="linear",
                        max_length=10,
                        verbose_name="scale",
                    ),
                ),
                (
                    "red",
                    models.DecimalField(decimal_places=6, default=0, max_digits=20, verbose_name="red, worth 0 points"),
                ),
                (
                    "green",
                    models.DecimalField(
                        decimal_places=6, default=1, max_digits=20, verbose_name="green, worth 100 points"
                    ),
                ),
                (
                    "steps",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=django.contrib.postgres.fields.ArrayField(
                            base_field=models.DecimalField(decimal_places=6, max_digits=20), size=2
                        ),
                        blank=True,
                        default=list,
                        size=None,
                        verbose_name="steps",
                    ),
                ),
                (
                    "weight",
                    models.DecimalField(
                        decimal_places=3,
                        default=1,
                        max_digits=8,
                        validators=[django.core.validators.MinValueValidator(Decimal("0.001"))],
                        verbose_name="weight",
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(verbose_name="position")),
                ("unit", models.CharField(blank=True, max_length=40, verbose_name="unit")),
                (
                    "feature",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="crm.feature",
                        verbose_name="feature",
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="retention.scorecardgroup",
                        verbose_name="group",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="retention.scorecardversion",
                        verbose_name="version",
                    ),
                ),
            ],
            options={
                "ordering": ["position"],
            },
        ),
        migrations.AddField(
            model_name="scorecardgroup",
            name="version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="retention.scorecardversion",
                verbose_name="version",
            ),
        ),
        migrations.CreateModel(
            name="ScoreNow",
            fields=[
                (
                    "account",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="crm.account",
                    ),
                ),
                ("version_id", models.IntegerField()),
                ("day", models.DateField()),
                ("points", models.SmallIntegerField(null=True)),
                ("coverage", models.SmallIntegerField()),
                ("low", models.SmallIntegerField()),
                ("high", models.SmallIntegerField()),
                (
                    "band",
                    models.SmallIntegerField(
                        choices=[(0, "unknown"), (1, "leaving"), (2, "at risk"), (3, "steady"), (4, "thriving")]
                    ),
                ),
                ("points_before", models.SmallIntegerField(null=True)),
                ("change", models.SmallIntegerField(null=True)),
                ("costliest", models.SmallIntegerField(null=True)),
                ("cost", models.SmallIntegerField(default=0)),
            ],
            options={
                "db_table": "retention_score_now",
                "indexes": [
                    models.Index(fields=["points", "account"], name="score_now_worst_first"),
                    models.Index(fields=["band", "points", "account"], name="score_now_by_band"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Standing",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("version_id", models.IntegerField()),
                ("facts", models.CharField(max_length=32)),
                ("through_at", models.DateTimeField(help_text="book facts recorded by then are in the scores")),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("pk", 1)), name="standing_is_one_row")],
            },
        ),
        migrations.AddConstraint(
            model_name="scorecardversion",
            constraint=models.UniqueConstraint(fields=("scorecard", "number"), name="version_number_once"),
        ),
        migrations.AddConstraint(
            model_name="scorecardversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["draft", "published"])), name="version_state_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="scorecardversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("minimum_coverage__lte", 100)), name="version_coverage_is_percent"
            ),
        ),
        migrations.AddConstraint(
            model_name="scorecardversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("minimum_tenure__gte", 1)), name="version_tenure_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="scorecardversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("at_risk_from__lt", models.F("steady_from")),
                    ("steady_from__lt", models.F("thriving_from")),
                    ("thriving_from__lte", 100),
                ),
                name="version_limits_ascend",
            ),
        ),
        migrations.AddConstraint(
            model_name="scorecardversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("state", "draft"), ("published_at__isnull", False), _connector="OR"),
                name="version_published_when",
            ),
        ),
        migrations.AddConstraint(
            model_name="scorecardmeasure",
            constraint=models.UniqueConstraint(fields=("version", "position"), name="measure_position_once"),
        ),
        migrations.AddConstraint(
            model_name="scorecardmeasure",
            constraint=models.UniqueConstraint(fields=("version", "key"), name="measure_key_once"),
        ),
        migrations.AddConstraint(
            model_name="scorecardmeasure",
            constraint=models.CheckConstraint(condition=models.Q(("weight__gt", 0)), name="measure_weight_positive"),
        ),
        migrations.AddConstraint(
            model_name="scorecardmeasure",
            constraint=models.CheckConstraint(
                condition=models.Q(("window__in", (7, 28, 84))), name="measure_window_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="scorecardmeasure",
            constraint=models.CheckConstraint(
                condition=models.Q(("scale__in", ["linear", "steps", "percentile"])), name="measure_scale_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="scorecardmeasure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("scale", "linear"), _negated=True),
                    models.Q(("red", models.F("green")), _negated=True),
                    _connector="OR",
                ),
                name="measure_red_is_not_green",
            ),
        ),
        migrations.AddConstraint(
            model_name="scorecardgroup",
            constraint=models.UniqueConstraint(fields=("version", "name"), name="group_name_once"),
        ),
        migrations.AddConstraint(
            model_name="scorecardgroup",
            constraint=models.CheckConstraint(condition=models.Q(("weight__gt", 0)), name="group_weight_positive"),
        ),
        migrations.AddConstraint(
            model_name="scorecardgroup",
            constraint=models.CheckConstraint(
                condition=models.Q(("takes__in", ["average", "lowest", "highest"])), name="group_takes_known"
            ),
        ),
        migrations.RunSQL(LEDGER, NO_LEDGER),
        migrations.RunSQL(FIXED_VERSIONS, CHANGEABLE_VERSIONS),
    ]
