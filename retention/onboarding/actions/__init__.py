"""What happens in onboarding: plans are set in editions, accounts begin, milestones are reached; all of it is appended.

Bad input is a ValidationError keyed by field; what `by` may not do is PermissionDenied.
"""

from retention.onboarding.actions.accounts import begin, import_reached, reach, take_back
from retention.onboarding.actions.plans import (
    LONGEST,
    MOST,
    Asked,
    Terms,
    change_plan,
    resume_plan,
    retire_plan,
    set_plan,
)
from retention.onboarding.actions.usage import STAGE, follow

__all__ = [
    "LONGEST",
    "MOST",
    "STAGE",
    "Asked",
    "Terms",
    "begin",
    "change_plan",
    "follow",
    "import_reached",
    "reach",
    "resume_plan",
    "retire_plan",
    "set_plan",
    "take_back",
]
