"""Scorecards in the admin: drafts are edited through actions, published versions are only read."""

from typing import Any

import pytest

from crm.audit.models import AuditRow
from crm.segments.actions import keep_segment
from crm.segments.models import Segment, Shared
from crm.segments.rules import Group, as_json, read
from retention.scorecards.actions import remove_row, start_draft
from retention.scorecards.models import Scorecard, ScorecardGroup, ScorecardMeasure, ScorecardVersion, State
from tests import factories
from tests.factories import NOW
from tests.retention import usage_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(as_user: Any) -> Any:
    return as_user(factories.user("ops_admin"))


def form_of(version: Any, **changes: Any) -> Any:
    """What the admin's page of a version with one measure posts."""
    (row,) = ScorecardMeasure.objects.filter(version=version)
    measure = {
        "id": row.pk, "version": version.pk, "position": 1, "key": row.key, "name": row.name, "kind": row.kind,
        "window": 28, "scale": "linear", "red": "0", "green": "9", "steps": "", "weight": "1", "unit": "",
    } | changes  # fmt: skip
    posted = {f"scorecardmeasure-0-{name}": value for name, value in measure.items()}
    for prefix, total in (("scorecardmeasure", 1), ("scorecardgroup", 0)):
        posted |= {f"{prefix}-TOTAL_FORMS": total, f"{prefix}-INITIAL_FORMS": total}
    fields = ("number", "minimum_coverage", "at_risk_from", "steady_from", "thriving_from", "minimum_tenure")
    return posted | {"scorecard": version.scorecard_id} | {name: getattr(version, name) for name in fields}


def address(version: Any) -> Any:
    return f"/admin/retention/scorecardversion/{version.pk}/change/"


def test_a_published_version_is_read_and_not_written(admin: Any) -> None:
    version = rows.version({"kind": "reach", "green": 9})
    page = admin.get(address(version))
    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    assert admin.post(address(version), form_of(version, weight="2")).status_code == 403
    assert ScorecardMeasure.objects.get().weight == 1


def test_a_draft_is_started_edited_with_a_record_and_published(admin: Any) -> None:
    version = rows.version({"kind": "reach", "green": 9, "group": ("One", 2, "lowest")}, {"kind": "recency", "red": 28})
    act = {"action": "start_draft", "_selected_action": [version.pk]}
    assert admin.post("/admin/retention/scorecardversion/", act).status_code == 302
    draft = ScorecardVersion.objects.get(state=State.DRAFT)
    assert (draft.number, start_draft(version, at=NOW, by=rows.BY)) == (2, draft)
    copied = ScorecardMeasure.objects.filter(version=draft).order_by("position")
    assert [(row.kind, row.group and row.group.takes) for row in copied] == [("reach", "lowest"), ("recency", None)]
    remove_row(copied[1], at=NOW, by=rows.BY)
    ScorecardGroup.objects.filter(version=draft).delete()
    ScorecardMeasure.objects.create(version=draft, key="m1", name="Reach", kind="reach", position=1, green=9)
    assert admin.post(address(draft), form_of(draft, weight="2.5")).status_code == 302
    assert ScorecardMeasure.objects.get(version=draft).weight == 2.5
    assert AuditRow.objects.filter(action="scorecard.changed").latest("id").after == {"weight": "2.5"}
    act = {"action": "publish", "_selected_action": [draft.pk]}
    assert admin.post("/admin/retention/scorecardversion/", act).status_code == 302
    assert ScorecardVersion.objects.get(pk=draft.pk).state == State.PUBLISHED


def test_a_measure_that_cannot_be_read_is_refused_in_the_form(admin: Any) -> None:
    version = rows.version({"kind": "reach", "green": 9})
    draft = start_draft(version, at=NOW, by=rows.BY)
    for wrong, words in (({"kind": "mood"}, "Choose one of"), ({"kind": "depth"}, "from how many uses")):
        page = admin.post(address(draft), form_of(draft, **wrong))
        assert page.status_code == 200
        assert words in page.content.decode()


def test_bad_configuration_is_said_at_its_field_and_nothing_half_of_it_is_kept(admin: Any) -> None:
    """Weight zero, red that is green, a feature without events, an empty segment, one that asks for the score."""
    draft = start_draft(rows.version({"kind": "reach", "green": 9}), at=NOW, by=rows.BY)
    for wrong, field, words in (
        ({"red": "9"}, "green", "Red and green are the same value: give two different ones."),
        ({"weight": "0"}, "weight", "Give a weight above 0, or remove the measure."),
    ):
        page = admin.post(address(draft), form_of(draft, **wrong))
        (formset,) = [
            each.formset for each in page.context["inline_admin_formsets"] if each.opts.model is ScorecardMeasure
        ]
        assert formset.forms[0].errors == {field: [words]}
    assert not AuditRow.objects.filter(action="scorecard.changed").exists()
    ScorecardMeasure.objects.filter(version=draft).update(feature=factories.feature(name="Fax"))
    act = {"action": "publish", "_selected_action": [draft.pk]}
    said = admin.post("/admin/retention/scorecardversion/", act, follow=True).content.decode()
    assert "No event feeds “Fax”, so everybody would be red. Map its events first, or remove the measure." in said
    assert ScorecardVersion.objects.get(pk=draft.pk).state == State.DRAFT
    by: dict[str, Any] = {"shared": Shared.EVERYONE, "at": NOW, "by": factories.user("ops_admin")}
    kept = [keep_segment(name=name, tree=read("segment.is.big"), **by) for name in ("Empty", "Circle")]
    trees = as_json(Group("all", ())), as_json(read("score.under.40"))
    for segment, tree, words in zip(kept, trees, ("has no condition", "“Score” follows from the scores"), strict=True):
        Segment.objects.filter(pk=segment.pk).update(tree=tree)
        page = admin.post("/admin/retention/scorecard/add/", {"name": "New", "position": 1, "segment": segment.pk})
        assert words in str(page.context["adminform"].form.errors["segment"])
    assert Scorecard.objects.count() == 1


def test_a_rep_may_not_enter(as_user: Any) -> None:
    version = rows.version({"kind": "reach", "green": 9})
    assert as_user(factories.user("rep")).get(address(version)).status_code == 403
