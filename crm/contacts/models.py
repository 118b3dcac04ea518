"""Contacts: the people at an account whom we may write to."""

from secrets import token_bytes

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.lib.scope import ScopedModel
from crm.staff.models import User


def new_audit_key() -> bytes:
    return token_bytes(16)


class ContactRole(models.TextChoices):
    CHAMPION = "champion", _("Champion")
    DECISION_MAKER = "decision_maker", _("Decides")
    BILLING = "billing", _("Billing")
    USER = "user", _("User")


class ContactQuerySet(OfAccountQuerySet["Contact"]):
    def reachable(self) -> "ContactQuerySet":
        """Still there, with an address, and not opted out by suppression (the outbox checks that one again)."""
        return self.filter(left_on=None, erased_at=None, merged_into=None).exclude(email="")


class Contact(ScopedModel):
    """A person at an account, with the name as people write it.

    `audit_key` hides this person's values in audit rows; erasing the person destroys it. Of whoever was erased
    the row is left with `erased_at` and no words: a tombstone that mails and answers go on pointing at.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("account"))
    external_id = models.CharField(_("external id"), max_length=255, null=True, blank=True)
    name = models.CharField(_("name"), max_length=200)
    email = models.EmailField(_("email"), max_length=254, blank=True)
    job_title = models.CharField(_("job title"), max_length=120, blank=True)
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    role = models.CharField(_("role"), max_length=16, choices=ContactRole.choices, default=ContactRole.USER)
    language = models.CharField(_("language"), max_length=10, blank=True, help_text=_("Empty: the account's"))
    time_zone = models.CharField(_("time zone"), max_length=60, blank=True, help_text=_("Empty: the account's"))
    left_on = models.DateField(_("left on"), null=True, blank=True)
    traits_at = models.DateTimeField(null=True, help_text="event time of the newest identify call taken over")
    erased_at = models.DateTimeField(null=True)
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="+", help_text="the record that took over; always one hop"
    )
    audit_key = models.BinaryField(max_length=16, default=new_audit_key)
    created_at = models.DateTimeField()

    objects = ContactQuerySet.as_manager()

    class Meta:
        indexes = [
            GinIndex(SearchVector("name", "email", config="simple"), name="contact_search"),
            models.Index(fields=["account", "id"], name="contact_by_account"),
            models.Index(Lower("email"), name="contact_by_address", condition=~models.Q(email="")),
        ]
        constraints = [
            models.UniqueConstraint(
                "account", Lower("email"), name="contact_email_once", condition=~models.Q(email="")
            ),
            models.UniqueConstraint(fields=["external_id"], name="contact_external_id_unique"),
            models.CheckConstraint(condition=models.Q(role__in=ContactRole.values), name="contact_role_known"),
        ]

    def __str__(self) -> str:
        return self.name or str(_("Erased person"))


class ContactMergeQuerySet(OfAccountQuerySet["ContactMerge"]):
    account_path = "contact__account__"


class ContactMerge(ScopedModel):
    """Two records of one person became one. `moved`: ids by model of what went along, which an undo gives back.

    `before`: the address of the one put away, and those values of the other that were replaced. `undone_at` null: it
    stands.
    """

    contact = models.ForeignKey(Contact, models.PROTECT, related_name="+")
    into = models.ForeignKey(Contact, models.PROTECT, related_name="+")
    before = models.JSONField(default=dict)
    moved = models.JSONField(default=dict)
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    undone_at = models.DateTimeField(null=True)

    objects = ContactMergeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["contact"], condition=models.Q(undone_at=None), name="contact_merge_stands_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} into {self.into_id}"


class ErasedMark(models.Model):
    """Something that named a person who was erased, as a salted hash (crm.contacts.rules.mark_of).

    Whoever comes in under it again, in a file, a call or an identify, stays nobody.
    """

    mark = models.CharField(max_length=64, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.mark
