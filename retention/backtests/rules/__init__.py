"""Whether a score tells who leaves: arrays in, plain values out, the same figures every time."""

from retention.backtests.rules.panel import NEVER, Dated, Leak, Panel, Steps, group_points, landmarks, month_ends
from retention.backtests.rules.ranking import Compared, Estimate, auc, compare
from retention.backtests.rules.report import BASELINES, BEFORE, Known, Report, days_to_ask, departures, report
from retention.backtests.rules.verdicts import (
    CHANGE,
    FEW,
    FEWEST_LEAVERS,
    KEEP,
    LEAK,
    NOBODY,
    NOT_SHOWN,
    SHOWN,
    TOO_FEW,
    WRONG_WAY,
    better,
    verdict,
)
from retention.backtests.rules.weights import Suggestion, logistic, suggest

HORIZONS = (30, 60, 90, 180)
WAITING, SCORING, DONE, FAILED = "waiting", "scoring", "done", "failed"
AT_WORK = (WAITING, SCORING)

__all__ = [
    "AT_WORK",
    "BASELINES",
    "BEFORE",
    "CHANGE",
    "DONE",
    "FAILED",
    "FEW",
    "FEWEST_LEAVERS",
    "HORIZONS",
    "KEEP",
    "LEAK",
    "NEVER",
    "NOBODY",
    "NOT_SHOWN",
    "SCORING",
    "SHOWN",
    "TOO_FEW",
    "WAITING",
    "WRONG_WAY",
    "Compared",
    "Dated",
    "Estimate",
    "Known",
    "Leak",
    "Panel",
    "Report",
    "Steps",
    "Suggestion",
    "auc",
    "better",
    "compare",
    "days_to_ask",
    "departures",
    "group_points",
    "landmarks",
    "logistic",
    "month_ends",
    "report",
    "suggest",
    "verdict",
]
