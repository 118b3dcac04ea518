"""Our own people: users with one role each, teams, and the settings of the whole installation."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from secrets import token_bytes
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from crm.lib import formats
from crm.staff import rules


class Team(models.Model):
    """A group of reps under a manager; also the pool that may own accounts together."""

    name = models.CharField(_("name"), max_length=100, unique=True)

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    SYSTEM_ADMIN = rules.SYSTEM_ADMIN, _("System admin")
    OPS_ADMIN = rules.OPS_ADMIN, _("CS ops admin")
    MANAGER = rules.MANAGER, _("Manager")
    REP = rules.REP, _("Rep")
    READ_ONLY = rules.READ_ONLY, _("Read-only")


class Theme(models.TextChoices):
    SYSTEM = "system", _("As the device")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class Density(models.TextChoices):
    REGULAR = "regular", _("Regular")
    COMPACT = "compact", _("Tighter")


class Dates(models.TextChoices):
    WORDS = formats.WORDS, _("In words, such as 14 Feb 2027")
    NUMBERS = formats.NUMBERS, _("In numbers, in the order of your place")
    ISO = formats.ISO, _("Year first, such as 2027-02-14")


class Users(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        """Compare as the unique index does: `iexact` would take a dotless ı for an i, and find somebody else."""
        return self.alias(lowered=Lower("email")).get(lowered=Lower(models.Value(username)))


class User(AbstractBaseUser):
    """One of us. The address is the login name, compared without regard to case."""

    email = models.EmailField(_("email address"), max_length=254)
    name = models.CharField(_("name"), max_length=120)
    role = models.CharField(_("role"), max_length=20, choices=Role.choices, default=Role.REP)
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("team"))
    job_title = models.CharField(_("job title"), max_length=120, blank=True)
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    language = models.CharField(_("language"), max_length=10, default="en")
    time_zone = models.CharField(_("time zone"), max_length=60, default="UTC")
    # A locale such as de_DE; empty: that of the language.
    place = models.CharField(_("numbers and money as in"), max_length=12, blank=True)
    dates = models.CharField(_("dates"), max_length=8, choices=Dates.choices, default=Dates.WORDS)
    theme = models.CharField(_("appearance"), max_length=8, choices=Theme.choices, default=Theme.SYSTEM)
    density = models.CharField(_("rows"), max_length=8, choices=Density.choices, default=Density.REGULAR)
    is_active = models.BooleanField(_("active"), default=True)
    session_round = models.PositiveIntegerField(default=0, help_text="one more ends every session begun before")
    created_at = models.DateTimeField()

    # The instant of the request in which this person asks (crm.middleware.clock): cover counts only where it is known.
    asks_at: datetime | None = None
    # The API key through which this person's program asks; empty: the person is here in person.
    asks_through = ""

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = Users()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_unique"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="user_role_known"),
        ]

    def __str__(self) -> str:
        return self.name

    def may(self, verb: str) -> bool:
        return self.is_active and rules.may(self.role, verb)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What each session holds, and is over without: the password as it is now, and the round."""
        of = f"{self.password}:{self.session_round}"
        return salted_hmac("crm.staff.session", of, secret=secret, algorithm="sha256").hexdigest()

    # What Django's admin asks. Rights come from the role alone; the admin's own pages ask again per model.
    @property
    def is_staff(self) -> bool:
        return self.may("configure") or self.may("manage_users")

    def has_perm(self, perm: str, obj: models.Model | None = None) -> bool:
        return self.is_staff

    def has_perms(self, perms: Iterable[str], obj: models.Model | None = None) -> bool:
        return self.is_staff

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff

    # The three words of an audit row (crm.audit.rules.Actor).
    @property
    def actor_kind(self) -> str:
        return "user"

    @property
    def actor_id(self) -> str:
        return str(self.pk)

    @property
    def actor_label(self) -> str:
        return f"{self.name} · {self.asks_through}" if self.asks_through else self.name

    @property
    def formats(self) -> formats.Formats:
        return formats.Formats(self.place, self.dates)

    @property
    def initials(self) -> str:
        return "".join(word[0] for word in self.name.split()[:2]).upper()


