"""Erasures: that somebody was erased, and how far it has come; who it was is gone."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Erasure(models.Model):
    """One person erased at `at`: the contacts that are tombstones now, and the marks that keep them from coming back.

    `swept_at` null: raw requests, files and what else takes long are still being gone through; until then `left`
    holds what the person is known by there (crm.lib.personal.Subject), and afterwards nothing.
    """

    contacts = ArrayField(models.BigIntegerField())
    marks = ArrayField(models.CharField(max_length=64))
    at = models.DateTimeField()
    swept_at = models.DateTimeField(null=True)
    left = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["id"], name="erasure_unswept", condition=models.Q(swept_at=None))]

    def __str__(self) -> str:
        return f"erasure {self.pk}"
