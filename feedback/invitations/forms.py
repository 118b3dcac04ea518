"""How many to ask."""

from django import forms
from django.utils.translation import gettext_lazy as _

from feedback.invitations import rules


class WaveForm(forms.Form):
    target = forms.IntegerField(
        label=_("Ask at most"),
        min_value=1,
        max_value=rules.LARGEST,
        initial=rules.SUGGESTED,
        help_text=_("One person per customer comes first, drawn at random and in proportion from every segment."),
    )
