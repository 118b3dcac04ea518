"""The history of a score: rows as they were written, and a difference that adds up."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from crm.lib.partitions import ensure_months
from retention.scores.models import HealthScore
from tests.retention.chain import owned, version
from tests.retention.pages.desk import TODAY, band_of, signed_in

pytestmark = pytest.mark.django_db


def written(account, days_ago: int, points: int | None, components: list[int | None]) -> None:
    day = TODAY - timedelta(days=days_ago)
    ensure_months("retention_health_score", [day])
    values = [None if part is None else part / 1000 for part in components]
    row = {"points": points, "coverage": 1000, "low": points or 0, "high": points or 1000, "band": band_of(points)}
    HealthScore.objects.bulk_create(
        [
            HealthScore(
                account=account, version_id=version().pk, day=day, revision=0, hindsight=False, components=components,
                values=values, bases=[10.0] * len(components), **row,
            )
        ]
    )  # fmt: skip


@pytest.fixture
def fell() -> Any:
    """Three measures of equal weight: 80, 60 and 40 a month ago make 60; 80, 30 and 10 now make 40."""
    account, owner, _contact = owned()
    written(account, 40, 600, [800, 600, 400])
    written(account, 3, 400, [800, 300, 100])
    return account, signed_in(owner)


def page(client: Any, account: Any, **query: Any) -> Any:
    response = client.get(reverse("account-history", args=[account.pk]), query)
    assert response.status_code == 200
    return response.context


def test_what_changed_adds_up(fell):
    account, client = fell
    context = page(client, account)
    assert [line["tenths"] for line in context["lines"]] == ["0.0", "−10.0", "−10.0"]
    assert (context["changes"].before, context["changes"].after, context["total"]) == (600, 400, "−20.0")


def test_any_two_days_can_be_compared(fell):
    account, client = fell
    days = {"since": TODAY - timedelta(days=30), "until": TODAY - timedelta(days=10)}
    assert page(client, account, **days)["total"] == "0.0"


@pytest.mark.parametrize(
    ("since", "until"),
    [("", ""), ("yesterday", "2026-11-18"), ("2026-11-18", "2026-11-18"), ("2026-11-18", "2026-11-01")],
)
def test_days_that_cannot_be_compared_are_said_at_their_field(fell, since, until):
    account, client = fell
    context = page(client, account, since=since, until=until)
    assert context["form"].errors
    assert "lines" not in context


def test_a_day_before_the_first_score_has_nothing_to_compare(fell):
    account, client = fell
    assert page(client, account, since="2026-01-01", until="2026-11-18")["changes"] is None


def test_an_unknown_day_has_nothing_to_compare(fell):
    account, client = fell
    written(account, 1, None, [None, None, None])
    assert "lines" not in page(client, account)


def test_rows_stand_newest_first_as_they_were_written(fell):
    account, client = fell
    rows = page(client, account)["rows"]
    assert [(row["day"], row["points"], row["band"]) for row in rows] == [
        (TODAY - timedelta(days=3), 400, "at_risk"),
        (TODAY - timedelta(days=40), 600, "steady"),
    ]


@pytest.mark.parametrize("rows", [1, 3])
def test_it_takes_as_many_queries_for_three_rows_as_for_one(rows, django_assert_num_queries):
    account, owner, _contact = owned()
    for n in range(rows):
        written(account, 30 + n, 500, [500, 500, 500])
    client = signed_in(owner)
    with django_assert_num_queries(8):
        page(client, account)


def test_an_account_without_scores_says_when_the_first_comes():
    account, owner, _contact = owned()
    body = signed_in(owner).get(reverse("account-history", args=[account.pk])).content.decode()
    assert "No score has been written down yet." in body
