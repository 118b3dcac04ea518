"""Untrusted input about overrides, made clean: from their form, and from files."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from crm.imports.forms.rows import EMPTY, choice, day_so_far, needed, text_of
from crm.imports.rules import Cells, Dates, Kind
from crm.lib.fields import Day, Text
from crm.lib.gate import Refused
from retention.overrides.actions import MOST_DAYS, import_overrides
from retention.overrides.models import OverrideBand


class OverrideForm(forms.Form):
    band = forms.TypedChoiceField(
        label=_("How it really is"),
        choices=lambda: [(value, capfirst(str(label))) for value, label in OverrideBand.choices],
        coerce=int,
        widget=forms.RadioSelect,
    )
    reason = Text(label=_("Why"), limit=300, help_text=_("What you know that the score does not."))
    until = Day(label=_("Until"), help_text=_("Then the computed health holds again."))


BANDS = [(band.name.lower(), band.label) for band in OverrideBand]


def read_override(cells: Cells, dates: Dates) -> dict[str, Any]:
    """A row of a file as `import_overrides` takes it; raises Refused. Without a health, none is set from its day on."""
    band, on = choice(cells, "health", BANDS), day_so_far(cells, dates, "on") or dates.today
    until = dates.day(cells, "until") or (None if band else on)
    if until is None:
        raise Refused(EMPTY, column="until")
    if not on <= until <= on + timedelta(days=MOST_DAYS):
        raise Refused(
            gettext_noop("It holds until {until}, which is before {day} or over a year later."), until=until, day=on
        )
    return {
        "account": needed(cells, "account"),
        "band": OverrideBand[band.upper()].value if band else None,
        "reason": needed(cells, "reason", 300) if band else text_of(cells, "reason", 300),
        "on": on,
        "until": until,
        "by": dates.user(cells, "by"),
    }


KIND = Kind(
    "overrides",
    gettext_noop("Health set by hand"),
    gettext_noop("Whose health somebody set, why and until when."),
    {
        "account": ("account_id", "company_id", "customer_id", "account_external_id"),
        "health": ("band", "health_set", "state"),
        "reason": ("why", "comment", "note", "text"),
        "on": ("date", "day", "from", "set_on"),
        "until": ("through", "expires", "expires_on", "valid_until"),
        "by": ("csm", "owner", "user", "by_whom", "author"),
    },
    required=(("account",), ("health",), ("reason",), ("until",)),
    examples=(
        {
            "account": "acme", "health": "steady", "reason": "They renewed by phone.", "on": "2026-11-02",
            "until": "2027-01-31", "by": "",
        },
    ),
    dates=("on", "until"),
    tables=("retention_override",),
    names_account=True,
    identity=("account", "on", "band", "reason"),
    read=read_override,
    write=import_overrides,
)  # fmt: skip
