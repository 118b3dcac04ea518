"""Untrusted input about segments and views, made clean."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from crm.lib.fields import Text
from crm.lib.gate import Refused
from crm.segments import rules
from crm.segments.models import Shared, may_share
from crm.segments.queries import refusal
from crm.staff.models import User


class KeptForm(forms.Form):
    """A name, and for whom."""

    name = Text(label=_("Name"), limit=80)
    shared = forms.ChoiceField(label=_("For"), choices=Shared.choices, required=False)

    def __init__(self, *args: Any, user: User, **more: Any) -> None:
        super().__init__(*args, **more)
        choices = [choice for choice in Shared.choices if may_share(user, choice[0])]
        if len(choices) > 1:
            self.fields["shared"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField, above
        else:
            del self.fields["shared"]

    @property
    def kept(self) -> dict[str, Any]:
        given = self.cleaned_data
        return given | {"shared": given.get("shared") or Shared.OWN}


class SegmentForm(KeptForm):
    where = forms.CharField(widget=forms.HiddenInput, required=False, max_length=rules.LONGEST)

    def clean_where(self) -> rules.Group:
        try:
            return rules.read(self.cleaned_data["where"])
        except Refused as refused:
            raise ValidationError(refusal(refused)) from refused


class ViewForm(KeptForm):
    query = forms.CharField(widget=forms.HiddenInput, required=False, max_length=8_000)
