"""Untrusted input about our own people, made clean."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.lib.fields import Text, language_field, zone_field
from crm.sign_in import queries
from crm.sign_in.models import OneTimeLink
from crm.staff.actions import EMAIL_TAKEN
from crm.staff.models import Role, User

# Django's class takes its parameter only from the type checker.
if TYPE_CHECKING:
    AnyForm = forms.ModelForm[Any]
else:
    AnyForm = forms.ModelForm


def _no_team(form: forms.BaseForm) -> None:
    team = form.fields["team"]
    assert isinstance(team, forms.ModelChoiceField)
    team.empty_label = _("No team")


class InviteForm(AnyForm):
    name = Text(label=_("Name"), limit=120)
    language = language_field()

    class Meta:
        model = OneTimeLink
        fields = ("name", "email", "role", "team", "language")

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["email"].required = True
        self.fields["role"] = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.REP)
        _no_team(self)
        self.fields["team"].help_text = _("A manager sees and writes for the team; a rep shares its pool of accounts.")


class PersonForm(AnyForm):
    name = Text(label=_("Name"), limit=120)
    job_title = Text(label=_("Job title"), limit=120, required=False)
    phone = Text(label=_("Phone"), limit=40, required=False)
    language = language_field()
    time_zone = zone_field()

    class Meta:
        model = User
        fields = ("name", "email", "role", "team", "job_title", "phone", "language", "time_zone")

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        _no_team(self)
        self.fields["role"].help_text = _("Another role ends the person's sessions, so that it counts at once.")

    def clean_email(self) -> str:
        """Said here as well as by the action, since Django would say it above the form and in its own words."""
        email: str = self.cleaned_data["email"]
        if (other := queries.user_at(email)) and other.pk != self.instance.pk:
            raise forms.ValidationError(EMAIL_TAKEN["user_email_unique"][1])
        return email
