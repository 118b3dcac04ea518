"""Cards for tests: plain ones by weight, and any that hypothesis can think of."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from retention.measures.rules import Measure
from retention.scorecards.forms import DraftForms
from retention.scorecards.models import ScorecardGroup, ScorecardMeasure, ScorecardVersion
from retention.scorecards.rules import AVERAGE, HIGHEST, LOWEST, Card, Group


def a_card(*weights: int, **more: Any) -> Card:
    """Measures without groups, of these weights."""
    measures = tuple(Measure(key=f"m{n}", kind="reach") for n in range(len(weights)))
    groups = tuple(Group(Decimal(weight), (n,), (Decimal(weight),)) for n, weight in enumerate(weights))
    return Card(measures, groups, **more)


weights = st.decimals("0.001", "99", places=3, allow_nan=False)


@st.composite
def cards(draw: st.DrawFn) -> Card:
    """One to seven measures in one to seven groups, any positive weights and limits."""
    size = draw(st.integers(1, 7))
    where = [draw(st.integers(0, size - 1)) for _ in range(size)]
    groups = []
    for name in sorted(set(where), key=where.index):
        members = tuple(n for n in range(size) if where[n] == name)
        takes = draw(st.sampled_from([AVERAGE, LOWEST, HIGHEST])) if len(members) > 1 else AVERAGE
        groups.append(Group(draw(weights), members, tuple(draw(weights) for _ in members), takes))
    measures = tuple(Measure(key=f"m{n}", kind="reach") for n in range(size))
    return Card(measures, tuple(groups), minimum_coverage=draw(st.integers(0, 100)))


def draft_form(scorecard: int) -> dict[str, Any]:
    """What the editor of a scorecard's draft posts when nothing was changed in it."""
    draft = ScorecardVersion.objects.get(scorecard=scorecard, state="draft")
    measures = ScorecardMeasure.objects.filter(version=draft).select_related("feature", "group")
    forms = DraftForms.of(draft, list(ScorecardGroup.objects.filter(version=draft)), list(measures), None)
    values = {form.add_prefix(name): form[name].value() for form in forms.every() for name in form.fields}
    return {name: "" if value is None else value for name, value in values.items()}
