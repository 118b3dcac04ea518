"""The page of scorecards, readable by everyone who may read; and the rules of publishing."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, connection, transaction

from crm.audit.models import AuditRow
from crm.segments.actions import keep_segment
from crm.segments.rules import read
from retention.scorecards.actions import ensure_default_scorecard, publish
from retention.scorecards.models import Scorecard, ScorecardMeasure, ScorecardVersion
from retention.scorecards.queries import edition, windows_in_use
from tests import factories
from tests.factories import NOW
from tests.retention import usage_rows as rows

pytestmark = pytest.mark.django_db


def test_everyone_reads_measures_scales_and_shares(as_user: Any) -> None:
    rows.version(
        {"kind": "depth", "name": "Depth", "threshold": 5, "red": "0.2", "green": "0.7", "weight": 3},
        {"kind": "recency", "name": "Idle", "red": 28, "green": 1, "weight": "1.5"},
        {"kind": "reach", "name": "Trips", "scale": "steps", "steps": [[0, 0], [10, "62.5"]], "weight": "1.5"},
    )
    page = as_user(factories.user("read_only")).get("/settings/scorecards/").content.decode()
    for words in (
        "Test, version 1", "20\u00a0% → 70\u00a0%, linear", "28 → 1, linear", "from 0: 0 points · from 10: 62.5 points",
        "50\xa0%", "25\xa0%", "counts from 5 uses in 28 days", "at risk from 40",
    ):  # fmt: skip
        assert words in page


def test_the_number_of_queries_does_not_grow_with_scorecards(as_user: Any, django_assert_num_queries: Any) -> None:
    hotels = keep_segment(
        name="Hotels", tree=read("segment.is.hotels"), shared="everyone", at=NOW, by=factories.user("ops_admin")
    )

    def card(name: Any) -> Any:
        made = Scorecard.objects.create(name=name, segment=hotels)
        version = ScorecardVersion.objects.create(scorecard=made, number=1)
        for position in (1, 2):
            ScorecardMeasure.objects.create(version=version, key=f"m{position}", kind="reach", position=position)
        publish(version, at=NOW, by=rows.BY)

    client = as_user(factories.user("rep"))
    card("One")
    with connection.execute_wrapper(counted := Counter()):
        client.get("/settings/scorecards/")
    card("Two")
    card("Three")
    with django_assert_num_queries(counted.queries):
        client.get("/settings/scorecards/")


class Counter:
    queries = 0

    def __call__(self, execute: Any, sql: Any, parameters: Any, many: Any, context: Any) -> Any:
        self.queries += 1
        return execute(sql, parameters, many, context)


def test_without_a_scorecard_the_page_says_so(as_user: Any) -> None:
    page = as_user(factories.user("rep")).get("/settings/scorecards/").content.decode()
    assert "No scorecard is published yet" in page


def test_the_default_scorecard_is_rows_made_once_and_recorded() -> None:
    one = ensure_default_scorecard(at=NOW, by=rows.BY)
    assert ensure_default_scorecard(at=NOW, by=rows.BY) == one
    (version,) = ScorecardVersion.objects.all()
    found = edition(version)
    assert [(m.kind, m.per_price, m.scale) for m in found.measures] == [
        ("breadth", False, "linear"), ("depth", False, "linear"), ("reach", True, "percentile"),
    ]  # fmt: skip
    assert [float(share) for share in found.nominal_shares] == pytest.approx([1 / 3] * 3)
    assert windows_in_use() == {28}
    assert sorted(AuditRow.objects.values_list("action", flat=True)) == ["scorecard.created", "scorecard.published"]


def test_a_published_version_never_changes() -> None:
    version = rows.version({"kind": "reach", "green": 9, "group": ("One", 1, "average")})
    for statement in (
        "UPDATE retention_scorecardversion SET steady_from = 61",
        "DELETE FROM retention_scorecardversion",
        "UPDATE retention_scorecardmeasure SET weight = 2",
        "DELETE FROM retention_scorecardmeasure",
        "UPDATE retention_scorecardgroup SET weight = 2",
    ):
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        ScorecardMeasure.objects.create(version=version, key="late", kind="reach", position=2)


def test_publishing_twice_is_publishing_once_and_needs_the_right() -> None:
    version = rows.version({"kind": "reach", "green": 9})
    assert publish(version, at=NOW, by=rows.BY).published_at == NOW
    draft = ScorecardVersion.objects.create(scorecard=version.scorecard, number=2)
    with pytest.raises(PermissionDenied):
        publish(draft, at=NOW, by=factories.user("rep"))


@pytest.mark.parametrize(
    ("measure", "field"),
    [
        ({"kind": "mood"}, "kind"),
        ({"kind": "depth"}, "threshold"),
        ({"kind": "trend", "per_price": True}, "per_price"),
        ({"kind": "reach", "scale": "steps"}, "steps"),
        ({"kind": "reach", "scale": "steps", "steps": [[5, 0], [1, 100]]}, "steps"),
        ({"kind": "reach", "scale": "steps", "steps": [[5, 0], [9, 101]]}, "steps"),
    ],
)
def test_a_measure_that_cannot_be_read_is_refused_at_its_field(measure: Any, field: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        rows.version(measure)
    assert list(refused.value.message_dict) == [field]


def test_a_version_without_measures_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least one measure"):
        rows.version()
