"""Untrusted input about webhooks, made clean."""

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.lib.fields import Text
from crm.webhooks.models import EventKind


class EndpointForm(forms.Form):
    url = Text(
        label=_("Address"),
        limit=2_000,
        widget=forms.URLInput,
        help_text=_("Such as https://hooks.example.com/holdfast. Only servers of the public internet are called."),
    )
    events = forms.MultipleChoiceField(
        label=_("Tell it when"), choices=EventKind.choices, widget=forms.CheckboxSelectMultiple
    )


class ChangeForm(EndpointForm):
    is_active = forms.BooleanField(
        label=_("On"), required=False, help_text=_("Off: what happens is not kept for it either.")
    )
