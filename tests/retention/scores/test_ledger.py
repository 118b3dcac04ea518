"""The ledger: appended when something changed and weekly, never edited, frozen at churn, the same bytes every time."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction

from crm.audit.models import AuditRow
from crm.subscriptions.models import SubscriptionChange
from crm.usage.models import UsageDay
from retention.scores import actions
from retention.scores.models import AppendOnly, Band, HealthScore, ScoreNow
from tests import factories
from tests.factories import NOW, TODAY
from tests.retention import usage_rows as rows

pytestmark = pytest.mark.django_db
REACH = {"kind": "reach", "red": 0, "green": 100}


def a_customer(uses: int = 30, ago: int = 10, **more: Any) -> Any:
    account = factories.account(**more)
    factories.subscription(account, 100, recorded_at=rows.at(date(2025, 1, 1)))
    rows.used(account, rows.event(factories.feature()), uses, ago=ago)
    return account


def shown(account: Any) -> Any:
    return [(row.day, row.revision, row.points, row.hindsight) for row in rows.ledger(account)]


def test_a_day_is_written_with_its_components_coverage_and_range() -> None:
    account = a_customer(30)
    rows.version(REACH, {"kind": "depth", "threshold": 5, "red": 0, "green": 1, "weight": 3}, minimum_coverage=0)
    SubscriptionChange.objects.system("test").update(seats=None)
    assert rows.score() == (1, 1, 0)
    (row,) = rows.ledger(account)
    assert (row.points, row.coverage, row.low, row.high, row.band) == (300, 250, 75, 825, Band.LEAVING)
    assert (row.components, row.values, row.bases) == ([300, None], [30.0, None], [None, None])


def test_scoring_a_day_twice_adds_nothing() -> None:
    account = a_customer()
    rows.version(REACH)
    rows.score()
    before = rows.ledger(account)[0].__dict__ | {"_state": None}
    assert rows.score().written == 0
    assert [row.__dict__ | {"_state": None} for row in rows.ledger(account)] == [before]


def test_an_unchanged_score_is_written_weekly_and_a_changed_one_at_once() -> None:
    account = a_customer(30, ago=20)
    rows.version(REACH)
    for ago in range(12, -1, -1):
        rows.score(rows.day(ago), rows.day(ago))
    # Use of day −20 is in the window of every one of these days: the first row, and one a week later.
    assert shown(account) == [(rows.day(12), 0, 300, False), (rows.day(5), 0, 300, False)]
    rows.used(account, rows.event(factories.feature()), 5, ago=0)
    rows.score(TODAY + timedelta(1), TODAY + timedelta(1))
    assert shown(account)[-1] == (TODAY + timedelta(1), 0, 350, False)


def test_late_facts_add_a_revision_and_leave_the_first_row_as_it_stood() -> None:
    account = a_customer(30)
    rows.version(REACH)
    rows.score()
    UsageDay.objects.filter(account=account).update(uses=44)
    tomorrow = TODAY + timedelta(1)
    assert rows.score(TODAY, tomorrow).written == 1
    assert rows.score(TODAY, tomorrow).written == 0
    assert shown(account) == [(TODAY, 0, 300, False), (TODAY, 1, 440, True)]


def test_a_day_between_rows_that_is_scored_later_is_a_revision_and_never_as_it_stood() -> None:
    account = a_customer(30, ago=20)
    rows.version(REACH)
    rows.score(rows.day(4), rows.day(4))
    UsageDay.objects.filter(account=account).update(uses=20)
    rows.score(rows.day(2), TODAY)
    assert shown(account) == [(rows.day(4), 0, 300, False), (rows.day(2), 1, 200, True)]


def test_history_from_before_there_were_scores_is_labelled_as_hindsight() -> None:
    account = a_customer(30, ago=20)
    rows.version(REACH)
    rows.score(rows.day(10), TODAY)
    assert shown(account) == [(rows.day(10), 0, 300, True)]


def test_a_past_day_is_scored_from_its_own_days_and_leaves_current_scores_alone() -> None:
    account = a_customer(30, ago=20)
    rows.used(account, rows.event(factories.feature()), 25, ago=5)
    rows.version(REACH)
    rows.score()
    rows.score(rows.day(10), TODAY)
    assert [row[2] for row in shown(account)] == [300, 550]
    assert ScoreNow.objects.system("test").get().points == 550


def test_a_past_day_counts_what_was_recorded_by_then_and_imported_history_by_its_effect() -> None:
    known, imported = a_customer(30), a_customer(30)
    SubscriptionChange.objects.system("test").filter(account=imported).update(recorded_at=NOW)
    for account in (known, imported):
        first = SubscriptionChange.objects.system("test").get(account=account)
        SubscriptionChange.objects.create(
            account=account, subscription=first.subscription, effective_on=date(2025, 6, 1), price=50, mrr=50,
            currency="EUR", recorded_at=NOW,
        )  # fmt: skip
    rows.version({"kind": "reach", "per_price": True})
    rows.score(rows.day(2), TODAY)
    # On that day 100 a month stood in the books of the first; of the second nothing, so its history holds.
    assert [rows.ledger(a)[0].values for a in (known, imported)] == [[pytest.approx(0.3)], [pytest.approx(0.6)]]


def test_the_ledger_is_frozen_at_churn() -> None:
    account = a_customer(30)
    SubscriptionChange.objects.system("test").update(ends_on=rows.day(3))
    rows.version(REACH)
    for ago in (5, 4, 3, 2):
        rows.score(rows.day(ago), rows.day(ago))
    # The first day without a paid term is three days ago: the last row stands before it.
    assert [row[0] for row in shown(account)] == [rows.day(5)]
    assert ScoreNow.objects.system("test").get(account=account).day == rows.day(4)


def test_below_the_minimum_coverage_a_row_with_null_points_is_written() -> None:
    account = a_customer(30)
    rows.version({"kind": "trend"}, REACH, minimum_coverage=60)
    assert rows.score().unknown == 1
    assert (rows.ledger(account)[0].points, rows.ledger(account)[0].band) == (None, Band.UNKNOWN)


def test_a_new_version_begins_its_own_rows() -> None:
    account = a_customer(30)
    one = rows.version(REACH)
    rows.score()
    two = rows.version({"kind": "reach", "red": 0, "green": 60})
    rows.score()
    assert [(row.version_id, row.points) for row in rows.ledger(account)] == [(one.pk, 300), (two.pk, 500)]


def test_the_database_refuses_to_change_or_delete_a_row() -> None:
    account = a_customer(30)
    rows.version(REACH)
    rows.score()
    for statement in ("UPDATE retention_health_score SET points = 999", "DELETE FROM retention_health_score"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    with pytest.raises(AppendOnly):
        HealthScore(account=account).save()
    assert [row[2] for row in shown(account)] == [300]


def test_one_account_alone_can_be_scored() -> None:
    one, other = a_customer(30), a_customer(40)
    rows.version(REACH)
    assert rows.score(account=one.pk) == (1, 1, 0)
    assert (len(rows.ledger(one)), len(rows.ledger(other))) == (1, 0)


def test_a_day_to_come_and_a_missing_scorecard_are_refused() -> None:
    a_customer()
    with pytest.raises(ValidationError, match="No scorecard is published"):
        rows.score()
    rows.version(REACH)
    with pytest.raises(ValidationError, match="2026-11-22 is still to come"):
        rows.score(TODAY + timedelta(1), TODAY)
    assert HealthScore.objects.system("test").count() == 0


def test_a_run_that_writes_leaves_one_audit_row_and_one_that_does_not_leaves_none() -> None:
    a_customer()
    rows.version(REACH)
    rows.score()
    written = AuditRow.objects.filter(action="scores.written")
    assert written.get().after == {"rows": 1, "hindsight": False}
    rows.score()
    assert written.count() == 1


def test_a_row_of_twelve_measures_takes_at_most_240_bytes() -> None:
    account = a_customer(30)
    rows.version(*({"kind": "reach", "per_price": True, "window": w} for w in (7, 28, 84) * 4))
    rows.score()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_column_size(held.*) FROM retention_health_score AS held")
        assert cursor.fetchall()[0][0] <= 240
    assert len(rows.ledger(account)[0].values) == 12


def test_days_missed_while_the_machine_was_off_are_caught_up_once() -> None:
    account = a_customer(30, ago=20)
    rows.version(REACH)
    by = rows.BY
    early = rows.at(rows.day(4), 5)
    assert actions.score_due(early, at=early, by=by) == "1 ledger rows written, 1 days judged"
    # Before six in the morning a day is not due; then the three missed ones and today are.
    before_six = rows.at(rows.day(3), 5)
    assert actions.score_due(before_six, at=before_six, by=by) == "No day is due."
    UsageDay.objects.update(uses=40)
    now = rows.at(TODAY, 7)
    actions.refresh_windows(now, at=now, by=by)
    assert actions.score_due(now, at=now, by=by) == "1 ledger rows written, 4 days judged"
    assert actions.score_due(now, at=now, by=by) == "No day is due."
    assert shown(account) == [(rows.day(4), 0, 300, False), (rows.day(3), 1, 400, True)]
    assert ScoreNow.objects.system("test").get().points == 400
