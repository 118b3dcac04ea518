"""Changes of many accounts at once, with what each was before, so that they can be taken back."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.lib.scope import ScopedModel
from crm.staff.models import User


class EditKind(models.TextChoices):
    OWNER = "owner", _("Owner")
    TAG_ADDED = "tag_added", _("Tag added")
    TAG_REMOVED = "tag_removed", _("Tag taken off")
    SEGMENT = "segment", _("Segment")
    NEXT_STEP = "next_step", _("Next step")
    TASKS = "tasks", _("Tasks")
    PUT_OFF = "put_off", _("Put off")


class BulkEdit(models.Model):
    """One change by one person. `changed` accounts have a row; `skipped` ones the person may not write.

    `restored`: how many were as the change had left them when it was taken back; null: it was not.
    """

    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=EditKind.choices)
    changed = models.PositiveIntegerField()
    skipped = models.PositiveIntegerField()
    undone_at = models.DateTimeField(null=True)
    restored = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=EditKind.values), name="bulk_edit_kind_known")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.changed}"


class BulkEditRowQuerySet(OfAccountQuerySet["BulkEditRow"]):
    """Rows of an account; no words of their own yet."""


class BulkEditRow(ScopedModel):
    """One account of a change: the columns that it set, as they were and as they became."""

    edit = models.ForeignKey(BulkEdit, models.CASCADE, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    before = models.JSONField()
    after = models.JSONField()

    objects = BulkEditRowQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["edit", "account"], name="bulk_edit_row_once")]

    def __str__(self) -> str:
        return f"{self.account_id} in {self.edit_id}"
