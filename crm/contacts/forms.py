"""Untrusted input about contacts, made clean."""

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.contacts.models import ContactRole
from crm.lib.fields import Day, Text, language_field, zone_field


class ContactForm(forms.Form):
    name = Text(label=_("Name"), limit=200, help_text=_("As the person writes it."))
    email = Text(label=_("Email"), limit=254, required=False, widget=forms.EmailInput)
    job_title = Text(label=_("Job title"), limit=120, required=False)
    phone = Text(label=_("Phone"), limit=40, required=False)
    role = forms.ChoiceField(label=_("Role"), choices=ContactRole.choices, initial=ContactRole.USER)
    language = language_field(required=False)
    time_zone = zone_field(required=False)


class LeftForm(forms.Form):
    left_on = Day(label=_("Left on"), required=False, help_text=_("Empty: still there."))
