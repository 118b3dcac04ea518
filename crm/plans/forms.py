"""Untrusted input about plans and features, made clean."""

from django import forms
from django.core.validators import validate_slug
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from crm.lib.fields import Text
from crm.plans.models import Feature


class FeatureForm(forms.Form):
    name = Text(label=_("Name"), limit=120)
    is_key = forms.BooleanField(
        label=_("Key feature"),
        required=False,
        help_text=_("It sets the product apart. Breadth is the share of key features that an account uses."),
    )
    counts_amount = forms.BooleanField(
        label=_("Sums an amount instead of uses"),
        required=False,
        help_text=_("Its events carry a number, such as minutes or euros, which is added up."),
    )
    unit = Text(label=_("Unit"), limit=40, required=False, help_text=_("Such as trips, minutes, euros."))
    threshold = forms.IntegerField(
        label=_("Meaningful from"),
        min_value=1,
        max_value=2_147_483_647,
        initial=1,
        help_text=_("Uses, or amount, of an account in 28 days. Below it, use does not count."),
    )


class NewFeatureForm(FeatureForm):
    key = Text(label=_("Key"), limit=80, validators=[validate_slug], help_text=_("Letters, digits, - and _. It stays."))
    field_order = ("name", "key")


class Features(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # generic in the stubs alone
    """Features by name, those that set the product apart marked as such."""

    def label_from_instance(self, obj: Model) -> str:
        assert isinstance(obj, Feature)
        return str(_("%(name)s, key feature") % {"name": obj.name}) if obj.is_key else obj.name


class PlanForm(forms.Form):
    name = Text(label=_("Name"), limit=120)
    includes_everything = forms.BooleanField(label=_("Includes every feature"), required=False)
    features = Features(
        label=_("Features"),
        queryset=Feature.objects.order_by("name", "pk"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("What an account pays for when it has this plan."),
    )


class NewPlanForm(PlanForm):
    external_id = Text(label=_("External id"), limit=255, help_text=_("The plan's id in your billing. It stays."))
    field_order = ("name", "external_id")
