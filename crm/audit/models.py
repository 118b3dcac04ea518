"""The append-only record of every change; a trigger refuses UPDATE and DELETE."""

from django.db import models


class AuditRow(models.Model):
    """One change: who, on behalf of whom, what, and the values before and after.

    Personal values stand here only as HMACs under a key that erasing the person destroys. The actor is a
    kind, an id and a label without a foreign key, so that the record outlives whoever it names.
    """

    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=60)
    actor_label = models.CharField(max_length=200)
    on_behalf_of = models.CharField(max_length=200, blank=True)
    action = models.CharField(max_length=80)
    object_kind = models.CharField(max_length=60)
    object_id = models.CharField(max_length=60)
    object_label = models.CharField(max_length=200, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["object_kind", "object_id", "id"], name="audit_by_object"),
            # The record is read from its newest end, by who did it, what was done, or when.
            models.Index(fields=["at", "id"], name="audit_by_moment"),
            models.Index(fields=["actor_kind", "actor_id", "at", "id"], name="audit_by_actor"),
            models.Index(fields=["action", "at", "id"], name="audit_by_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_kind} {self.object_id}"


class AuditSeal(models.Model):
    """One link of the chain over the record: a row, and the digest of it and of all that were sealed before it.

    `row_id` is a value and no foreign key: a row that has vanished must be found out, not be in the way. Rows are
    appended by one sealer at a time and never changed; a trigger refuses UPDATE and DELETE.
    """

    position = models.BigIntegerField(primary_key=True)
    row_id = models.BigIntegerField(unique=True)
    digest = models.BinaryField(max_length=32)
    sealed_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(position__gt=0), name="audit_seal_counts_from_one")]

    def __str__(self) -> str:
        return f"{self.position}: {bytes(self.digest).hex()}"
