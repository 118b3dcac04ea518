"""Windows, scores and ledger against one hand-written statement over the days: `python -m benchmarks.scoring`.

Prints ratios and the budgets of scale.md, and beside them how long DuckDB takes for the same statement over Parquet.
It works in a database of its own and drops it in the end.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django.setup()

from django.db import connection, transaction  # noqa: E402

from benchmarks import usage_shape  # noqa: E402
from benchmarks.usage_shape import DAY  # noqa: E402
from crm.audit.rules import System  # noqa: E402
from crm.lib import partitions  # noqa: E402
from crm.segments.actions import keep_segment  # noqa: E402
from crm.segments.rules import ALL, Group, Leaf  # noqa: E402
from crm.staff.models import User  # noqa: E402
from crm.usage import actions as usage  # noqa: E402
from retention.measures.rules import PERCENTILE  # noqa: E402
from retention.previews import queries as previews  # noqa: E402
from retention.scorecards import queries as scorecards  # noqa: E402
from retention.scorecards.actions import publish  # noqa: E402
from retention.scorecards.models import Scorecard, ScorecardMeasure, ScorecardVersion  # noqa: E402
from retention.scores import actions  # noqa: E402

BY = System("benchmark")
AT = datetime.combine(DAY, time(6), UTC)
BASELINE = Path(__file__).with_name("scoring_baseline.sql").read_text()
BOOK = Path(__file__).with_name("scoring_book.sql").read_text()
HAND_WRITTEN = BASELINE[BASELINE.index("WITH per_feature") :]
PLAIN = """
CREATE TABLE bench_usage_day AS
    SELECT account_id, day, event_id::smallint AS feature, uses::float8 AS value FROM crm_usage_day;
CREATE TABLE bench_person_day AS SELECT account_id, day, person_id, uses FROM crm_person_day;
CREATE INDEX ON bench_usage_day USING brin (day);
CREATE INDEX ON bench_person_day USING brin (day);
CREATE TABLE bench_history (account_id bigint, day date, points real, band smallint, components real[], readings real[],
    PRIMARY KEY (account_id, day));
