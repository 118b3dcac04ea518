"""Writing surveys and their texts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib.constraints import clearly
from crm.staff.actions import require
from feedback.surveys import queries, rules
from feedback.surveys.models import Survey, SurveyText

FIELDS = frozenset(("name", "sender", "minimum_tenure_days", "minimum_uses", "cooldown_days", "reply_working_days"))
TAKEN = {"feedback_survey_name_key": ("name", _("Another survey has this name already. Choose another one."))}
Texts = Mapping[str, Mapping[str, str]]


@transaction.atomic
def create_survey(*, texts: Texts | None = None, at: datetime, by: Actor, **fields: Any) -> Survey:
    """Add a survey with its texts by language; without texts the defaults in English and Korean.

    Raises ValidationError at the field that cannot be kept.
    """
    require("configure", by=by)
    survey = Survey(created_at=at, **_known(fields))
    survey.full_clean(exclude=["created_at"], validate_unique=False, validate_constraints=False)
    _require_sender(survey)
    with clearly(TAKEN):
        survey.save(force_insert=True)
    _write_texts(survey, rules.DEFAULTS if texts is None else texts)
    after = {name: _plain(getattr(survey, name)) for name in sorted(FIELDS)}
    audit.record("survey.created", survey, at=at, by=by, after=after | {"languages": list(queries.texts(survey))})
    return survey


@transaction.atomic
def change_survey(survey: Survey, *, texts: Texts | None = None, at: datetime, by: Actor, **fields: Any) -> Survey:
    """Change a survey; `texts` replaces all of its texts, None leaves them. Waves that went out stay as they were."""
    require("configure", by=by)
    survey = Survey.objects.select_for_update().get(pk=survey.pk)
    before, after = audit.changes(survey, _known(fields))
    for name, value in fields.items():
        setattr(survey, name, value)
    survey.full_clean(validate_unique=False, validate_constraints=False)
    _require_sender(survey)
    with clearly(TAKEN):
        survey.save()
    if texts is not None:
        old = _shown(queries.texts(survey))
        _write_texts(survey, texts)
        new = _shown(queries.texts(survey))
        before |= {name: old.get(name, "") for name in old | new if old.get(name) != new.get(name)}
        after |= {name: new.get(name, "") for name in old | new if old.get(name) != new.get(name)}
    if after:
        audit.record("survey.changed", survey, at=at, by=by, before=before, after=after)
    return survey


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    if unknown := set(fields) - FIELDS:
        raise TypeError(f"Not a field of a survey: {', '.join(sorted(unknown))}")
    return fields


def _plain(value: Any) -> Any:
    return getattr(value, "pk", value)


def _require_sender(survey: Survey) -> None:
    if not survey.sender.is_active:
        raise ValidationError({"sender": _("This person has left. Choose somebody who can read the answers.")})


def _write_texts(survey: Survey, texts: Texts) -> None:
    if not texts:
        raise ValidationError(_("Write the survey in at least one language."))
    for language, parts in texts.items():
        if language not in rules.LANGUAGES or set(parts) != set(rules.PARTS):
            raise TypeError(f"Not the texts of a survey: {language} {sorted(parts)}")
        for part, text in parts.items():
            _check(part, text)
        SurveyText.objects.update_or_create(survey=survey, language=language, defaults=dict(parts))
    SurveyText.objects.filter(survey=survey).exclude(language__in=list(texts)).delete()


def _check(part: str, text: str) -> None:
    if found := rules.flaw(text):
        raise ValidationError({part: gettext(found[0]) % found[1]})
    if part == "subject" and len(text.splitlines()) > 1:
        raise ValidationError({part: _("A subject is one line.")})


def _shown(texts: Mapping[str, SurveyText]) -> dict[str, str]:
    return {f"{language}.{part}": getattr(row, part) for language, row in texts.items() for part in rules.PARTS}
