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
            models.Index(fields=["at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_kind} {self.object_id}"
