"""Untrusted input about goals, made clean."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import TraitDefinition, TraitType
from crm.lib.fields import Amount, Day, Text
from crm.plans.models import Feature

PLACES: dict[str, Any] = {"max_digits": 20, "decimal_places": 6}


def measures() -> list[tuple[Any, Any]]:
    """What can show a goal: features by their use in 28 days, and traits that are numbers."""
    features = [(f"feature:{row.pk}", row.name) for row in Feature.objects.order_by("name", "pk")]
    numbers = TraitDefinition.objects.filter(type=TraitType.NUMBER).order_by("label", "pk")
    traits = [(f"trait:{row.pk}", row.label) for row in numbers]
    return [("", _("Choose")), (_("Use in 28 days"), features), (_("Traits"), traits)]


class TermsForm(forms.Form):
    target = Amount(label=_("Target"), **PLACES)
    due_on = Day(label=_("Due"))


class GoalForm(TermsForm):
    words = Text(label=_("Why they bought"), limit=500, help_text=_("In their own words."))
    measure = forms.ChoiceField(label=_("Shown by"), choices=measures)
    baseline = Amount(label=_("It began at"), required=False, help_text=_("Empty: what is measured today."), **PLACES)
    field_order = ("words", "measure", "baseline")

    @property
    def given(self) -> dict[str, Any]:
        """As the action takes it."""
        values = dict(self.cleaned_data)
        kind, _colon, pk = values.pop("measure").partition(":")
        row = (Feature if kind == "feature" else TraitDefinition).objects.get(pk=pk)
        return values | {kind: row}


class ChangeForm(TermsForm):
    why = Text(label=_("Why"), limit=300)


class DropForm(forms.Form):
    why = Text(label=_("Why"), limit=300)


class DayForm(forms.Form):
    day = Day(label=_("As it stood on"))
