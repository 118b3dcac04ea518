"""The one question before somebody is erased."""

from django import forms
from django.utils.translation import gettext_lazy as _


class SureForm(forms.Form):
    sure = forms.BooleanField(
        label=_("This person asked for it, and it is theirs to ask"),
        help_text=_("It cannot be taken back, and the person cannot be entered again."),
        error_messages={"required": _("Tick the box if you are sure.")},
    )
