"""Where usage comes from: sources and their write keys, the raw inbox, what was refused, and the ids seen."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class Source(models.Model):
    """One sender of usage: an app with an SDK, or an import."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    created_at = models.DateTimeField()
    last_received_at = models.DateTimeField(null=True, help_text="kept by the drain, so up to a tick old")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class WriteKey(models.Model):
    """A key that may only send usage to one source. Stored as SHA-256; `prefix` lets people tell keys apart."""

    source = models.ForeignKey(Source, models.PROTECT, related_name="+")
    prefix = models.CharField(max_length=8)
    sha256 = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.prefix}…"


class InboxBatch(models.Model):
    """One accepted request, as it came: the body inflated, still unread. Partitioned by UTC day of receipt.

    200 means a row here is committed. `drained_at` null: not counted yet. `parked_at` set: five attempts
    failed, a person must look; the row no longer holds the pipeline back.
    """

    pk = models.CompositePrimaryKey("received_on", "id")
    received_on = models.DateField()
    id = models.BigIntegerField()
    received_at = models.DateTimeField()
    source = models.ForeignKey(Source, models.PROTECT, related_name="+", db_constraint=False)
    call = models.CharField(max_length=10, help_text="batch, track, identify, …")
    body = models.BinaryField()
    events = models.IntegerField(default=0, db_default=0, help_text="how many the sender put into the request")
    attempts = models.SmallIntegerField(default=0)
    drained_at = models.DateTimeField(null=True)
    parked_at = models.DateTimeField(null=True)
    failed = models.TextField(blank=True)

    class Meta:
        db_table = "crm_inbox_batch"

    def __str__(self) -> str:
        return f"{self.call} at {self.received_at}"


class Reject(models.Model):
    """One event, trait or attribution that was put aside, with its reason; the rest of its batch was stored."""

    source = models.ForeignKey(Source, models.PROTECT, related_name="+")
    at = models.DateTimeField(help_text="time of receipt")
    position = models.PositiveIntegerField(help_text="place in the batch, from 0")
    message_id = models.CharField(max_length=255, blank=True)
    reason = models.CharField(max_length=300)
    excerpt = models.TextField(blank=True, help_text="the first 500 characters of what came")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["source", "-id"], name="reject_by_source")]

    def __str__(self) -> str:
        return self.reason


class Seen(models.Model):
    """Ids of events already counted, by UTC day of the client's uncorrected timestamp. Partitioned by month.

    `hash64` is the first 8 bytes of BLAKE2b over source and messageId. A partition goes 8 days after its
    last insert, which `SeenMonth` remembers.
    """

    pk = models.CompositePrimaryKey("key_day", "hash64")
    key_day = models.DateField()
    hash64 = models.BigIntegerField()

    class Meta:
        db_table = "crm_seen"

    def __str__(self) -> str:
        return f"{self.key_day} {self.hash64}"


class SeenMonth(models.Model):
    """When a partition of `Seen` last took an id, by first day of its month."""

    month = models.DateField(primary_key=True)
    last_insert_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.month)
