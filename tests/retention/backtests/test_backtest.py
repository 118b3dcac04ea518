"""A back-test from the asking to the page: past days judged without touching the ledger, resumed after a kill."""

import json
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from crm.accounts.actions import define_trait, set_trait
from crm.accounts.models import Account
from crm.audit.models import AuditRow
from crm.segments.actions import change_kept
from crm.segments.rules import as_json, read
from crm.subscriptions.models import SubscriptionChange
from crm.usage.actions import windows_of
from retention import jobs
from retention.backtests import actions, queries, rules
from retention.backtests.actions import ask, finish, refuse_later
from retention.backtests.models import Backtest, BacktestDay, State
from retention.measures import queries as measures
from retention.scorecards.actions import keep_row, start_draft
from retention.scorecards.models import ScorecardMeasure, ScorecardVersion
from retention.scorecards.queries import edition, published_versions
from retention.scores.models import HealthScore
from tests import factories
from tests.factories import NOW, TODAY
from tests.retention import usage_rows as rows
from tests.retention.scores.test_order import card_for

pytestmark = pytest.mark.django_db
LEFT = date(2026, 10, 10)
AUGUST, SEPTEMBER = date(2026, 8, 31), date(2026, 9, 30)


def customer(name: str, uses: int, left_on: date | None = None) -> Any:
    """Pays since August; used it every month, the last time on 20 September."""
    account = factories.account(name, customer_since=date(2026, 8, 1))
    recorded = rows.at(date(2026, 8, 1))
    change = factories.subscription(account, 100, effective_on=date(2026, 8, 1), recorded_at=recorded)
    SubscriptionChange.objects.system("test").filter(pk=change.pk).update(ends_on=left_on, renews_on=date(2026, 10, 20))
    event = rows.event(factories.feature())
    for day in (date(2026, 8, 20), date(2026, 9, 20)):
        rows.used(account, event, uses, ago=(TODAY - day).days)
    return account


@pytest.fixture
def version() -> ScorecardVersion:
    """Points are the uses of 28 days. Two who left on 10 October had 20 and 85 of them, two who stayed 70 and 90."""
    customer("Quiet", 20, LEFT)
    customer("Sudden", 85, LEFT)
    customer("Steady", 70)
    customer("Busy", 90)
    return rows.version({"kind": "reach", "red": 0, "green": 100})


def done(version: ScorecardVersion, *horizons: int) -> Backtest:
    made = ask(version, horizons=horizons or (30, 60), at=NOW, by=rows.BY)
    assert finish(made, clock=lambda: NOW, by=rows.BY)
    return made


def test_past_month_ends_are_judged_in_hindsight_and_the_ledger_stays_as_it_is(version: ScorecardVersion) -> None:
    found = done(version)
    assert (found.state, found.reach, found.scores, found.stood) == (State.DONE, TODAY, 8, 0)
    near, far = found.report["30"], found.report["60"]
    # 30 days: August and September, and nobody had left by the end of September; 2 + 2 of 8 judgements left within 60.
    assert (near["n"], near["churns"], near["left"], near["landmarks"]) == (8, 2, 2, ["2026-08-31", "2026-09-30"])
    assert (far["n"], far["churns"], far["landmarks"]) == (4, 2, ["2026-08-31"])
    # 20 < 70, 90; 85 > 70, < 90: 3 of 4 pairs.
    assert far["auc"] == 0.75
    # Within 30 days September's two against all six others: 20 beats 5 of them (equal to its own August), …
    assert near["auc"] == pytest.approx((5.5 + 2.5) / 12)
    assert [row["n"] for row in far["bands"]] == [1, 0, 1, 2]
    assert not HealthScore.objects.system("test").exists()
    assert not BacktestDay.objects.exists()
    assert list(
        AuditRow.objects.filter(action__contains="backtest").order_by("pk").values_list("action", flat=True)
    ) == [
        "scorecard.backtest_asked",
        "scorecard.backtested",
    ]


