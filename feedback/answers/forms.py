"""An answer as it comes from the public page, or from a file."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.text import normalize_newlines
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from crm.imports.forms.rows import EMPTY, needed, text_of, whole
from crm.imports.rules import Cells, Dates
from crm.lib import gate
from feedback.answers.rules import IMPORTED, RESPONDENT

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


def read_imported(cells: Cells, dates: Dates) -> dict[str, Any]:
    """A row of a file of answers as `import_answers` takes it; raises Refused."""
    score = whole(cells, "score", 0, 10)
    if score is None:
        raise gate.Refused(EMPTY, column="score")
    comment = text_of(cells, "comment", COMMENT_LIMIT)
    email = text_of(cells, "email", 254)
    if email:
        try:
            validate_email(email)
        except ValidationError:
            raise gate.Refused(gettext_noop("{email} is not an e-mail address."), email=email) from None
    return {
        "account": needed(cells, "account"),
        "external_id": text_of(cells, "external_id", 255),
        "email": email,
        "name": text_of(cells, "name", 200) or email or RESPONDENT,
        "survey": text_of(cells, "survey", 120) or IMPORTED,
        "score": score,
        # What R and others write for nothing.
        "comment": "" if comment in ("NA", "N/A", "NULL") else comment,
        "answered_on": dates.day(cells, "answered_on") or dates.today,
    }
