"""`manage.py backtest`: whether a scorecard would have told who leaves, in words or as JSON."""

import json
from argparse import ArgumentParser
from datetime import UTC, date, datetime
from time import sleep
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import pluralize

from crm.accounts.models import Account
from crm.audit.rules import System
from retention.backtests import queries, rules
from retention.backtests.actions import ask, finish
from retention.backtests.models import Backtest, State
from retention.scorecards import queries as scorecards
from retention.scorecards.actions import ensure_default_scorecard
from retention.scorecards.models import ScorecardVersion
from retention.scores.models import Band

BY = System("manage.py backtest")


class Command(BaseCommand):
    help = "Ask of the past whether a version of a scorecard would have told who leaves; drafts can be asked too."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--scorecard", help="its name; without it, the default one")
        parser.add_argument("--number", type=int, help="of the version; without it, the newest published one")
        parser.add_argument("--horizon", default=",".join(map(str, rules.HORIZONS)), help="days ahead, such as 30,90")
        parser.add_argument("--since", type=date.fromisoformat, help="month-ends from this day on")
        parser.add_argument("--through", type=date.fromisoformat, help="as if nothing were known after this day")
        parser.add_argument("--json", action="store_true", help="print the whole report as JSON")

    def handle(self, **options: Any) -> None:
        version = _version(options["scorecard"], options["number"])
        try:
            days = {"since": options["since"], "through": options["through"]}
            found = ask(version, horizons=_horizons(options["horizon"]), **days, at=datetime.now(UTC), by=BY)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        while found.at_work and not finish(found, clock=lambda: datetime.now(UTC), by=BY):
            sleep(1)  # the worker is at it, or at another one
            found.refresh_from_db()
        if found.state == State.FAILED:
            raise CommandError(found.problem)
        if options["json"]:
            self.stdout.write(json.dumps(shown(found), ensure_ascii=False, indent=2))
            return
        for horizon, report in found.report.items():
            n, of, who = report["churns"], report["n"], report["accounts"]
            churns = f"{n} departure{pluralize(n)} among {of} judgement{pluralize(of)} of {who} account{pluralize(who)}"
            self.stdout.write(f"{horizon} days: {churns}. {queries.verdict_words(int(horizon), report)}")


def _version(name: str | None, number: int | None) -> ScorecardVersion:
    if name is None:
        name = ensure_default_scorecard(at=datetime.now(UTC), by=BY).name
    rows = ScorecardVersion.objects.filter(scorecard__name=name).select_related("scorecard").order_by("-number")
    found = rows.filter(number=number).first() if number is not None else rows.exclude(published_at=None).first()
    if found is None:
        of = f" with a version {number}" if number is not None else " that is published"
        raise CommandError(f"There is no scorecard {name!r}{of}.")
    return found


def _horizons(words: str) -> list[int]:
    try:
        return [int(word) for word in words.split(",")]
    except ValueError as error:
        raise CommandError(f"--horizon must be days such as 30,60,90,180, not {words!r}.") from error


def shown(backtest: Backtest) -> dict[str, Any]:
    """The report for other programs: points, external ids and words in place of tenths, ids and codes."""
    names = dict(Account.objects.system("manage.py backtest").values_list("pk", "external_id"))
    groups = queries.group_names(scorecards.edition(backtest.version))
    return {
        "scorecard": backtest.version.scorecard.name,
        "version": backtest.version.number,
        "draft": not backtest.version.is_published,
        "since": str(backtest.since) if backtest.since else None,
        "known_through": str(backtest.reach),
        "judged": {"by_segment": backtest.by_segment, "in_words": queries.population_words(backtest)},
        "scores": {"as_they_stood": backtest.stood, "in_hindsight": backtest.scores - backtest.stood},
        "horizons": {
            horizon: _horizon(int(horizon), report, names, groups) for horizon, report in backtest.report.items()
        },
    }


def _horizon(horizon: int, report: rules.Report, names: dict[int, str], groups: list[str]) -> dict[str, Any]:
    misses = {name: _named(of, names) if isinstance(of, list) else of for name, of in report["misses"].items()}
    weights = report["weights"]
    if weights is not None:
        suggested = dict(zip(groups, (round(share, 4) for share in weights["shares"]), strict=True))
        weights = weights | {"shares": suggested, "advice_in_words": queries.advice_words(report)}
    return report | {
        "bands": [row | {"band": Band(row["band"]).word} for row in report["bands"]],
        "misses": misses,
        "each_churn": _named(report["each_churn"], names),
        "weights": weights,
        "verdict": queries.verdict_words(horizon, report),
        "verdict_code": report["verdict"],
    }


def _named(rows: list[rules.Report], names: dict[int, str]) -> list[dict[str, Any]]:
    return [
        row
        | {"account": names.get(row["account"], ""), "points": None if row["points"] is None else row["points"] / 10}
        | ({"band": Band(row["band"]).word} if "band" in row else {})
        for row in rows
    ]
