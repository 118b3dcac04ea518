"""Files that came in: what each run took over, every row that it refused, and what it did, so that it can be undone."""

from django.db import models
from django.utils.translation import gettext

from crm.imports import rules
from crm.lib.gate import in_words
from crm.staff.models import User


class ImportRun(models.Model):
    """One run over one file. `finished_at` null: running, or it died; running it again is safe and completes it.

    `undoable`: what it did is on record, so that it can be taken back; the record is kept for 30 days. `part_of`: the
    first run of a folder that was taken over as one, and is taken back as one. `undo_asked_at`: the long work takes it
    back, or has. `left`: how many rows an undo had to leave as they are, because they have changed since.
    """

    is_said = True  # what people wrote, who may name somebody: kept out of the record

    kind = models.CharField(max_length=16, help_text="a key of crm.imports.rules.KINDS")
    filename = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    read = models.BigIntegerField(default=0)
    created = models.BigIntegerField(default=0)
    updated = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    undoable = models.BooleanField(default=False)
    part_of = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    undo_asked_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    left = models.BigIntegerField(default=0)

    @property
    def may_be_undone(self) -> bool:
        return self.undoable and self.undo_asked_at is None and self.undone_at is None

    @property
    def kind_label(self) -> str:
        known = rules.KINDS.get(self.kind)
        return gettext(known.label) if known else self.kind

    def __str__(self) -> str:
        return f"{self.filename} ({self.kind})"


class ImportRefusal(models.Model):
    """One refused row: where it stood, what was wrong, and how to mend it."""

    run = models.ForeignKey(ImportRun, models.CASCADE, related_name="+")
    line = models.PositiveBigIntegerField(help_text="line in the file, the header being line 1")
    reason = models.CharField(max_length=300)
    said = models.JSONField(default=dict, db_default={}, help_text="crm.imports.rules.said")
    row = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["run", "line"], name="refusal_by_run")]

    @property
    def why(self) -> str:
        """The reason in the language of whoever reads it."""
        return in_words(self.said, gettext) or self.reason

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class ImportEffect(models.Model):
    """What a run did to one row: its values before (null: it was not there) and after (null: it is gone).

    Written by a trigger (migration import_effects) for whatever a run writes while `holdfast.import` names it; run
    null: a dry run, whose transaction never commits. `settled`: taken back, or left as it is for the reason in `left`.
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(ImportRun, models.CASCADE, null=True, related_name="+", db_index=False)
    table_name = models.CharField(max_length=63)
    row_id = models.BigIntegerField()
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    settled = models.BooleanField(default=False, db_default=False)
    left = models.CharField(max_length=300, blank=True, default="", db_default="")

    class Meta:
        indexes = [
            models.Index(fields=["run", "table_name", "row_id"], name="effect_by_row"),
            models.Index(fields=["run", "id"], name="effect_left", condition=~models.Q(left="")),
        ]

    @property
    def label(self) -> str:
        """The row in words: by what it is called, else by its number."""
        row = self.after or self.before or {}
        called = next((row[name] for name in ("name", "label", "key", "external_id") if row.get(name)), self.row_id)
        return f"{self.table_name.partition('_')[2].replace('_', ' ')} {called}"

    def __str__(self) -> str:
        return f"{self.table_name} {self.row_id}"


class ImportUse(models.Model):
    """One event that a run counted: what must be subtracted, and the id to forget, to undo it.

    No foreign key constraints but the run's: as with usage days, the import has just read what it names.
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(ImportRun, models.CASCADE, related_name="+")
    account_id = models.BigIntegerField()
    person_id = models.BigIntegerField(null=True)
    event_id = models.BigIntegerField()
    day = models.DateField()
    amount = models.DecimalField(max_digits=30, decimal_places=0)
    key_day = models.DateField()
    hash64 = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.account_id} {self.day}"


class ImportFinding(models.Model):
    """One contradiction in what a file says: taken over or refused, the row itself is kept here with what is odd."""

    run = models.ForeignKey(ImportRun, models.CASCADE, related_name="+")
    code = models.CharField(max_length=40, help_text="a key of crm.imports.rules.FINDINGS")
    line = models.PositiveBigIntegerField(help_text="line in the file, the header being line 1")
    account = models.CharField(max_length=255, blank=True, help_text="external id")
    detail = models.CharField(max_length=300)
    row = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["run", "code", "id"], name="finding_by_code")]

    def __str__(self) -> str:
        return f"line {self.line}: {self.code}"
