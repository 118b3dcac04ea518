"""Untrusted input about onboarding, made clean."""

from typing import Any

from django import forms
from django.forms.utils import ErrorDict
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from crm.imports.forms.rows import EMPTY, day_so_far, needed
from crm.imports.rules import Cells, Dates
from crm.lib.fields import Day, Text
from crm.lib.gate import Refused
from crm.plans.models import Feature, Plan
from retention.onboarding.actions import LONGEST, MOST, Asked
from retention.onboarding.models import MilestoneKind, OnboardingPlan

DAYS: dict[str, Any] = {"min_value": 0, "max_value": LONGEST}


class PlanForm(forms.Form):
    """What a plan is called and for whom it is; its milestones are forms of their own."""

    name = Text(label=_("Name"), limit=120)
    plans = forms.ModelMultipleChoiceField(
        label=_("For accounts that begin with"),
        queryset=Plan.objects.order_by("name", "pk"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None: for all accounts that no other plan is for."),
    )
    starts_from = Day(label=_("For accounts that begin from"))
    lasts_days = forms.IntegerField(label=_("Over after, in days"), min_value=1, max_value=LONGEST, initial=90)
    stuck_days = forms.IntegerField(
        label=_("Stuck after, in days"),
        min_value=1,
        max_value=LONGEST,
        initial=14,
        help_text=_("Something is overdue, and for so long nothing was reached."),
    )


class MilestoneForm(forms.Form):
    """One milestone; one without a name is none."""

    key = forms.CharField(widget=forms.HiddenInput, required=False, max_length=80)
    name = Text(label=_("Milestone"), limit=120, required=False)
    kind = forms.ChoiceField(label=_("Reached by"), choices=MilestoneKind.choices)
    feature = forms.ModelChoiceField(
        label=pgettext_lazy("of a milestone", "Feature"), queryset=Feature.objects.order_by("name", "pk"),
        required=False, empty_label="—",
    )  # fmt: skip
    amount = forms.IntegerField(label=_("How much"), required=False, min_value=1, max_value=2_147_483_647)
    expected_days = forms.IntegerField(label=_("Expected after, in days"), **DAYS)
    is_value = forms.BooleanField(label=_("First value"), required=False)

    @property
    def asked(self) -> Asked | None:
        """As the action takes it. None: nothing was filled in, or its name was taken away."""
        return Asked(**self.cleaned_data) if self.cleaned_data.get("name") else None

    def full_clean(self) -> None:
        super().full_clean()
        if self.is_bound and "name" in self.cleaned_data and not self.cleaned_data["name"]:
            self._errors = ErrorDict()  # whatever else stands in a row without a name


MilestoneForms = forms.formset_factory(MilestoneForm, extra=0, max_num=MOST, absolute_max=MOST, validate_max=True)


class BeginForm(forms.Form):
    plan = forms.ModelChoiceField(label=_("Onboarding plan"), queryset=OnboardingPlan.objects.filter(is_active=True))
    started_on = Day(label=_("Began on"), required=False, help_text=_("Empty: its first day as a customer."))


class DayForm(forms.Form):
    day = Day(label=_("As it stood on"))


def read_reached(cells: Cells, rows: Dates) -> dict[str, Any]:
    """A milestone that was reached, as `import_reached` takes it."""
    on = day_so_far(cells, rows, "reached_on")
    if on is None:
        raise Refused(EMPTY, column="reached_on")
    return {"account": needed(cells, "account"), "milestone": needed(cells, "milestone", 120), "on": on}
