"""What the list of mails may be asked for."""

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.outbox.models import MailKind, MailState


class MailFilter(forms.Form):
    """Narrow the list; a value that makes no sense narrows nothing."""

    state = forms.ChoiceField(label=_("State"), choices=[("", _("any state")), *MailState.choices], required=False)
    kind = forms.ChoiceField(label=_("Kind"), choices=[("", _("any kind")), *MailKind.choices], required=False)
    account = forms.IntegerField(min_value=1, max_value=2**62, required=False, widget=forms.HiddenInput)
    after = forms.IntegerField(min_value=1, max_value=2**62, required=False, widget=forms.HiddenInput)
    before = forms.IntegerField(min_value=1, max_value=2**62, required=False, widget=forms.HiddenInput)
