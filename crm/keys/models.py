"""Keys that other programs come in with: whose they are, what they open, until when; never the key itself."""

from dataclasses import dataclass

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.keys import rules
from crm.staff.models import User


@dataclass(frozen=True)
class Group:
    """Nouns that a key opens together. `writable`: there is something that a program may change."""

    name: str
    label: str | Promise
    writable: bool = True


_groups: dict[str, Group] = {}


def register_groups(*groups: Group) -> None:
    """Make groups known; called once at start, by whoever opens an API for its nouns."""
    for each in groups:
        _groups[each.name] = each


def groups() -> list[Group]:
    return list(_groups.values())


register_groups(
    Group("accounts", _("Accounts, traits and tags")),
    Group("contacts", _("Contacts and consents")),
    Group("plans", _("Plans and features")),
    Group("subscriptions", _("Subscriptions, their changes and payments")),
    Group("goals", _("Goals")),
    Group("promises", _("Promises")),
    Group("conversations", _("Conversations")),
    Group("calendars", _("Hours, holidays and targets of first answers")),
    Group("segments", _("Segments")),
    Group("usage", _("Days of use"), writable=False),
    Group("house", _("Our people, the record and imports"), writable=False),
)


def scope_choices() -> list[tuple[str, str]]:
    """Every scope there is with its words, reading before writing."""
    found: list[tuple[str, str]] = []
    for group in groups():
        found.append((rules.scope(group.name, rules.READ), str(_("%(what)s: read") % {"what": group.label})))
        if group.writable:
            found.append((rules.scope(group.name, rules.WRITE), str(_("%(what)s: write") % {"what": group.label})))
    return found


class ApiKey(models.Model):
    """A program's way in, for one of us: it may do what its scopes say, and never more than its owner.

    Stored as SHA-256; `prefix` lets people tell keys apart.
    """

    owner = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("acts for"))
    name = models.CharField(_("name"), max_length=80)
    scopes = ArrayField(models.CharField(max_length=60), verbose_name=_("may"))
    prefix = models.CharField(max_length=rules.PREFIX)
    sha256 = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["owner", "-id"], name="api_key_by_owner")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("created_at")), name="api_key_expires_after_start"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class KeyUse(models.Model):
    """How often a key was used in its latest minute; `minute` says when it was used last. No row: never."""

    key = models.OneToOneField(ApiKey, models.CASCADE, primary_key=True, related_name="+")
    minute = models.DateTimeField()
    calls = models.PositiveIntegerField()

    class Meta:
        db_table = "crm_key_use"

    def __str__(self) -> str:
        return f"{self.calls} in {self.minute}"


class KeptAnswer(models.Model):
    """What a call with an Idempotency-Key did, for 24 hours: digests of both, and the row that it came to.

    Neither body is kept: whoever asks again is shown the row as it is then.
    """

    key = models.ForeignKey(ApiKey, models.CASCADE, related_name="+")
    name = models.BinaryField(max_length=32, help_text="SHA-256 of the Idempotency-Key")
    digest = models.BinaryField(max_length=32, help_text="HMAC over method, address and body")
    status = models.PositiveSmallIntegerField()
    row = models.BigIntegerField(null=True)
    kept_at = models.DateTimeField()

    class Meta:
        db_table = "crm_kept_answer"
        indexes = [models.Index(fields=["kept_at"], name="kept_answer_by_age")]
        constraints = [models.UniqueConstraint(fields=["key", "name"], name="kept_answer_once")]

    def __str__(self) -> str:
        return f"{self.status} {self.row}"
