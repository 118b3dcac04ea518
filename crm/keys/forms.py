"""Untrusted input about keys, made clean."""

from datetime import UTC, datetime, time, timedelta

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.keys.models import scope_choices
from crm.lib.fields import Day, Text
from crm.staff.models import User

USUAL = timedelta(days=90)


class KeyForm(forms.Form):
    name = Text(label=_("Name"), limit=80, help_text=_("The program that will use it, such as: billing sync."))
    owner = forms.ModelChoiceField(
        label=_("Acts for"),
        queryset=User.objects.filter(is_active=True).order_by("name", "pk"),
        help_text=_("The key sees and may do what this person sees and may do, and nothing beyond."),
    )
    scopes = forms.MultipleChoiceField(
        label=_("It may"),
        choices=scope_choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Write includes read."),
    )
    expires_on = Day(label=_("Expires on"), help_text=_("It ends at the beginning of this day (UTC), within a year."))

    @property
    def expires_at(self) -> datetime:
        return datetime.combine(self.cleaned_data["expires_on"], time(0), UTC)
