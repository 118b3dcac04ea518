"""Untrusted input about consents, made clean."""

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.consents.models import Purpose
from crm.lib.fields import Day, LongText, Text


class WithdrawalForm(forms.Form):
    purpose = forms.ChoiceField(label=_("Purpose"), choices=Purpose.choices)
    on = Day(label=_("On"), help_text=_("The day on which the person said it."))
    source = Text(label=_("How we know"), limit=200, help_text=_("Such as: form on our site, call with the person."))


class ConsentForm(WithdrawalForm):
    wording = LongText(
        label=_("Exact words"), limit=5_000, rows=4, help_text=_("The text that the person agreed to, as it stood.")
    )
