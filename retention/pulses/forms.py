"""Untrusted input about pulses, made clean: from the form of two taps, and from files."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop, ngettext

from crm.imports.forms.rows import EMPTY, day_so_far, needed, whole
from crm.imports.rules import Cells, Dates
from crm.lib.fields import Day, Text
from crm.lib.gate import Refused
from crm.templatetags.ui import number
from retention.pulses import rules

WORDS = {
    1: _("1 · about to leave"), 2: _("2 · worried"), 3: _("3 · neither nor"), 4: _("4 · good"),
    5: _("5 · could not be better"),
}  # fmt: skip


class PulseForm(forms.Form):
    value = forms.TypedChoiceField(
        label=_("How do you find them?"), choices=list(WORDS.items()), coerce=int, widget=forms.RadioSelect
    )
    reason = Text(label=_("Why"), limit=300)
    valid_until = Day(label=_("Counts through"), required=False)

    def __init__(self, *args: Any, days: int, **more: Any) -> None:
        super().__init__(*args, **more)
        empty = ngettext("Empty: %(days)s day.", "Empty: %(days)s days.", days) % {"days": number(days)}
        self.fields["valid_until"].help_text = empty


def read_pulse(cells: Cells, dates: Dates) -> dict[str, Any]:
    """A row of a file as `import_pulses` takes it; raises Refused. Without a day it is of today."""
    value = whole(cells, "pulse", rules.VALUES[0], rules.VALUES[-1])
    if value is None:
        raise Refused(EMPTY, column="pulse")
    on, until = day_so_far(cells, dates, "on") or dates.today, dates.day(cells, "valid_until")
    if until is not None and until < on:
        raise Refused(gettext_noop("It counts until {until}, which is before {day}."), until=until, day=on)
    return {
        "account": needed(cells, "account"),
        "value": value,
        "reason": needed(cells, "reason", 300),
        "on": on,
        "by": dates.user(cells, "by"),
        "valid_until": until,
    }
