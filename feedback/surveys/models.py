"""Surveys and their waves: what we ask, in whose name, and how small the circle is."""

from datetime import UTC

from django.db import models
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_lazy as _

from crm.segments.models import Segment
from crm.staff.models import User


class SurveyKind(models.TextChoices):
    NPS = "nps", "NPS"


class Survey(models.Model):
    """One question with an open follow-up, asked in waves. Texts per language stand in `SurveyText`.

    `reply_working_days` is what the mail and the thank-you page promise: by when the sender answers.
    """

    name = models.CharField(_("name"), max_length=120, unique=True)
    kind = models.CharField(_("kind"), max_length=8, choices=SurveyKind.choices, default=SurveyKind.NPS)
    sender = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("asked by"))
    minimum_tenure_days = models.PositiveSmallIntegerField(_("customer for at least, days"), default=90)
    minimum_uses = models.PositiveIntegerField(_("uses in 28 days of at least"), default=1)
    cooldown_days = models.PositiveSmallIntegerField(_("not again within, days"), default=180)
    reply_working_days = models.PositiveSmallIntegerField(_("reply within, working days"), default=2)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=models.Q(kind__in=SurveyKind.values), name="survey_kind_known")]

    def __str__(self) -> str:
        return self.name


class SurveyText(models.Model):
    """The words of a survey in one language, in the grammar of messages: {{ product }} and {{ company }} are ours."""

    survey = models.ForeignKey(Survey, models.CASCADE, related_name="+")
    language = models.CharField(_("language"), max_length=10)
    subject = models.CharField(_("subject of the mail"), max_length=200)
    why = models.CharField(_("who asks, and why"), max_length=400, default="")
    question = models.CharField(_("question"), max_length=300)
    low_word = models.CharField(_("word at 0"), max_length=60, default="")
    high_word = models.CharField(_("word at 10"), max_length=60, default="")
    reason_question = models.CharField(_("open question"), max_length=300)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["survey", "language"], name="survey_text_once")]

    def __str__(self) -> str:
        return self.question


class Wave(models.Model):
    """One round of a survey: how many could have been asked, how many were to be, how many were.

    `sample_seed` makes the random sample repeatable: the same seed draws the same contacts. One wave of a
    survey a UTC day: a batch that is sent twice finds the first one's wave. `audience` null: all customers.
    """

    survey = models.ForeignKey(Survey, models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    audience = models.ForeignKey(Segment, models.PROTECT, null=True, related_name="+")
    target = models.PositiveIntegerField(_("ask at most"))
    sample_seed = models.CharField(max_length=40)
    eligible = models.PositiveIntegerField(default=0)
    asked = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(models.F("survey"), TruncDate("opened_at", tzinfo=UTC), name="wave_once_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.survey} {self.opened_at:%Y-%m-%d}"
