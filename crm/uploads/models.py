"""Files that people upload: held in the database from the upload until the import is beyond undoing."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext

from crm.imports import rules as imports
from crm.imports.models import ImportRun
from crm.lib.gate import in_words
from crm.staff.models import User
from crm.uploads import rules


class Upload(models.Model):
    """One uploaded file on its way: what was found out about it, what was said about it, and how far it has come.

    `columns`: our column → place in `header`. `done` of `goal` counts the step at hand, whose last line is `through`.
    `unclear`: a date that reads as two days, and what other dates give away; `date_order` (dmy, mdy) is the answer.
    `attempts` counts starts of the step that came no further, so that a file that kills its reader is given up.
    `note`: about the file.
    """

    kind = models.CharField(max_length=16, help_text="a key of crm.imports.rules.KINDS")
    filename = models.CharField(max_length=255)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10, default=rules.COLUMNS)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    # What people wrote, who may name somebody: kept out of the record.
    is_said = True

    encoding = models.CharField(max_length=12)
    guessed = models.BooleanField(default=False)
    delimiter = models.CharField(max_length=1)
    workbook = models.BooleanField(default=False)
    note = models.CharField(max_length=300, blank=True)
    header = ArrayField(models.TextField(), default=list)
    columns = models.JSONField(default=dict)
    sample = models.JSONField(default=list)
    unclear = models.JSONField(default=dict)
    date_order = models.CharField(max_length=3, blank=True)
    users_per_account = models.BooleanField(default=False)
    trait_types = models.JSONField(default=dict)
    rows = models.BigIntegerField(default=0)
    goal = models.BigIntegerField(default=0)
    done = models.BigIntegerField(default=0)
    through = models.BigIntegerField(default=0)
    new = models.BigIntegerField(default=0)
    updated = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    problem = models.CharField(max_length=500, blank=True)
    run = models.ForeignKey(ImportRun, models.SET_NULL, null=True, related_name="+")

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="upload_at_work", condition=models.Q(state__in=rules.AT_WORK)),
            models.Index(fields=["created_at"], name="upload_by_age"),
        ]

    @property
    def at_work(self) -> bool:
        return self.state in rules.AT_WORK

    @property
    def kind_label(self) -> str:
        known = imports.KINDS.get(self.kind)
        return gettext(known.label) if known else self.kind

    @property
    def percent(self) -> int:
        return rules.share(self.done, self.goal)

    def __str__(self) -> str:
        return f"{self.filename} ({self.kind})"


class UploadPiece(models.Model):
    """A megabyte of the file as it came; gone once its rows are read."""

    upload = models.ForeignKey(Upload, models.CASCADE, related_name="+")
    place = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["upload", "place"], name="upload_piece_once")]

    def __str__(self) -> str:
        return f"{self.upload_id} {self.place}"


class UploadRow(models.Model):
    """One row of the file, and what the dry run found that importing it would do.

    `changes`: of a row that would be updated, [column, before, after] as people read them. `number`: of equal
    events the how manieth this is, so that each has an id of its own.
    """

    id = models.BigAutoField(primary_key=True)
    upload = models.ForeignKey(Upload, models.CASCADE, related_name="+", db_index=False)
    line = models.PositiveBigIntegerField()
    cells = ArrayField(models.TextField(), default=list)
    outcome = models.CharField(max_length=9)
    reason = models.CharField(max_length=300, blank=True)
    said = models.JSONField(default=dict, db_default={}, help_text="crm.imports.rules.said")
    changes = models.JSONField(default=list)
    number = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["upload", "line"], name="upload_row_once")]
        indexes = [models.Index(fields=["upload", "outcome", "id"], name="upload_row_by_outcome")]

    @property
    def why(self) -> str:
        """The reason in the language of whoever reads it."""
        return in_words(self.said, gettext) or self.reason

    def __str__(self) -> str:
        return f"line {self.line}: {self.outcome}"


class RememberedColumns(models.Model):
    """What the columns of such a file were said to mean the last time: theirs (compared plainly) → ours."""

    kind = models.CharField(max_length=16)
    header = models.CharField(max_length=64, help_text="crm.uploads.rules.header_key")
    columns = models.JSONField(default=dict)
    date_order = models.CharField(max_length=3, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "header"], name="remembered_columns_once")]

    def __str__(self) -> str:
        return self.kind
