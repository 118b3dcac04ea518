"""Usage: event names and the features they feed, and the two daily roll-ups (scale.md, usage tables)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.lib.scope import ScopedModel
from crm.people.models import Person
from crm.plans.models import Feature
from crm.sources.models import Source


class EventName(models.Model):
    """A name that events came under. `feature` null: not mapped yet, listed for an admin to map.

    `is_use`: counts toward a person's activity (depth). `amount_property`: the numeric property summed into
    `UsageDay.amount`; empty: nothing is summed.
    """

    name = models.CharField(_("event"), max_length=200, unique=True)
    feature = models.ForeignKey(
        Feature, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("feature")
    )
    is_use = models.BooleanField(_("counts as use"), default=True)
    amount_property = models.CharField(_("property to sum"), max_length=120, blank=True)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class UsageDay(models.Model):
    """Uses and amount per account, event name and UTC day. No row: no use. Partitioned by month.

    `amount` is in integer millionths of the event's property. No foreign key constraint: the drain has just
    read the account and accounts are never deleted; a check per row would cost a third of the drain.
    """

    pk = models.CompositePrimaryKey("account_id", "day", "event_id")
    account = models.ForeignKey(Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    day = models.DateField()
    event = models.ForeignKey(EventName, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    uses = models.IntegerField()
    amount = models.DecimalField(max_digits=30, decimal_places=0, default=0)

    class Meta:
        db_table = "crm_usage_day"

    def __str__(self) -> str:
        return f"{self.account_id} {self.day}: {self.uses}"


class PersonDay(models.Model):
    """Uses per account, person and UTC day, over the events flagged as use. Partitioned by month."""

    pk = models.CompositePrimaryKey("account_id", "day", "person_id")
    account = models.ForeignKey(Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    day = models.DateField()
    person = models.ForeignKey(Person, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    uses = models.IntegerField()

    class Meta:
        db_table = "crm_person_day"

    def __str__(self) -> str:
        return f"{self.account_id} {self.day}: {self.uses}"


class MonthlyTotalQuerySet(OfAccountQuerySet["MonthlyTotal"]):
    """Rows of an account; no words of their own yet."""


class MonthlyTotal(ScopedModel):
    """How much an account used something in a month, where only that is known; replaced when it is told anew.

    It is spread evenly over the days from the first of `month` through `through` and stands in `UsageDay` under its
    own event name. `amount` in integer millionths.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    event = models.ForeignKey(EventName, models.PROTECT, related_name="+")
    month = models.DateField(help_text="its first day")
    uses = models.IntegerField()
    amount = models.DecimalField(max_digits=30, decimal_places=0, default=0)
    through = models.DateField()
    recorded_at = models.DateTimeField()

    objects = MonthlyTotalQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "event", "month"], name="monthly_total_once")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.month:%Y-%m}: {self.uses}"


class WaitingEvent(models.Model):
    """An event whose account is not known yet; moves into the roll-ups when a group call names it, within 30 days."""

    source = models.ForeignKey(Source, models.PROTECT, related_name="+")
    person = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    group_external_id = models.CharField(max_length=255, blank=True, help_text="named, but no such account yet")
    event = models.ForeignKey(EventName, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    amount = models.DecimalField(max_digits=30, decimal_places=0, default=0)
    received_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(
                fields=["group_external_id"], name="waiting_by_group", condition=~models.Q(group_external_id="")
            ),
            models.Index(fields=["received_at"], name="waiting_by_receipt"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} at {self.at}"


class CountedDay(models.Model):
    """Where the roll-ups of a UTC day came from. No row: nothing was ever counted into it.

    The raw batches that fed it were received from `first_received_on` through `last_received_on` (null: none
    did). `without_raw` counts events that came without one, from imports: such a day cannot be rebuilt.
    `last_counted_at` is when the day last took an event; its person days are kept 400 days from then.
    """

    day = models.DateField(primary_key=True)
    first_received_on = models.DateField(null=True)
    last_received_on = models.DateField(null=True)
    without_raw = models.BigIntegerField(default=0)
    last_counted_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.day)


class DirtyAccount(models.Model):
    """An account whose facts changed since its windows were made. Cleared by (account, mark) pairs only, so
    that a mark set during a run survives it."""

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True, related_name="+")
    mark = models.BigIntegerField(help_text="from the sequence crm_dirty_mark")

    def __str__(self) -> str:
        return f"{self.account_id} at {self.mark}"


class WindowEvent(models.Model):
    """Sums per account and event name over [D − W, D) and over the W days before, for W of 7, 28 and 84 days.

    D is the day that the fill "windows_day" stands at. Accounts follow `merged_into`. A column is null when no
    scorecard uses its window. Rebuilt every night under a new table of the same name, so nothing points here.
    """

    pk = models.CompositePrimaryKey("account_id", "event_id")
    account = models.ForeignKey(Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    event = models.ForeignKey(EventName, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    uses_7 = models.BigIntegerField(null=True)
    before_7 = models.BigIntegerField(null=True)
    amount_7 = models.DecimalField(max_digits=30, decimal_places=0, null=True, help_text="millionths")
    amount_before_7 = models.DecimalField(max_digits=30, decimal_places=0, null=True)
    uses_28 = models.BigIntegerField(null=True)
    before_28 = models.BigIntegerField(null=True)
    amount_28 = models.DecimalField(max_digits=30, decimal_places=0, null=True)
    amount_before_28 = models.DecimalField(max_digits=30, decimal_places=0, null=True)
    uses_84 = models.BigIntegerField(null=True)
    before_84 = models.BigIntegerField(null=True)
    amount_84 = models.DecimalField(max_digits=30, decimal_places=0, null=True)
    amount_before_84 = models.DecimalField(max_digits=30, decimal_places=0, null=True)
    last_day = models.DateField()

    class Meta:
        db_table = "crm_window_event"

    def __str__(self) -> str:
        return f"{self.account_id} {self.event_id}"


class WindowPerson(models.Model):
    """Flagged uses per account and person over [D − W, D); people follow `same_as`. No measure compares with before."""

    pk = models.CompositePrimaryKey("account_id", "person_id")
    account = models.ForeignKey(Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    person = models.ForeignKey(Person, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    uses_7 = models.BigIntegerField(null=True)
    uses_28 = models.BigIntegerField(null=True)
    uses_84 = models.BigIntegerField(null=True)
    last_day = models.DateField()

    class Meta:
        db_table = "crm_window_person"

    def __str__(self) -> str:
        return f"{self.account_id} {self.person_id}"