def test_too_few_departures_are_listed_with_their_scores_90_days_before(version: ScorecardVersion) -> None:
    # 90 days before 10 October was 12 July: nobody paid yet.
    found = done(version, 60).report["60"]
    assert found["verdict"] == rules.FEW
    assert [(row["left_on"], row["points"]) for row in found["each_churn"]] == [("2026-10-10", None)] * 2
    # Of customers since June who left on 29 October, 31 July counts, with what one of them did on the 25th.
    changes = SubscriptionChange.objects.system("test")
    changes.update(effective_on=date(2026, 6, 1), recorded_at=rows.at(date(2026, 6, 1)))
    Account.objects.system("test").update(customer_since=date(2026, 6, 1))
    changes.filter(ends_on=LEFT).update(ends_on=date(2026, 10, 29))
    quiet = Account.objects.system("test").get(name="Quiet")
    rows.used(quiet, rows.event(factories.feature()), 33, ago=(TODAY - date(2026, 7, 25)).days)
    made = done(version, 60)
    assert [row["points"] for row in made.report["60"]["each_churn"]] == [330, 0]
    # The landmarks of June, July and August; 31 July is one of them and is judged once.
    assert (made.done, made.goal) == (3, 3)


def test_scores_that_stood_in_the_ledger_count_as_they_stood(version: ScorecardVersion) -> None:
    rows.score(SEPTEMBER, SEPTEMBER)
    late = HealthScore.objects.system("test").get(points=200)
    # What came in later makes a revision, which is not what anybody could have known.
    rows.used(late.account, rows.event(factories.feature()), 60, ago=(TODAY - date(2026, 9, 25)).days)
    rows.score(SEPTEMBER, TODAY)
    found = done(version, 30)
    assert (found.scores, found.stood) == (8, 4)
    assert found.report["30"]["auc"] == pytest.approx((5.5 + 2.5) / 12)


def test_a_draft_is_tested_without_a_trace_in_the_ledger_and_says_when_it_has_changed(
    version: ScorecardVersion,
) -> None:
    draft = start_draft(version, at=NOW, by=rows.BY)
    measure = ScorecardMeasure.objects.get(version=draft)
    measure.red, measure.green = measure.green, measure.red
    keep_row(measure, at=NOW, by=rows.BY)
    assert done(draft, 60).report["60"]["auc"] == 0.25
    assert done(version, 60).report["60"]["auc"] == 0.75
    assert not HealthScore.objects.system("test").exists()
    assert not queries.briefs([draft.pk])[draft.pk].is_stale
    measure.green = 5
    keep_row(measure, at=NOW, by=rows.BY)
    assert queries.briefs([draft.pk])[draft.pk].is_stale


def test_killed_after_a_day_it_goes_on_with_the_next_and_ends_the_same(version: ScorecardVersion) -> None:
    whole = done(version)
    made = ask(version, horizons=(30, 60), at=NOW, by=rows.BY)
    actions._attempt(made, at=NOW, by=rows.BY)
    assert (made.state, made.done, made.goal, made.attempts) == (State.SCORING, 1, 2, 0)
    assert BacktestDay.objects.get().day == AUGUST
    jobs.backtests()
    made.refresh_from_db()
    assert (made.state, made.report) == (State.DONE, whole.report)
    # Asked again while one is at work, it is the same one.
    again = ask(version, at=NOW, by=rows.BY)
    assert ask(version, at=NOW, by=rows.BY) == again


def test_a_step_that_never_ends_is_given_up_after_five_starts(version: ScorecardVersion) -> None:
    made = ask(version, at=NOW, by=rows.BY)
    Backtest.objects.update(attempts=5)
    finish(made, clock=lambda: NOW, by=rows.BY)
    assert (made.state, made.problem) == (
        State.FAILED,
        "This step has failed several times. The server's log says why.",
    )


def test_a_component_recorded_after_its_day_fails_the_run(version: ScorecardVersion) -> None:
    def judged() -> None:
        windows = {"events": "past_window_event", "people": "past_window_person"}
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS past_window_event, past_window_person")
        windows_of(SEPTEMBER, windows=frozenset({28}), **windows)
        measures.prepare(SEPTEMBER, edition(version).card.measures, known=measures.known_at(SEPTEMBER))

    judged()
    refuse_later(SEPTEMBER)
    for later in (
        "UPDATE past_window_event SET last_day = '2026-09-30' WHERE account_id = (SELECT min(id) FROM crm_account)",
        "UPDATE crm_subscriptionchange SET recorded_at = '2026-09-30T06:00:01Z' WHERE ends_on IS NOT NULL;"
        " INSERT INTO crm_subscriptionchange (account_id, subscription_id, effective_on, price, billing_months,"
        " currency, mrr, recorded_at) SELECT account_id, subscription_id, '2026-11-01', 1, 1, 'EUR', 1, '2026-08-02'"
        " FROM crm_subscriptionchange WHERE ends_on IS NOT NULL",
    ):
        judged()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(later)
            with pytest.raises(rules.Leak, match=r"a component of 2026-09-30 was recorded after that day"):
                refuse_later(SEPTEMBER)
            transaction.set_rollback(True)


