"""People as usage shows them: an id at a source, perhaps a contact, and which account they belonged to when."""

from django.db import models

from crm.accounts.models import Account
from crm.contacts.models import Contact
from crm.sources.models import Source


class Person(models.Model):
    """Whoever appears in usage events, by (source, external id).

    Of whoever was erased the id is a hash and the traits are empty: uses go on being counted, for nobody.
    `same_as` set: an alias; windows count this person as that one. `contact` null: no address known yet.
    `traits` holds for each key the value of the newest identify call by event time; `trait_times` holds that
    time per key, as microseconds since 1970, and `traits_at` the newest of them. First and last seen are event
    times; last seen is moved on in steps of an hour.
    """

    source = models.ForeignKey(Source, models.PROTECT, related_name="+")
    external_id = models.CharField(max_length=255)
    is_anonymous = models.BooleanField(default=False)
    same_as = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True, related_name="+")
    traits = models.JSONField(default=dict)
    trait_times = models.JSONField(default=dict, db_default={})
    traits_at = models.DateTimeField(null=True)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id", "is_anonymous"], name="person_external_id_unique"),
        ]

    def __str__(self) -> str:
        return self.external_id


class Membership(models.Model):
    """A group call: from `since_at` (event time) on, the person's events belong to the account."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    since_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "since_at"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.person_id} in {self.account_id} since {self.since_at}"
