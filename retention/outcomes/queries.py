"""What became of accounts after a play, in sentences."""

from django.utils.translation import gettext as _

from crm.staff.models import User
from retention.outcomes.models import Outcome, OutcomeKind, OutcomeQuerySet


def outcomes(user: User) -> OutcomeQuerySet:
    """Outcomes on accounts that the user sees, newest first."""
    rows = Outcome.objects.visible_to(user).select_related("account", "play__playbook")
    return rows.order_by("-on", "-pk")


def sentence(outcome: Outcome) -> str:
    """What happened, with its figures; it does not claim that the play did it."""
    seen = outcome.evidence
    if outcome.kind == OutcomeKind.LEFT:
        return _("The account left on %(day)s, %(days)s days after the play began.") % {
            "day": outcome.on,
            "days": seen.get("days", 0),
        }
    words = _("Use returned: %(now)s uses in a week, %(start)s when the play began, %(before)s before the fall.")
    return words % {"now": seen.get("now"), "start": seen.get("start"), "before": seen.get("before")}
