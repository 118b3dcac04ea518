"""A survey as a form: who asks whom, and the words per language."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.lib import gate
from crm.staff.models import Role, User
from feedback.surveys import rules
from feedback.surveys.models import Survey, SurveyText

LIMITS = {field.name: field.max_length or 0 for field in SurveyText._meta.fields if field.name in rules.PARTS}
LANGUAGE_NAMES = {"en": gettext_lazy("In English"), "ko": gettext_lazy("In Korean")}


if TYPE_CHECKING:
    OfSurvey = forms.ModelForm[Survey]
    OfText = forms.ModelForm[SurveyText]
else:  # Django's own class takes no type in brackets
    OfSurvey = OfText = forms.ModelForm


class SurveyForm(OfSurvey):
    class Meta:
        model = Survey
        fields = ("name", "sender", "minimum_tenure_days", "minimum_uses", "cooldown_days", "reply_working_days")
        help_texts = {
            "sender": gettext_lazy("Signs the mail, reads every answer and replies."),
            "minimum_tenure_days": gettext_lazy("Newer customers are not asked: they cannot know yet."),
            "minimum_uses": gettext_lazy("Customers who use it less are not asked."),
            "cooldown_days": gettext_lazy(
                "Nobody is asked this again before. Between two surveys of any kind: 90 days."
            ),
            "reply_working_days": gettext_lazy("The mail and the thank-you page promise it."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.filter(is_active=True).exclude(role=Role.READ_ONLY).order_by("name", "pk")
        self.fields["sender"] = forms.ModelChoiceField(
            people, label=gettext_lazy("Asked by"), help_text=self.Meta.help_texts["sender"]
        )
        self.fields["reply_working_days"].widget.attrs["min"] = 1

    def clean_name(self) -> str:
        return _clean(self.cleaned_data["name"], 120)

    def clean_reply_working_days(self) -> int:
        days: int = self.cleaned_data["reply_working_days"]
        if not 1 <= days <= 20:
            raise ValidationError(_("Between 1 and 20 working days."))
        return days

    def _get_validation_exclusions(self) -> set[str]:
        # The name's uniqueness is the database's matter; the action turns its refusal into a message.
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # ModelForm's only hook
        return excluded | {"name"}


class TextForm(OfText):
    """The words in one language. All empty: the survey does not speak it."""

    class Meta:
        model = SurveyText
        fields = rules.PARTS
        widgets = {"why": forms.Textarea(attrs={"rows": 3})}

    def __init__(self, data: Any, *, language: str, instance: SurveyText | None, initial: Mapping[str, str]) -> None:
        super().__init__(data, prefix=language, instance=instance, initial=dict(initial))
        self.language = language
        # Whoever leaves a whole language empty leaves it out; of one that is written everything is needed.
        wanted = data is None or any(data.get(f"{language}-{part}", "").strip() for part in rules.PARTS)
        for field in self.fields.values():
            field.required = wanted
            field.error_messages["required"] = gettext_lazy(rules.MISSING)

    @property
    def title(self) -> str:
        return str(LANGUAGE_NAMES[self.language])

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if not any(data.get(part) for part in rules.PARTS):
            return data
        for part in [part for part in rules.PARTS if part in data]:
            try:
                data[part] = _clean(data[part], LIMITS[part])
                _check(data[part])
            except ValidationError as error:
                self.add_error(part, error)
        return data

    @property
    def words(self) -> dict[str, str]:
        return {part: self.cleaned_data.get(part) or "" for part in rules.PARTS}


def _clean(text: str, limit: int) -> str:
    try:
        return gate.clean_text(text, limit)
    except gate.Refused as error:
        raise ValidationError(_(error.template).format(**error.values)) from error


def _check(text: str) -> None:
    if found := rules.flaw(text):
        raise ValidationError(_(found[0]) % found[1])


def text_forms(data: Any, rows: Mapping[str, SurveyText], *, fresh: bool) -> list[TextForm]:
    """One form per language; a fresh survey begins with our default words."""
    return [
        TextForm(
            data, language=language, instance=rows.get(language), initial=rules.DEFAULTS[language] if fresh else {}
        )
        for language in rules.LANGUAGES
    ]


def texts_of(forms_: list[TextForm]) -> dict[str, dict[str, str]]:
    """The words by language, of the languages that were written."""
    return {form.language: form.words for form in forms_ if any(form.words.values())}
