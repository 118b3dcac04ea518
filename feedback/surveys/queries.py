"""Surveys with their texts and waves."""

from dataclasses import dataclass

from django.db.models import OuterRef, QuerySet, Subquery

from crm.staff.models import Installation
from crm.staff.queries import installation
from feedback.surveys import rules
from feedback.surveys.models import Survey, SurveyText, Wave


def surveys() -> QuerySet[Survey]:
    """All surveys with when and whom their latest wave asked: `last_at`, `last_asked`, `last_eligible`; null: never."""
    latest = Wave.objects.filter(survey=OuterRef("pk")).order_by("-opened_at")
    return (
        Survey.objects.select_related("sender")
        .annotate(
            last_at=Subquery(latest.values("opened_at")[:1]),
            last_asked=Subquery(latest.values("asked")[:1]),
            last_eligible=Subquery(latest.values("eligible")[:1]),
        )
        .order_by("name", "pk")
    )


def waves(survey: Survey) -> list[Wave]:
    """The waves of a survey, the newest first."""
    return list(Wave.objects.filter(survey=survey).select_related("opened_by").order_by("-opened_at", "-pk"))


def texts(survey: Survey) -> dict[str, SurveyText]:
    """The survey's words by language, in the order of `rules.LANGUAGES`."""
    rows = {row.language: row for row in SurveyText.objects.filter(survey=survey).order_by("language")}
    return {language: rows[language] for language in rules.LANGUAGES if language in rows}


@dataclass(frozen=True)
class Words:
    """A survey's texts in one language with our names filled in."""

    language: str
    subject: str
    why: str
    question: str
    low_word: str
    high_word: str
    reason_question: str


def words(survey: Survey, *, site: Installation | None = None) -> dict[str, Words]:
    """The filled texts by language. Empty: nobody has written any, so the survey cannot be asked."""
    ours = site or installation()
    return {language: _filled(row, ours) for language, row in texts(survey).items()}


def _filled(row: SurveyText, ours: Installation) -> Words:
    product, company = ours.product_name, ours.company_name
    filled = {part: rules.filled(getattr(row, part), product=product, company=company) for part in rules.PARTS}
    return Words(row.language, **filled)
