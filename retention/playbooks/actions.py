"""Writing playbooks; the first one comes with the product."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop

from crm.audit import actions as audit
from crm.audit.rules import Actor
from retention.playbooks.models import Playbook, Step, StepKind
from retention.risk_signals.models import SignalKind

VALUE_FALLS = "value-falls"
# Kept in English in the rows; pages show them translated, as long as nobody has changed them.
_STEPS: Sequence[dict[str, Any]] = (
    {
        "kind": StepKind.MESSAGE,
        "title": gettext_noop("Write what they still get and the one next step"),
        "template": VALUE_FALLS,
    },
    {"kind": StepKind.TASK, "title": gettext_noop("Call if use has not come back"), "after_days": 7},
)


@transaction.atomic
def ensure_default_playbooks(*, at: datetime, by: Actor) -> Playbook:
    """Make the playbook that every installation begins with, unless it is there (changed or not)."""
    playbook, made = Playbook.objects.get_or_create(
        key=VALUE_FALLS,
        defaults={
            "name": gettext_noop("They get less than they pay for"),
            "triggers": [SignalKind.SCORE_DROP.value, SignalKind.BAND_RED.value],
            "goal": gettext_noop("use back to four fifths of what it was"),
        },
    )
    if made:
        Step.objects.bulk_create(Step(playbook=playbook, position=n, **step) for n, step in enumerate(_STEPS, start=1))
        audit.record("playbook.created", playbook, at=at, by=by, after={"key": playbook.key, "steps": len(_STEPS)})
    return playbook