"""
SIX: list[dict[str, Any]] = [
    {"key": "breadth", "kind": "breadth", "weight": 20, "red": "0.1", "green": "0.8"},
    {"key": "depth", "kind": "depth", "weight": 20, "red": "0.2", "green": "0.7", "threshold": 5},
    {"key": "reach", "kind": "reach", "weight": 15, "per_price": True, "scale": PERCENTILE, "feature_id": 1},
    {"key": "every", "kind": "reach", "weight": 15, "per_price": True, "scale": PERCENTILE},
    {"key": "idle", "kind": "recency", "weight": 15, "red": 28, "green": 1},
    {"key": "trend", "kind": "trend", "weight": 15, "red": "-0.5", "green": "0.5"},
]
TWELVE: list[dict[str, Any]] = [
    *SIX,
    *(
        {"key": f"reach-{n}", "kind": "reach", "weight": 5, "per_price": True, "green": 1, "feature_id": n}
        for n in (2, 3, 4)
    ),
    {"key": "amount", "kind": "reach", "weight": 5, "green": 100},
    {"key": "keen", "kind": "depth", "weight": 5, "threshold": 20},
    {"key": "idle-1", "kind": "recency", "weight": 5, "red": 28, "green": 1, "feature_id": 1},
]
# Each kind there is; of surveys and onboarding there are no rows.
EVERY: list[dict[str, Any]] = [
    *SIX,
    {"key": "unused", "kind": "unused", "weight": 5, "red": 8, "green": 0},
    {"key": "contact", "kind": "contact", "weight": 5, "red": 28, "green": 1},
    {"key": "open", "kind": "open_talks", "weight": 5, "red": 5, "green": 0},
    {"key": "late", "kind": "late_talks", "weight": 5, "red": 3, "green": 0},
    {"key": "promises", "kind": "promises", "weight": 5, "red": 2, "green": 0},
    {"key": "payments", "kind": "payments", "weight": 5, "red": 2, "green": 0},
    {"key": "goals", "kind": "goals", "weight": 5},
    {"key": "survey", "kind": "survey", "weight": 5, "green": 10},
    {"key": "onboarding", "kind": "onboarding", "weight": 5},
    {"key": "routes", "kind": "trait", "weight": 5, "trait_id": 1, "green": 100},
]


def publish_version(number: int, measures: list[dict[str, Any]]) -> ScorecardVersion:
    card, _made = Scorecard.objects.get_or_create(name="Bench", defaults={"is_default": True})
    version = ScorecardVersion.objects.create(scorecard=card, number=number)
    for position, measure in enumerate(measures, 1):
        ScorecardMeasure.objects.create(version=version, position=position, name=str(measure["key"]), **measure)
    return publish(version, at=AT, by=BY)


def publish_ten(by: User) -> None:
    """Nine more scorecards of the six measures, so that each judges a tenth of the accounts."""
    execute("UPDATE crm_account SET segment = 'part ' || id % 10")
    for n in range(9):
        tree = Group(ALL, (Leaf("segment", "is", (f"part {n}",)),))
        segment = keep_segment(name=f"Part {n}", tree=tree, shared="everyone", at=AT, by=by)
        card = Scorecard.objects.create(name=f"Part {n}", segment=segment, position=n)
        version = ScorecardVersion.objects.create(scorecard=card, number=1)
        for position, measure in enumerate(SIX, 1):
            ScorecardMeasure.objects.create(version=version, position=position, name=str(measure["key"]), **measure)
        publish(version, at=AT, by=BY)


def once(work: Callable[[], object]) -> float:
    """Seconds of some work, which is undone."""
    with transaction.atomic():
        started = perf_counter()
        work()
        taken = perf_counter() - started
        transaction.set_rollback(True)
    return taken


def timed(work: Callable[[], object]) -> float:
    """Median seconds of three runs."""
    return statistics.median(once(work) for _run in range(3))


class Turns:
    """The seconds of several works that were run by turns, since the machine is not equally fast all the time."""

    def __init__(self, rounds: int, **works: Callable[[], object]) -> None:
        turns = [{name: once(work) for name, work in works.items()} for _round in range(rounds)]
        self.taken = {name: [turn[name] for turn in turns] for name in works}

    def seconds(self, name: str) -> float:
        return statistics.median(self.taken[name])

    def ratio(self, name: str, to: str) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(a / b for a, b in zip(self.taken[name], self.taken[to], strict=True))


def execute(text: str, parameters: dict[str, Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, parameters)


def value(text: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(text)
        return int(cursor.fetchall()[0][0])


def by_duckdb(accounts: int, days: int) -> float:
    """Median seconds of the one statement in DuckDB over Parquet files: about the physical limit."""
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        source, text = usage_shape.as_parquet(accounts, days, Path(folder)), HAND_WRITTEN.replace("%(day)s", f"'{DAY}'")
        for run in range(3):
            started = perf_counter()
            source.execute(f"CREATE TABLE bench_history_{run} AS {text}")
            taken.append(perf_counter() - started)
    return statistics.median(taken)


def held_at_most(work: Callable[[], object]) -> tuple[float, float]:
    """Megabytes that this process holds before some work, and the most that it holds meanwhile."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = _megabytes("VmRSS")
    work()
    return before, _megabytes("VmHWM")


