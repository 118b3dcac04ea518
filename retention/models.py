"""Where Django looks for the rows of this app: each noun's models, in the order in which data flows."""

from retention.risk_signals.models import RiskSignal
from retention.messages.models import MessageTemplate
from retention.playbooks.models import Playbook, Step
from retention.plays.models import Play, PlayStep
from retention.tasks.models import Task
from retention.follow_ups.models import FollowUp
from retention.outcomes.models import Outcome

__all__ = ["FollowUp", "MessageTemplate", "Outcome", "Play", "PlayStep", "Playbook", "RiskSignal", "Step", "Task"]
