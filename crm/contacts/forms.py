"""Untrusted input about contacts, made clean."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from crm.contacts.models import Contact, ContactRole
from crm.contacts.rules import MERGED_FIELDS
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


@dataclass(frozen=True)
class Choice:
    """A field in which two records differ: `takes` when the value of the one that is put away is to stay."""

    name: str
    label: str
    away: str
    stays: str
    takes: bool


class MergeForm(forms.Form):
    """`into`: the record of the same account that stays, by its id, address or name."""

    into = Text(label=_("The record that stays"), limit=254, help_text=_("Its email address or its name."))

    def __init__(self, *args: Any, contact: Contact, **more: Any) -> None:
        super().__init__(*args, **more)
        self.contact = contact

    def clean_into(self) -> Contact:
        asked = self.cleaned_data["into"]
        rows = Contact.objects.system("of the account that the form is about").filter(
            account=self.contact.account_id, erased_at=None, merged_into=None
        )
        named = Q(email__iexact=asked) | Q(name__iexact=asked)
        if asked.isascii() and asked.isdigit() and len(asked) < 19:
            named |= Q(pk=int(asked))
        found = list(rows.filter(named).exclude(pk=self.contact.pk).order_by("pk")[:2])
        if not found:
            raise ValidationError(_("Nobody else of this account is known by that. Check the spelling."))
        if len(found) > 1:
            raise ValidationError(_("Several people are called so. Give the email address."))
        return found[0]

    def choices(self, into: Contact | None) -> list[Choice]:
        """Where the two differ; what only one of them has is kept unless somebody chooses otherwise."""
        if into is None:
            return []
        chosen = self.taking() if self.data.get("chosen") else None
        found = []
        for name in MERGED_FIELDS:
            away, stays = getattr(self.contact, name), getattr(into, name)
            if away != stays:
                takes = name in chosen if chosen is not None else not stays
                label = str(Contact._meta.get_field(name).verbose_name)  # type: ignore[union-attr]  # a plain field
                found.append(Choice(name, label, ROLES.get(away, away), ROLES.get(stays, stays), takes))
        return found

    def taking(self) -> list[str]:
        return [name for name in MERGED_FIELDS if self.data.get(f"take_{name}") == "away"]


ROLES = {str(value): str(label) for value, label in ContactRole.choices}
