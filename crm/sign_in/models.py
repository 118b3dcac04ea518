"""Ways in that are not a password: one-time links; and how often passwords were guessed lately."""

from datetime import datetime
from secrets import token_bytes
from typing import ClassVar, Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from crm.sign_in import rules
from crm.staff.models import Role, Team, User


def random_id() -> UUID:
    """All 128 bits by chance, which a version-4 UUID has not."""
    return UUID(bytes=token_bytes(16))


class Purpose(models.TextChoices):
    FIRST_ADMIN = rules.FIRST_ADMIN, _("First admin")
    INVITATION = rules.INVITATION, _("Invitation")
    PASSWORD = rules.PASSWORD, _("New password")


class LinkQuerySet(models.QuerySet["OneTimeLink"]):
    def unsettled(self) -> Self:
        """Neither used nor withdrawn; perhaps past its time."""
        return self.filter(used_at=None, withdrawn_at=None)

    def usable(self, at: datetime) -> Self:
        return self.unsettled().filter(expires_at__gt=at)

    def to_mail(self, at: datetime) -> Self:
        """Waiting to be mailed, and held by no worker that still lives."""
        free = models.Q(mail_lease_until=None) | models.Q(mail_lease_until__lte=at)
        return self.usable(at).filter(free, mail_waits=True, mail_attempts__lt=rules.MAIL_ATTEMPTS)


class OneTimeLink(models.Model):
    """One way in, for whoever holds the link. What it may do stands here and never in the link.

    `user`: whose password it sets; null before there is such a user. `mailed_at` null: it was not mailed.
    """

    id = models.UUIDField(primary_key=True, default=random_id)
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="+")
    name = models.CharField(_("name"), max_length=120, blank=True)
    email = models.EmailField(_("email address"), max_length=254, blank=True)
    role = models.CharField(_("role"), max_length=20, choices=Role.choices, blank=True)
    team = models.ForeignKey(Team, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("team"))
    language = models.CharField(_("language"), max_length=10, default="en")
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", help_text="null: the product")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    mail_waits = models.BooleanField(default=False)
    mail_attempts = models.SmallIntegerField(default=0)
    mail_lease_until = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)
    mail_said = models.CharField(max_length=200, blank=True, help_text="what stood in the way last")

    objects = LinkQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(purpose__in=Purpose.values), name="link_purpose_known"),
            models.UniqueConstraint(
                Lower("email"),
                name="invitation_open_once",
                condition=models.Q(purpose=rules.INVITATION, used_at=None, withdrawn_at=None),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["created_at"], name="link_to_mail", condition=models.Q(mail_waits=True)),
        ]

    def __str__(self) -> str:
        return self.get_purpose_display()

    @property
    def mail_failed(self) -> bool:
        return self.mail_waits and self.mail_attempts >= rules.MAIL_ATTEMPTS


class Guesses(models.Model):
    """When passwords were tried under one key, at most as often as its limit within the window.

    The key is an account, a device of it, a network address, or an unknown address as a hash.
    """

    key = models.CharField(max_length=120, primary_key=True)
    tried_at = ArrayField(models.DateTimeField())
    last_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["last_at"], name="guesses_by_time")]

    def __str__(self) -> str:
        return self.key