def _megabytes(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def one_scorecard(edition: scorecards.Edition) -> None:
    """From windows to ledger rows, what the baseline does from days to its history."""
    actions._lock()
    actions.judge(edition, DAY)
    actions._write(edition.version.pk, DAY, "verdict", hindsight=False, account=None)


def full_run() -> None:
    usage.roll_windows(DAY, windows=frozenset({28}), at=AT, by=BY, again=True)
    execute("DELETE FROM retention_standing")
    actions.score_changed(AT, at=AT, by=BY)
    one_day()


def one_day() -> None:
    actions.score_day(DAY, today=DAY, at=AT, by=BY)


def everyone_again() -> None:
    execute("DELETE FROM retention_standing")
    one_day()


def touch(accounts: int) -> None:
    """Some use yesterday by one account in a hundred, as the drain would record it."""
    yesterday = DAY - timedelta(1)
    execute(
        "INSERT INTO crm_usage_day SELECT n * 100, %(day)s, 1, 3, 3000000 FROM generate_series(1, %(many)s) AS n"
        " ON CONFLICT (account_id, day, event_id) DO UPDATE SET uses = crm_usage_day.uses + 3",
        {"day": yesterday, "many": accounts // 100},
    )
    execute(
        "INSERT INTO crm_dirtyaccount SELECT n * 100, nextval('crm_dirty_mark') FROM generate_series(1, %(many)s) AS n"
        " ON CONFLICT (account_id) DO UPDATE SET mark = excluded.mark",
        {"many": accounts // 100},
    )


def prepare(accounts: int, days: int) -> None:
    print(f"{accounts:,} accounts, {days} days of usage", flush=True)
    usage_shape.fill(accounts, days)
    execute(PLAIN)
    execute("VACUUM (ANALYZE) bench_usage_day, bench_person_day, bench_account")
    partitions.ensure_months("retention_health_score", [DAY])


def measure(accounts: int, days: int) -> None:
    duck = by_duckdb(accounts, days)
    edition = scorecards.edition(publish_version(1, SIX))
    # The baseline gets the memory that our own runs take, and is spared the compiling that slows it down.
    execute("SET statement_timeout = 0; SET work_mem = '256MB'; SET jit = off")

    rounds = 5 if accounts <= 10_000 else 3
    roll = partial(usage.roll_windows, DAY, windows=frozenset({28}), at=AT, by=BY, again=True)
    roll()
    first = Turns(
        rounds,
        statement=lambda: execute(BASELINE, {"day": DAY}),
        rebuild=roll,
        one=lambda: one_scorecard(edition),
    )
    held, most = held_at_most(lambda: once(full_run))
    actions.score_changed(AT, at=AT, by=BY)

    def little() -> None:
        touch(accounts)
        actions.score_changed(AT, at=AT, by=BY)

    second = Turns(3, full=full_run, little=little)
    draft = scorecards.edition(edition.version)
    preview = timed(lambda: previews.preview(draft, most=previews.FEW))
    everyone = timed(everyone_again)
    publish_ten(User.objects.create(email="ops@bench.example", role="ops_admin", created_at=AT))
    ten = timed(everyone_again)
    Scorecard.objects.filter(is_default=False).update(retired_at=AT)
    twelve = publish_version(2, TWELVE)
    one_day()
    row = value(f"SELECT avg(pg_column_size(h.*)) FROM retention_health_score AS h WHERE version_id = {twelve.pk}")

    execute(BOOK, {"day": DAY})
    every = scorecards.edition(publish_version(3, EVERY))
    third = Turns(rounds, one=lambda: one_scorecard(edition), every=lambda: one_scorecard(every))

    statement, full = first.seconds("statement"), second.seconds("full")
    say("one hand-written statement", statement, None, None)
    say("the same statement by DuckDB over Parquet", duck, duck / statement, None)
    say("windows rebuild", first.seconds("rebuild"), first.ratio("rebuild", "statement"), 1.5)
    say("one scorecard from windows, with its ledger rows", first.seconds("one"), first.ratio("one", "statement"), 0.2)
    say(
        "one scorecard of all fifteen kinds, of that of the six measures",
        third.seconds("every"),
        third.ratio("every", "one"),
        None,
    )
    say("full run: windows, scores, current scores, ledger", full, full / statement, None)
    say("1 % of accounts changed, of the full run", second.seconds("little"), second.ratio("little", "full"), 0.05)
    say("everyone judged anew by one scorecard", everyone, None, None)
    say("everyone judged anew by ten scorecards, of one", ten, ten / everyone, 10)
    print(f"  preview of a draft over 10,000 accounts: {preview:.2f} s (budget 1{'' if preview < 1 else ', MISSED'})")
    print(f"  the Python process: {held:.1f} MB before another full run, {most:.1f} MB at most in it")
    print(f"  ledger row of twelve measures: {row} bytes (budget 240{'' if row <= 240 else ', MISSED'})")


def say(name: str, seconds: float, ratio: float | None, budget: float | None) -> None:
    words = f"  {name}: {seconds:.2f} s"
    if ratio is not None:
        words += f", ratio {ratio:.3f}"
    if budget is not None and ratio is not None:
        words += f" (budget {budget}{'' if ratio <= budget else ', MISSED'})"
    print(words, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=90)
    chosen = parser.parse_args()
    connection.settings_dict["TEST"]["NAME"] = f"bench_{chosen.accounts}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        prepare(chosen.accounts, chosen.days)
        measure(chosen.accounts, chosen.days)
    finally:
        connection.creation.destroy_test_db("holdfast", verbosity=0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
