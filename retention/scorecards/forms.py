"""Untrusted input about scorecards made clean: their names and segments, and a whole draft at once."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from crm.accounts.models import TraitDefinition, TraitType
from crm.lib.fields import Amount, Text, refusals
from crm.plans.models import Feature
from crm.segments.models import Segment, Shared
from crm.templatetags.ui import number
from retention.measures.queries import CHANGE, KINDS, PART, WAY
from retention.measures.rules import LINEAR, PERCENTILE, STEPS, WINDOWS
from retention.scorecards.actions import PEOPLE_ACTIVE_FROM, check_measure
from retention.scorecards.models import ScorecardGroup, ScorecardMeasure, ScorecardVersion

R = TypeVar("R", bound=models.Model)
FARTHEST = 10**12  # red and green lie within, as their column does
LEAST_WEIGHT = Decimal("0.001")
NO_WEIGHT = _("Give a weight above 0, or remove the measure.")
_STEP = re.compile(r"(-?[0-9]{1,12}(?:\.[0-9]{1,6})?)\s*:\s*([0-9]{1,3}(?:\.[0-9]{1,6})?)")
SCALES = [(LINEAR, _("linear")), (STEPS, _("steps")), (PERCENTILE, _("percentile"))]


def windows() -> list[tuple[int, str]]:
    """The windows in words, in the language of whoever asks."""
    return [(days, ngettext("%(days)s day", "%(days)s days", days) % {"days": number(days)}) for days in WINDOWS]


def segments() -> QuerySet[Segment]:
    """What may say which accounts a scorecard judges: segments that are kept for everyone."""
    return Segment.objects.filter(shared=Shared.EVERYONE, deleted_at=None).order_by("name", "pk")


class ScorecardForm(forms.Form):
    name = Text(label=_("Name"), limit=120)
    segment = forms.ModelChoiceField(
        Segment.objects.none(),
        label=_("Segment"),
        help_text=_("It judges the accounts in it that no scorecard before it takes. Segments for everyone count."),
        error_messages={
            "required": _("Choose a segment: only the default scorecard takes all accounts that are left.")
        },
    )

    def __init__(self, *args: Any, is_default: bool = False, **more: Any) -> None:
        super().__init__(*args, **more)
        if is_default:
            del self.fields["segment"]
        else:
            self.fields["segment"].queryset = segments()  # type: ignore[attr-defined]  # a ModelChoiceField, above


class LimitsForm(forms.Form):
    """What holds for the whole version."""

    at_risk_from = forms.IntegerField(label=_("At risk from"), min_value=1, max_value=98)
    steady_from = forms.IntegerField(label=_("Steady from"), min_value=2, max_value=99)
    thriving_from = forms.IntegerField(label=_("Thriving from"), min_value=3, max_value=100)
    minimum_coverage = forms.IntegerField(label=_("Minimum coverage, %"), min_value=0, max_value=100)
    minimum_tenure = forms.IntegerField(label=_("Minimum tenure, days"), min_value=1, max_value=3650)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        for lower, upper in (("at_risk_from", "steady_from"), ("steady_from", "thriving_from")):
            if given.get(lower) is not None and given.get(upper) is not None and given[lower] >= given[upper]:
                self.add_error(
                    upper, _("Give more than %(limit)s, where the band before it begins.") % {"limit": given[lower]}
                )
        return given


class GroupForm(forms.Form):
    name = Text(label=_("Name"), limit=120)
    weight = Amount(
        label=_("Weight"), min_value=LEAST_WEIGHT, max_value=10_000, error_messages={"min_value": NO_WEIGHT}
    )
    takes = forms.ChoiceField(label=_("Takes"), choices=ScorecardGroup._meta.get_field("takes").choices or ())


class MeasureForm(forms.Form):
    """One line of the table. Red, green and steps of a share are typed in percent."""

    # Of two lines: names are longer than the column is wide.
    name = Text(label=_("Name"), limit=120, widget=forms.Textarea(attrs={"rows": 2}))
    window = forms.TypedChoiceField(label=_("Window"), choices=windows, coerce=int)
    threshold = forms.IntegerField(label=_("Counts from … uses"), min_value=1, max_value=1_000_000, required=False)
    scale = forms.ChoiceField(label=_("Scale"), choices=SCALES)
    red = Amount(label=_("Red, worth 0"), required=False, min_value=-FARTHEST, max_value=FARTHEST)
    green = Amount(label=_("Green, worth 100"), required=False, min_value=-FARTHEST, max_value=FARTHEST)
    steps = Text(
        label=_("Steps"),
        limit=400,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "0: 0 · 7: 50 · 9: 100"}),
    )
    weight = Amount(
        label=_("Weight"), min_value=LEAST_WEIGHT, max_value=10_000, error_messages={"min_value": NO_WEIGHT}
    )
    group = forms.ChoiceField(label=_("Group"), required=False)

    def __init__(self, row: ScorecardMeasure, groups: Sequence[ScorecardGroup], *args: Any, **more: Any) -> None:
        self.row = row
        super().__init__(*args, **more)
        self.initial = {**_typed(row), **self.initial}
        self.fields["group"].choices = [("", _("on its own")), *((group.pk, group.name) for group in groups)]  # type: ignore[attr-defined]
        if not KINDS[row.kind].of_threshold:
            del self.fields["threshold"]
        for name, field in self.fields.items():
            field.widget.attrs["aria-label"] = f"{row.label}: {field.label}"
            if name in ("red", "green", "weight", "threshold"):
                field.widget.attrs["class"] = "figure-field sunk"

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def clean_steps(self) -> list[list[Decimal]]:
        text = self.cleaned_data["steps"]
        if text and re.sub(r"[\s,;·]+", "", _STEP.sub("", text)):
            raise ValidationError(_("Write steps as value: points, such as 0: 0 · 7: 50 · 9: 100."))
        return [[Decimal(limit), Decimal(worth)] for limit, worth in _STEP.findall(text)]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("scale") == LINEAR:
            for name in ("red", "green"):
                if given.get(name) is None and name not in self.errors:
                    self.add_error(name, _("Give a value."))
        if not self.errors:
            with refusals(self):
                check_measure(self.edited({}))
        return given

    def edited(self, groups: Mapping[int, ScorecardGroup]) -> ScorecardMeasure:
        """The row as it was typed; not kept."""
        given = self.cleaned_data
        row = copy_of(self.row)
        factor = Decimal(100) if in_percent(row.kind) else Decimal(1)
        row.name, row.window, row.scale, row.weight = given["name"], given["window"], given["scale"], given["weight"]
        row.steps = [[limit / factor, worth] for limit, worth in given["steps"]]
        if given["red"] is not None and given["green"] is not None:
            row.red, row.green = given["red"] / factor, given["green"] / factor
        if "threshold" in given:
            row.threshold = given["threshold"]
        row.group = groups.get(int(given["group"])) if given["group"] else None
        return row


def in_percent(kind: str) -> bool:
    return KINDS[kind].words in (PART, CHANGE, WAY)


def copy_of(row: R) -> R:
    """The row with its key and its relations, to be edited without touching the one at hand."""
    made = type(row)()
    made.__dict__ |= {name: value for name, value in row.__dict__.items() if name != "_state"}
    made._state.db, made._state.adding = row._state.db, row._state.adding
    made._state.fields_cache = dict(row._state.fields_cache)
    return made


def _typed(row: ScorecardMeasure) -> dict[str, Any]:
    """How the form shows a row."""
    factor = Decimal(100) if in_percent(row.kind) else Decimal(1)
    steps = " · ".join(f"{plain(limit * factor)}: {plain(worth)}" for limit, worth in row.steps)
    return {
        "name": row.name, "window": row.window, "threshold": row.threshold, "scale": row.scale,
        "red": plain(row.red * factor), "green": plain(row.green * factor), "steps": steps,
        "weight": plain(row.weight), "group": row.group_id or "",
    }  # fmt: skip


def plain(value: Decimal) -> str:
    """A number without trailing zeros, with a point."""
    return f"{value.normalize():f}" if value else "0"


@dataclass
class DraftForms:
    """A whole draft as one form: its limits, its groups, its measures in their order."""

    version: ScorecardVersion
    limits: LimitsForm
    groups: list[tuple[ScorecardGroup, GroupForm]]
    measures: list[MeasureForm]

    @classmethod
    def of(
        cls,
        version: ScorecardVersion,
        groups: Sequence[ScorecardGroup],
        measures: Sequence[ScorecardMeasure],
        data: Mapping[str, Any] | None,
    ) -> "DraftForms":
        given = {name: getattr(version, name) for name in LimitsForm.base_fields}
        shown = [(group, {"name": group.name, "weight": plain(group.weight), "takes": group.takes}) for group in groups]
        return cls(
            version,
            LimitsForm(data, initial=given, prefix="of"),
            [(group, GroupForm(data, initial=start, prefix=f"g{group.pk}")) for group, start in shown],
            [MeasureForm(row, groups, data, prefix=f"m{row.pk}") for row in measures],
        )

    def every(self) -> Iterator[forms.Form]:
        yield self.limits
        yield from (form for _group, form in self.groups)
        yield from self.measures

    def is_valid(self) -> bool:
        # Not all(): every form is asked, so that everything wrong is said at once.
        return min([form.is_valid() for form in self.every()])

    def edited(self) -> tuple[ScorecardVersion, list[ScorecardGroup], list[ScorecardMeasure]]:
        """The draft, its groups and its measures as they were typed; not kept."""
        version = copy_of(self.version)
        for name, value in self.limits.cleaned_data.items():
            setattr(version, name, value)
        groups = {}
        for held, form in self.groups:
            group = groups[held.pk] = copy_of(held)
            group.name, group.weight, group.takes = (form.cleaned_data[name] for name in ("name", "weight", "takes"))
        return version, list(groups.values()), [form.edited(groups) for form in self.measures]


class NewMeasureForm(forms.Form):
    """What one more measure reads; its scale is proposed from the own accounts afterwards."""

    kind = forms.ChoiceField(label=_("What it reads"))
    feature = forms.ModelChoiceField(
        Feature.objects.none(), label=_("Feature"), required=False, empty_label=_("all mapped features")
    )
    trait = forms.ModelChoiceField(
        TraitDefinition.objects.none(), label=_("Trait"), required=False, empty_label=_("none"),
        help_text=_("For the kind that reads one."),
    )  # fmt: skip
    valid_days = forms.IntegerField(
        label=_("valid for, days"),
        min_value=1,
        max_value=3650,
        required=False,
        help_text=_("What is older counts as missing. Empty: as is usual for its kind."),
    )
    window = forms.TypedChoiceField(label=_("Window"), choices=windows, coerce=int, initial=28)
    per_price = forms.BooleanField(label=_("per price paid"), required=False)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["kind"].choices = [(key, kind.label) for key, kind in KINDS.items()]  # type: ignore[attr-defined]
        self.fields["feature"].queryset = Feature.objects.order_by("name")  # type: ignore[attr-defined]
        numbers = TraitDefinition.objects.filter(type=TraitType.NUMBER)
        self.fields["trait"].queryset = numbers.order_by("label", "pk")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not self.errors:
            with refusals(self):
                check_measure(self.row())
        return given

    def row(self) -> ScorecardMeasure:
        given = self.cleaned_data
        kind, feature, trait = KINDS[given["kind"]], given["feature"], given["trait"]
        return ScorecardMeasure(
            kind=given["kind"],
            feature=feature,
            trait=trait,
            valid_days=given["valid_days"],
            window=given["window"],
            per_price=given["per_price"],
            threshold=PEOPLE_ACTIVE_FROM if kind.of_threshold else None,
            name=str(feature or trait or kind.label)[:120],
            unit=(feature.unit if feature else trait.unit if trait else "")[:40],
            position=1,
        )
