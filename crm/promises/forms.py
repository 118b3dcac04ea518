"""Untrusted input about promises, made clean."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account
from crm.accounts.queries import colleagues
from crm.contacts.models import Contact
from crm.lib.fields import Day, Text
from crm.staff.models import User


class PromiseForm(forms.Form):
    """What was promised on an account. `contact` empty: to the account as a whole."""

    text = Text(label=_("What was promised"), limit=500, help_text=_("In the words that the customer heard."))
    due_on = Day(label=_("Due"))
    contact = forms.ModelChoiceField(
        label=_("To whom"), queryset=Contact.objects.none(), required=False, empty_label=_("The account as a whole")
    )
    promised_by = forms.ModelChoiceField(
        label=_("By whom"), queryset=User.objects.none(), required=False, empty_label=_("Somebody no longer here")
    )
    made_on = Day(label=_("Promised on"), required=False, help_text=_("Empty: today."))

    def __init__(self, *args: Any, account: Account, by: User, **more: Any) -> None:
        super().__init__(*args, **more)
        people, ours = self.fields["contact"], self.fields["promised_by"]
        assert isinstance(people, forms.ModelChoiceField) and isinstance(ours, forms.ModelChoiceField)
        there = Contact.objects.system("of an account that is seen").filter(account=account)
        people.queryset = there.filter(erased_at=None, merged_into=None, left_on=None).order_by("name", "pk")
        ours.queryset = colleagues(account, by)


class MoveForm(forms.Form):
    due_on = Day(label=_("Due"))
    why = Text(label=_("Why"), limit=300)


class SettledForm(forms.Form):
    why = Text(label=_("Why"), limit=300)
    on = Day(label=_("On"), required=False, help_text=_("Empty: today."))


class DayForm(forms.Form):
    day = Day(label=_("As it stood on"))
