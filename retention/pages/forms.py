"""Untrusted input of the pages that reps sit in, made clean."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from crm.lib.fields import Day, LongText, Text
from crm.staff.models import User
from retention.forecasts.models import Category


class DraftForm(forms.Form):
    subject = Text(label=_("Subject"), limit=300)
    body = LongText(label=_("Text"), limit=20_000)


class ReasonForm(forms.Form):
    why = Text(label=_("Why not now?"), limit=200)


class ApprovalForm(forms.Form):
    """`displayed` names the text that was read; `override` is the reason for sending in spite of the lint."""

    displayed = forms.CharField(max_length=64)
    override = Text(label=_("Send it all the same, because"), limit=200, required=False)


class TaskForm(forms.Form):
    """`assignee` None: whoever owns the account on that day."""

    title = Text(label=_("What is to be done"), limit=200)
    due_on = Day(label=_("Due"))
    assignee = forms.ModelChoiceField(
        label=_("Who does it"),
        queryset=User.objects.none(),
        required=False,
        empty_label=_("Whoever owns the account then"),
    )
    detail = LongText(label=_("Detail"), limit=5_000, rows=3, required=False)

    def __init__(self, *args: Any, people: QuerySet[User], **more: Any) -> None:
        super().__init__(*args, **more)
        field = self.fields["assignee"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = people


class SinceForm(forms.Form):
    """Two days whose scores are compared."""

    since = Day(label=_("From"))
    until = Day(label=_("To"))

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if given.get("since") and given.get("until") and given["since"] >= given["until"]:
            raise ValidationError({"until": _("Choose a day after the first one.")})
        return given


class PutOffForm(forms.Form):
    until = Day(label=_("Until"))
    why = Text(label=_("Why not now?"), limit=200)


class ForecastForm(forms.Form):
    category = forms.ChoiceField(label=_("Forecast"), choices=[("", _("Choose")), *Category.choices])
    mrr = forms.DecimalField(
        label=_("A month afterwards"), min_value=0, max_digits=14, decimal_places=2, required=False,
        help_text=_("Of who grows or is at risk. Empty: as much as now."),
    )  # fmt: skip
    reason = Text(label=_("Why"), limit=300, required=False, help_text=_("Needed where they may leave or pay less."))


class TagForm(forms.Form):
    tag = Text(label=_("Tag"), limit=60)

    def clean_tag(self) -> str:
        tag: str = self.cleaned_data["tag"]
        if "," in tag:
            raise ValidationError(_("One tag at a time, without a comma."))
        return tag


class BulkSegmentForm(forms.Form):
    segment = Text(label=_("Segment"), limit=80, required=False, help_text=_("Empty takes it off."))


class BulkStepForm(forms.Form):
    text = Text(label=_("Next step"), limit=200, required=False, help_text=_("One line. Empty takes it off."))
    on = Day(label=_("By"), required=False)


class BulkTaskForm(forms.Form):
    """A task on each of the accounts, for whoever owns it on the day."""

    title = Text(label=_("What is to be done"), limit=200)
    due_on = Day(label=_("Due"))
