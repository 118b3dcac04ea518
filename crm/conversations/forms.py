"""Untrusted input about conversations, made clean."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account
from crm.accounts.queries import colleagues
from crm.contacts.models import Contact
from crm.conversations.models import Channel, ResponseTarget
from crm.lib.fields import LongText, Text
from crm.plans.models import Plan
from crm.staff.models import User

TEXT_LIMIT = 20_000
MOST_PEOPLE = 200


class SaidForm(forms.Form):
    """What was said, by them or by us."""

    text = LongText(label=_("What was said"), limit=TEXT_LIMIT, rows=4)


class LogForm(forms.Form):
    """A conversation in two taps: the button that sends it names the channel, everything else may stay empty."""

    text = LongText(label=_("What was said"), limit=TEXT_LIMIT, rows=3, required=False)
    subject = Text(label=_("Subject"), limit=200, required=False)
    contact = forms.ChoiceField(label=_("With whom"), required=False)
    waits = forms.BooleanField(label=_("They wait for an answer"), required=False)
    said_at = forms.DateTimeField(
        label=_("When"),
        required=False,
        help_text=_("Empty: just now."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M"],
    )
    channel = forms.ChoiceField(
        choices=Channel.choices,
        widget=forms.HiddenInput,
        error_messages={"required": _("Nothing is kept yet. Press how it was.")},
    )

    def __init__(self, *args: Any, account: Account, **more: Any) -> None:
        super().__init__(*args, **more)
        people = Contact.objects.system("of the account that the form is about").filter(
            account=account, erased_at=None, merged_into=None, left_on=None
        )
        self.people = {str(person.pk): person for person in people.order_by("name", "pk")[:MOST_PEOPLE]}
        field = self.fields["contact"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "—"), *((pk, person.name) for pk, person in self.people.items())]

    def clean_contact(self) -> Contact | None:
        return self.people.get(self.cleaned_data["contact"])


class ResponderForm(forms.Form):
    responder = forms.ModelChoiceField(label=_("Who answers"), queryset=User.objects.none())

    def __init__(self, *args: Any, account: Account, user: User, **more: Any) -> None:
        super().__init__(*args, **more)
        field = self.fields["responder"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = colleagues(account, user)


class WarningForm(forms.Form):
    """When we say that a target is about to be missed, and that we speak of ourselves too much."""

    percent = forms.IntegerField(
        label=_("Warn after, in percent of the target"),
        min_value=1,
        max_value=100,
        help_text=_("Who answers then sees it under Today, with a word to the customer prepared."),
    )
    posts_a_week = forms.IntegerField(label=_("Social posts of ours a week, at most"), min_value=0, max_value=1_000)
    own_percent = forms.IntegerField(
        label=_("Our own posts in what we say on social channels, at most in percent"), min_value=1, max_value=100,
        help_text=_("The rest are answers to others."),
    )  # fmt: skip


class TargetForm(forms.Form):
    """Minutes of open time for each channel, of one plan or of any; empty: none of its own."""

    def __init__(self, *args: Any, plan: Plan | None, **more: Any) -> None:
        held = dict(ResponseTarget.objects.filter(plan=plan).values_list("channel", "minutes"))
        super().__init__(*args, **more)
        for value, label in Channel.choices:
            if value != Channel.NOTE:
                self.fields[value] = forms.IntegerField(
                    label=label, required=False, min_value=1, max_value=60_000, initial=held.get(value)
                )
