"""The ledger of recurring work: how far each pipeline stage has come, and which loops are alive."""

from django.db import models


class Fill(models.Model):
    """One pipeline stage and the instant through which it has processed everything it reads.

    `through_at` null: the stage has never run. It only moves forward.
    """

    stage = models.CharField(max_length=60, primary_key=True)
    through_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    took_ms = models.PositiveIntegerField(default=0)
    behind = models.PositiveIntegerField(default=0, help_text="units of work left when the last run stopped")
    said = models.TextField(blank=True, help_text="what the last run did, in one sentence")
    failed = models.TextField(blank=True, help_text="the last error, empty when the last run went well")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(behind__gte=0), name="fill_behind_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.stage} through {self.through_at}"


class Beat(models.Model):
    """The last sign of life of a loop (`jobs`, `long_work`, …), by name."""

    name = models.CharField(max_length=60, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.at}"
