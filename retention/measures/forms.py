"""Untrusted input about features that are not needed, made clean: from their form, and from files."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from crm.imports.forms.rows import day_so_far, needed, text_of
from crm.imports.rules import Cells, Dates, Kind
from crm.lib.fields import Day, Text
from crm.lib.gate import Refused
from crm.plans.models import Feature
from retention.measures.actions import import_spared


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


def read_spared(cells: Cells, dates: Dates) -> dict[str, Any]:
    """A row of a file as `import_spared` takes it; raises Refused. Without a reason the feature is needed again."""
    on, until = day_so_far(cells, dates, "on") or dates.today, dates.day(cells, "until")
    if until is not None and until < on:
        raise Refused(gettext_noop("It holds until {until}, which is before {day}."), until=until, day=on)
    return {
        "account": needed(cells, "account"),
        "feature": needed(cells, "feature", 80),
        "reason": text_of(cells, "reason", 300),
        "on": on,
        "until": until,
        "by": dates.user(cells, "by"),
    }


KIND = Kind(
    "not-needed",
    gettext_noop("Features not needed"),
    gettext_noop("Features that accounts pay for and do not need, with the reason."),
    {
        "account": ("account_id", "company_id", "customer_id", "account_external_id"),
        "feature": ("feature_key", "key"),
        "reason": ("why", "comment", "note", "text"),
        "on": ("date", "day", "from", "since"),
        "until": ("through", "expires", "expires_on"),
        "by": ("csm", "owner", "user", "by_whom", "author"),
    },
    required=(("account",), ("feature",), ("reason",)),
    examples=(
        {
            "account": "acme", "feature": "trips", "reason": "Their carrier plans for them.", "on": "2026-11-02",
            "until": "", "by": "",
        },
    ),
    dates=("on", "until"),
    tables=("retention_notneeded",),
    names_account=True,
    identity=("account", "feature", "on", "reason"),
    read=read_spared,
    write=import_spared,
)  # fmt: skip