def test_only_whom_the_role_lets_configure_may_ask_and_only_of_what_can_be_judged(version: ScorecardVersion) -> None:
    with pytest.raises(PermissionDenied):
        ask(version, at=NOW, by=factories.user("manager"))
    with pytest.raises(ValidationError, match="1 to 730"):
        ask(version, horizons=(0,), at=NOW, by=rows.BY)
    empty = ScorecardVersion.objects.create(scorecard=version.scorecard, number=9)
    with pytest.raises(ValidationError, match="at least one measure"):
        ask(empty, at=NOW, by=rows.BY)


def run(*words: str) -> str:
    out = StringIO()
    with time_machine.travel(NOW, tick=False):
        call_command("backtest", *words, stdout=out)
    return out.getvalue()


def test_the_command_prints_what_the_issue_asks_for(version: ScorecardVersion) -> None:
    found = json.loads(run("--horizon", "60", "--json"))
    assert (found["scorecard"], found["version"], found["known_through"]) == ("Test", 1, "2026-11-21")
    assert found["scores"] == {"as_they_stood": 0, "in_hindsight": 4}
    far = found["horizons"]["60"]
    assert {"n", "churns", "auc", "interval", "bands", "baselines", "lead_time", "misses", "verdict"} <= far.keys()
    assert (far["n"], far["churns"], far["auc"]) == (4, 2, 0.75)
    (missed,) = far["misses"]["green_and_left"]
    assert (missed["points"], missed["band"], missed["left_on"]) == (85.0, "thriving", "2026-10-10")
    assert far["verdict"].startswith("Not shown to be predictive: only 2 customers left within 60 days")
    assert run("--horizon", "60", "--number", "1") == (
        "60 days: 2 departures among 4 judgements of 4 accounts. Not shown to be predictive: only 2 customers left "
        "within 60 days of a month-end, and below 20 no more can be said.\n"
    )
    for wrong, said in (("--horizon=soon", "must be days"), ("--scorecard=None", "There is no scorecard 'None'")):
        with pytest.raises(CommandError, match=said):
            run(wrong)


def test_ops_see_the_figures_and_the_others_the_verdict(
    as_user: Any, version: ScorecardVersion, django_assert_num_queries: Any
) -> None:
    ops, rep = factories.user("ops_admin"), factories.user("rep")
    address = f"/settings/scorecards/versions/{version.pk}/backtest/"
    assert "never asked" in as_user(ops).get(address).content.decode()
    assert as_user(ops).post(f"{address}ask/").status_code == 302
    assert "Waits for its turn" in as_user(ops).get(address).content.decode()
    jobs.backtests()
    page = as_user(ops).get(f"{address}?horizon=60").content.decode()
    for words in ("only 2 customers left within 60 days", "Sudden", "Green, and left", "0.75", "1 of 2 departures"):
        assert words in page
    assert "Sudden" not in (other := as_user(rep).get(address).content.decode())
    assert "too few customers have left so far to tell" in other
    assert as_user(rep).post(f"{address}ask/").status_code == 403
    draft = start_draft(version, at=NOW, by=rows.BY)
    assert as_user(rep).get(f"/settings/scorecards/versions/{draft.pk}/backtest/").status_code == 404
    # Three versions and more departures take as many queries as one.
    client = as_user(ops)
    with connection.execute_wrapper(counted := Counter()):
        client.get(address)
    for uses in (81, 82, 83):
        customer(f"Also {uses}", uses, LEFT + timedelta(1))
    with time_machine.travel(NOW, tick=False):
        done(draft, 60)
        done(version)
    with django_assert_num_queries(counted.queries):
        assert "Also 82" in client.get(f"{address}?horizon=60").content.decode()


