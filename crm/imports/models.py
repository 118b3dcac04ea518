"""Files that came in: what each run took over, and every row that it refused with its reason."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ImportKind(models.TextChoices):
    ACCOUNTS = "accounts", _("Accounts")
    CONTACTS = "contacts", _("Contacts")
    PLANS = "plans", _("Plans")
    SUBSCRIPTIONS = "subscriptions", _("Subscriptions")
    EVENTS = "events", _("Usage events")


class ImportRun(models.Model):
    """One run over one file. `finished_at` null: running, or it died; running it again is safe and completes it."""

    is_said = True  # what people wrote, who may name somebody: kept out of the record

    kind = models.CharField(max_length=16, choices=ImportKind.choices)
    filename = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    read = models.BigIntegerField(default=0)
    created = models.BigIntegerField(default=0)
    updated = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.filename} ({self.kind})"


class ImportRefusal(models.Model):
    """One refused row: where it stood, what was wrong, and how to mend it."""

    run = models.ForeignKey(ImportRun, models.CASCADE, related_name="+")
    line = models.PositiveBigIntegerField(help_text="line in the file, the header being line 1")
    reason = models.CharField(max_length=300)
    row = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["run", "line"], name="refusal_by_run")]

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"
