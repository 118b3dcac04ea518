"""Whom to ask, and how many."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.segments.models import Segment
from crm.segments.queries import segments_of
from crm.staff.models import User
from feedback.invitations import rules


class WaveForm(forms.Form):
    audience = forms.ModelChoiceField(
        Segment.objects.none(),
        label=_("Among"),
        required=False,
        empty_label=_("all customers"),
        help_text=_("A segment that you keep. Whoever has gone is left out, as in lists."),
        error_messages={"invalid_choice": _(rules.NO_SEGMENT)},
    )
    target = forms.IntegerField(
        label=_("Ask at most"),
        min_value=1,
        max_value=rules.LARGEST,
        help_text=_("One person per customer comes first, drawn at random and in proportion from every segment."),
    )

    def __init__(self, data: Any, *, user: User) -> None:
        super().__init__(data)
        self.fields["audience"].queryset = segments_of(user)  # type: ignore[attr-defined]  # a choice field, above
