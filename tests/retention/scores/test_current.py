"""Current scores: only changed accounts are judged again, and everybody when the day, the version or a plan changes."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection

from crm.lib.partitions import ensure_months
from crm.subscriptions.models import SubscriptionChange
from crm.usage import actions as usage
from crm.usage.models import DirtyAccount, UsageDay
from retention.pages.telling import curve
from retention.scores import actions, queries
from retention.scores.models import ScoreNow, ScoreReading, Standing
from tests import factories
from tests.factories import TODAY
from tests.retention import usage_rows as rows

pytestmark = pytest.mark.django_db
REACH = {"kind": "reach", "red": 0, "green": 100}
AT = rows.at(TODAY, 8)


def customers(*uses: int) -> Any:
    event = rows.event(factories.feature())
    found = []
    for count in uses:
        account = factories.account()
        factories.subscription(account, 100, recorded_at=rows.at(date(2025, 1, 1)))
        type(account).objects.filter(pk=account.pk).system("test").update(created_at=rows.at(date(2025, 1, 1)))
        rows.used(account, event, count, ago=10)
        found.append(account)
    return found


def update(through: Any = AT) -> Any:
    return actions.score_changed(through, at=through, by=rows.BY)


def roll(through: Any = AT) -> Any:
    return actions.refresh_windows(through, at=through, by=rows.BY)


def now(account: Any) -> Any:
    return ScoreNow.objects.system("test").get(account=account)


def dirty(account: Any, mark: Any) -> Any:
    DirtyAccount.objects.update_or_create(account=account, defaults={"mark": mark})


def test_a_first_run_judges_everyone_and_a_second_finds_nothing() -> None:
    one, two = customers(30, 40)
    rows.version(REACH)
    assert update() == "The windows were never built."
    assert roll() == f"Windows were rebuilt as of {TODAY}."
    assert roll() == f"Windows stand at {TODAY}."
    assert update() == f"2 accounts were judged as of {TODAY}."
    assert update() == "Nothing has changed."
    assert (now(one).points, now(two).points) == (300, 400)
    assert (now(one).costliest, now(one).cost, now(one).day) == (1, 700, TODAY)


def test_only_accounts_marked_as_changed_are_judged_again() -> None:
    one, two = customers(30, 40)
    rows.version(REACH)
    roll()
    update()
    UsageDay.objects.update(uses=77)
    dirty(one, 5)
    assert update() == f"1 accounts were judged as of {TODAY}."
    assert (now(one).points, now(two).points) == (770, 400)
    assert DirtyAccount.objects.count() == 0


def test_a_mark_set_during_the_run_survives_it() -> None:
    one, _two = customers(30, 40)
    dirty(one, 5)
    captured = usage.dirty_accounts()
    dirty(one, 6)
    usage.clear_dirty(captured)
    assert list(DirtyAccount.objects.values_list("account_id", "mark")) == [(one.pk, 6)]


def test_a_new_day_judges_everyone_and_compares_with_28_days_before() -> None:
    one, _two = customers(30, 40)
    rows.version(REACH)
    then = TODAY - timedelta(28)
    rows.used(one, rows.event(factories.feature()), 52, ago=40)
    rows.score(then, then)
    roll()
    assert update() == f"2 accounts were judged as of {TODAY}."
    # 28 days ago only the 52 uses of day −40 were in its window.
    assert (now(one).points, now(one).points_before, now(one).change) == (300, 520, -220)


def test_a_published_version_a_changed_feature_and_a_new_customer_are_noticed() -> None:
    _one, two = customers(30, 40)
    rows.version(REACH)
    roll()
    update()
    rows.version({"kind": "reach", "red": 0, "green": 80})
    assert update() == f"2 accounts were judged as of {TODAY}."
    assert now(two).points == 500
    feature = factories.feature(threshold=9)
    assert update() == f"2 accounts were judged as of {TODAY}."
    type(feature).objects.filter(pk=feature.pk).update(threshold=8)
    assert update() == f"2 accounts were judged as of {TODAY}."
    later = AT + timedelta(hours=1)
    three = factories.account(created_at=later - timedelta(minutes=1))
    assert update(later) == f"1 accounts were judged as of {TODAY}."
    assert now(three).points == 0


def test_percentiles_of_others_move_when_one_account_changes() -> None:
    accounts = customers(*range(1, 51))
    rows.version({"kind": "reach", "scale": "percentile", "green": 100})
    roll()
    update()
    # 24 of 49 others are below the 25th.
    assert now(accounts[24]).points == 490
    UsageDay.objects.filter(account=accounts[49]).update(uses=0)
    dirty(accounts[49], 1)
    assert update() == f"1 accounts were judged as of {TODAY}."
    assert now(accounts[24]).points == 510
    assert now(accounts[49]).points == 0


def test_an_account_that_leaves_keeps_its_last_score_and_is_ranked_no_more() -> None:
    one, two = customers(30, 40)
    rows.version(REACH)
    roll()
    update()
    type(one).objects.filter(pk=one.pk).system("test").update(stage="churned")
    SubscriptionChange.objects.system("test").filter(account=one).update(ends_on=TODAY)
    dirty(one, 1)
    assert update() == f"0 accounts were judged as of {TODAY}."
    assert now(one).points == 300
    assert list(ScoreReading.objects.system("test").values_list("account_id", flat=True)) == [two.pk]


def test_the_incremental_run_ends_where_a_full_one_does() -> None:
    accounts = customers(*range(1, 60))
    rows.version({"kind": "reach", "scale": "percentile", "green": 100}, REACH, {"kind": "trend"}, minimum_coverage=0)
    roll()
    update()
    changed = accounts[10:20]
    UsageDay.objects.filter(account__in=changed).update(uses=33)
    for account in changed:
        dirty(account, 1)
    update()
    found = list(ScoreNow.objects.system("test").order_by("account").values())
    usage.roll_windows(TODAY, windows=frozenset({28}), at=AT, by=rows.BY, again=True)
    ScoreNow.objects.system("test").delete()
    Standing.objects.all().delete()
    update()
    assert list(ScoreNow.objects.system("test").order_by("account").values()) == found


def test_what_changed_and_the_curve_end_at_the_score_that_holds_now_also_before_the_ledger_has_it() -> None:
    (one,) = customers(30)
    rows.version(REACH)
    actions.score_day(rows.day(5), today=TODAY, at=rows.at(TODAY), by=rows.BY)
    actions.score_day(TODAY, today=TODAY, at=rows.at(TODAY), by=rows.BY)
    UsageDay.objects.update(uses=77)
    dirty(one, 5)
    update()
    found, held = queries.changed_since(one.pk, rows.day(5), TODAY), queries.why(one.pk)
    assert found and held and (found.before, found.after, held.points) == (300, 770, 770)
    assert sum(line.change for line in found.lines) == 470
    written = queries.history(one.pk, rows.day(5), TODAY)
    assert curve(written, held) == [(rows.day(5), 300), (TODAY, 770)]
    assert queries.why(one.pk, TODAY).points == 300, "the ledger of the day is what it was"
    # Of a past day nothing else is known than what was written down.
    assert queries.changed_since(one.pk, rows.day(5), rows.day(1)).after == 300
    assert curve(written, None) == written


def test_the_first_rows_of_a_month_are_compared_along_the_key_although_it_is_empty_when_that_is_planned() -> None:
    """Read whole for each account, it grew while it was read: 40,000 accounts took 21 s, and now take half a second."""
    customers(30, 40)
    rows.version(REACH)
    ensure_months(actions.LEDGER, [TODAY])
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {actions.LEDGER}")
    plans = []

    def explained(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if "INSERT INTO retention_health_score" in sql:
            execute(f"EXPLAIN {sql}", parameters, many, context)
            plans.append("\n".join(line for (line,) in context["cursor"].fetchall()))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(explained):
        assert actions.score_day(TODAY, today=TODAY, at=AT, by=rows.BY).written == 2
    assert len(plans) == 1 and "Index Scan" in plans[0]
    assert "Seq Scan on retention_health_score" not in plans[0]
