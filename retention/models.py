"""Where Django looks for the rows of this app: each noun's models, in the order in which data flows."""

from retention.pulses.models import Pulse
from retention.measures.models import NotNeeded
from retention.scorecards.models import Scorecard, ScorecardGroup, ScorecardMeasure, ScorecardVersion
from retention.overrides.models import Override
from retention.scores.models import Band, HealthScore, ScoreNow, ScoreReading, Standing, Switch
from retention.backtests.models import Backtest, BacktestDay
from retention.forecasts.models import Forecast
from retention.risk_signals.models import RiskSignal
from retention.messages.models import MessageTemplate
from retention.playbooks.models import Playbook, Step
from retention.plays.models import Play, PlayStep
from retention.tasks.models import Task
from retention.follow_ups.models import FollowUp
from retention.handovers.models import Handover
from retention.outcomes.models import Outcome
from retention.agenda.models import PutOff

__all__ = [
    "Backtest",
    "BacktestDay",
    "Band",
    "FollowUp",
    "Forecast",
    "Handover",
    "HealthScore",
    "MessageTemplate",
    "NotNeeded",
    "Outcome",
    "Override",
    "Play",
    "PlayStep",
    "Playbook",
    "Pulse",
    "PutOff",
    "RiskSignal",
    "ScoreNow",
    "ScoreReading",
    "Scorecard",
    "ScorecardGroup",
    "ScorecardMeasure",
    "ScorecardVersion",
    "Standing",
    "Step",
    "Switch",
    "Task",
]