def test_weights_shown_to_be_better_become_a_draft_and_nothing_else_does(as_user: Any) -> None:
    version = rows.version(
        {"kind": "reach", "green": 9, "group": ("Use", 1, "lowest")},
        {"kind": "recency", "red": 28, "group": ("Use", 1, "lowest")},
        {"kind": "trend", "weight": 3},
    )
    weights = {
        "advice": rules.CHANGE, "shares": [1.0, 0.0], "gain": {"value": 0.06, "interval": [0.01, 0.11]}, "landmarks": 7,
        "auc": {"value": 0.81, "interval": [0.7, 0.9]}, "equal": {"value": 0.75, "interval": [0.66, 0.84]},
    }  # fmt: skip
    made = done(version, 60)
    Backtest.objects.update(report={"60": made.report["60"] | {"weights": weights}})
    address = f"/settings/scorecards/versions/{version.pk}/backtest/"
    ops = as_user(factories.user("ops_admin"))
    page = ops.get(address).content.decode()
    assert "Make a draft with these weights" in page
    assert "AUC on 7 months that neither had seen: Suggested weights 0.81, between 0.70 and 0.90 · Equal" in page
    here = ops.post(f"{address}draft/", {"horizon": "60"}).url
    draft = ScorecardVersion.objects.get(state="draft")
    assert here == f"/settings/scorecards/{draft.scorecard_id}/draft/"
    now = edition(draft)
    # Weights are above zero, so what the past gives none keeps a thousandth.
    assert [group.weight for group in now.card.groups] == [100, Decimal("0.1")]
    assert published_versions() == [version]
    assert AuditRow.objects.filter(action="scorecard.weights_suggested").count() == 1
    ops.post(f"{address}draft/", {"horizon": "60"})
    assert "begun already" in ops.get(address).content.decode()
    ScorecardVersion.objects.filter(pk=draft.pk).delete()
    for other in ({"advice": rules.KEEP}, {"advice": rules.TOO_FEW}):
        Backtest.objects.update(report={"60": made.report["60"] | {"weights": weights | other}})
        page = ops.get(address).content.decode()
        assert "Keep yours" in page and "Make a draft" not in page
        ops.post(f"{address}draft/", {"horizon": "60"})
        assert "nothing to put into a draft" in ops.get(address).content.decode()
    assert not ScorecardVersion.objects.filter(state="draft").exists()


class Counter:
    queries = 0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.queries += 1
        return execute(sql, params, many, context)


def test_it_judges_whom_the_scorecard_would_have_judged_then_or_says_why_all(version: ScorecardVersion) -> None:
    """Big were Quiet and Steady from July on, as was known then; of Busy it was learned in November."""
    size = define_trait(key="size", label="Size", type="text", at=NOW, by=rows.BY)
    early = rows.at(date(2026, 7, 1))
    for name, value, recorded in (("Quiet", "big", early), ("Steady", "big", early), ("Busy", "small", early)):
        account = Account.objects.system("test").get(name=name)
        set_trait(account, size, value, true_at=early, at=recorded, by=rows.BY)
        if value == "small":
            set_trait(account, size, "big", true_at=rows.at(date(2026, 7, 2)), at=NOW, by=rows.BY)
    big = card_for("trait:size.is.big", {"kind": "reach", "red": 0, "green": 100})
    mine, others = done(big, 60), done(version, 60)
    assert (mine.by_segment, others.by_segment) == (True, True)
    assert [found.report["60"]["n"] for found in (mine, others)] == [2, 2]
    assert mine.report["60"]["auc"] == 1.0
    # Plans are kept as they are now, so all four are judged, and it is said.
    segment = big.scorecard.segment
    assert segment is not None
    change_kept(segment, tree=as_json(read("seats.at_least.1")), at=NOW, by=segment.owner)
    found = json.loads(run("--scorecard", "Big", "--horizon", "60", "--json"))
    assert (found["judged"]["by_segment"], found["horizons"]["60"]["n"]) == (False, 4)
    assert found["judged"]["in_words"].startswith("All accounts were judged, not only those of its segment: “Seats” is")
