"""Untrusted input about overrides, made clean."""

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from crm.lib.fields import Day, Text
from retention.overrides.models import OverrideBand


class OverrideForm(forms.Form):
    band = forms.TypedChoiceField(
        label=_("How it really is"),
        choices=lambda: [(value, capfirst(str(label))) for value, label in OverrideBand.choices],
        coerce=int,
        widget=forms.RadioSelect,
    )
    reason = Text(label=_("Why"), limit=300, help_text=_("What you know that the score does not."))
    until = Day(label=_("Until"), help_text=_("Then the computed health holds again."))
