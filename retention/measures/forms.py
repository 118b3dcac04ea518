"""Untrusted input about features that are not needed, made clean."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.lib.fields import Day, Text
from crm.plans.models import Feature


class SpareForm(forms.Form):
    feature = forms.ModelChoiceField(
        label=_("Feature"), queryset=Feature.objects.none(), empty_label=_("Choose one"),
        help_text=_("It then counts neither as used nor as unused here, and no recap names it."),
    )  # fmt: skip
    reason = Text(label=_("Why they do not need it"), limit=300)
    until = Day(label=_("Until"), required=False, help_text=_("Empty: for good."))

    def __init__(self, *args: Any, left_out: Collection[int], **more: Any) -> None:
        super().__init__(*args, **more)
        field = self.fields["feature"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Feature.objects.filter(is_key=True).exclude(pk__in=left_out).order_by("name", "pk")
