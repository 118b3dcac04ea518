"""An answer as it comes from the public page."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import normalize_newlines
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.lib import gate

COMMENT_LIMIT = 5000
NO_SCORE = gettext_lazy("Please choose a number from 0 to 10.")


class AnswerForm(forms.Form):
    """`send` is the button's own value: a POST without it did not come from pressing the button."""

    score = forms.IntegerField(
        min_value=0,
        max_value=10,
        error_messages={"required": NO_SCORE, "invalid": NO_SCORE, "min_value": NO_SCORE, "max_value": NO_SCORE},
    )
    comment = forms.CharField(required=False, strip=False, empty_value="")
    send = forms.CharField(
        error_messages={"required": gettext_lazy("Please press the button below to send your answer.")}
    )

    def clean_comment(self) -> str:
        try:
            return gate.clean_text(normalize_newlines(self.cleaned_data["comment"]), COMMENT_LIMIT)
        except gate.Refused as error:
            raise ValidationError(_(error.template).format(**error.values)) from error

    @property
    def kept_comment(self) -> Any:
        """The comment as it was typed, for showing the form again."""
        return self.data.get("comment", "")


def score_in(text: str) -> int | None:
    """The score that a link carries, or None; it only preselects."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 2 and int(text) <= 10 else None
