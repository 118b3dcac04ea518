"""Scorecards of the made company (tests/company.py), and a test of one on the past."""

from datetime import date, datetime
from typing import Any

from crm.segments.actions import keep_segment
from crm.segments.rules import read
from retention.backtests.models import Backtest
from retention.backtests.queries import fingerprint
from retention.backtests.rules import CHANGE
from retention.scorecards import actions as scorecards
from retention.scorecards.models import Scorecard, ScorecardVersion
from retention.scorecards.queries import edition


def fill(made: Any, *, at: datetime, day: date) -> None:
    """Two that judge nobody, before the default one: a draft to publish, and one that was put aside."""
    by: dict[str, Any] = {"at": at, "by": made.users["O"]}
    inns = keep_segment(name="Inns", tree=read("segment.is.inns"), shared="everyone", **by)
    made.remember("shared segment", inns.pk)
    inn, lodge = (scorecards.add_scorecard(name=name, segment=inns, **by) for name in ("Inns", "Lodges"))
    made.remember("scorecard", inn.pk)
    aside = ScorecardVersion.objects.get(scorecard=lodge)
    scorecards.discard_draft(aside, **by)
    made.remember("discarded scorecard", lodge.pk)
    made.remember("default scorecard", Scorecard.objects.get(is_default=True).pk)
    _tested(made, aside, at, day)


def _tested(made: Any, version: ScorecardVersion, at: datetime, day: date) -> None:
    """A test that found other weights better."""
    made.remember("tested version", version.pk)
    tested = edition(version)
    shares = [1 / len(tested.card.groups)] * len(tested.card.groups)
    report = {"90": {"weights": {"advice": CHANGE, "shares": shares}}}
    done: dict[str, Any] = {"state": "done", "asked_at": at, "finished_at": at, "reach": day}
    Backtest.objects.create(version=version, horizons=[90], card=fingerprint(tested), report=report, **done)