class Cover(models.Model):
    """One of us stands in for another, or for a team's pool: from an instant on, until another (half-open).

    Exactly one of `covered` and `pool` is set. `restricted`: also for the accounts that are restricted to `covered`.
    Ending it early moves `until_at`; rows stay, since who could see what then is part of the record.
    """

    covering = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("who covers"))
    covered = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("who is away"))
    pool = models.ForeignKey(Team, models.PROTECT, null=True, related_name="+", verbose_name=_("pool"))
    from_at = models.DateTimeField()
    until_at = models.DateTimeField()
    restricted = models.BooleanField(_("restricted accounts too"), default=False)

    class Meta:
        indexes = [
            models.Index(fields=["covering", "until_at"], name="cover_by_covering"),
            models.Index(fields=["covered", "until_at"], name="cover_by_covered"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(covered=None, pool__isnull=False, restricted=False)
                | models.Q(covered__isnull=False, pool=None),
                name="cover_of_person_or_pool",
            ),
            models.CheckConstraint(
                condition=models.Q(covered=None) | ~models.Q(covered=models.F("covering")), name="cover_of_another"
            ),
            models.CheckConstraint(
                condition=models.Q(until_at__gte=models.F("from_at")), name="cover_ends_after_start"
            ),
        ]

    @property
    def zone(self) -> ZoneInfo:
        """Where its days begin: with the one who is away; for a pool, with the one who covers."""
        return ZoneInfo((self.covered or self.covering).time_zone)

    @property
    def from_on(self) -> date:
        return self.from_at.astimezone(self.zone).date()

    @property
    def until_on(self) -> date:
        return self.until_at.astimezone(self.zone).date()

    def __str__(self) -> str:
        return f"{self.covering_id} for {self.covered_id or self.pool_id}"


class Installation(models.Model):
    """The one row of settings that people change while the product runs."""

    company_name = models.CharField(_("our company's name"), max_length=120, default="Holdfast")
    product_name = models.CharField(_("our product's name"), max_length=120, default="our product")
    visibility = models.CharField(
        _("who sees which accounts"),
        max_length=10,
        default=rules.TEAM,
        choices=[
            (rules.OWN, _("each rep the own ones")),
            (rules.TEAM, _("each team its own")),
            (rules.ALL, _("all")),
        ],
    )
    currency = models.CharField(_("reporting currency"), max_length=3, default="EUR")
    paid_through = models.DateField(
        _("subscriptions known through"),
        null=True,
        blank=True,
        help_text=_("The last day for which the subscription data are complete. Empty: they are current."),
    )
    pulse_days = models.PositiveSmallIntegerField(
        _("days that a pulse counts"), default=90, validators=[MinValueValidator(1), MaxValueValidator(366)]
    )
    sending = models.BooleanField(_("sending is on"), default=True)
    answer_warning_percent = models.PositiveSmallIntegerField(
        _("warn after this share of a target, in percent"), default=75
    )
    is_demo = models.BooleanField(default=False)

    social_posts_a_week = models.PositiveSmallIntegerField(_("social posts a week, at most"), default=5)
    social_own_percent = models.PositiveSmallIntegerField(
        _("share of our own posts in what we say, in percent"), default=50
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=1), name="installation_is_one_row"),
            models.CheckConstraint(
                condition=models.Q(answer_warning_percent__range=(1, 100)), name="installation_warning_percent"
            ),
        ]

    def __str__(self) -> str:
        return self.company_name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.pk = 1
        super().save(*args, **kwargs)


def new_salt() -> bytes:
    return token_bytes(16)


class Salt(models.Model):
    """The installation's own random value, made once: hashes of addresses and ids, and Message-IDs, are keyed with it.

    It is a row and not the SECRET_KEY, so that a rotated key forgets no refusal.
    """

    value = models.BinaryField(max_length=16, default=new_salt)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=models.Q(pk=1), name="salt_is_one_row")]

    def __str__(self) -> str:
        return "salt"
