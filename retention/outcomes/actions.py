"""Recording what became of plays: use that returned, accounts that left."""

from datetime import date, datetime

from django.db import transaction

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.subscriptions.queries import churned_on
from retention.outcomes.models import Outcome, OutcomeKind
from retention.outcomes.rules import use_returned
from retention.plays.models import Play
from retention.plays.queries import weekly_uses
from retention.plays.rules import Baseline

WATCHED_DAYS = 180  # after this a loss is no longer told as this play's outcome


@transaction.atomic
def record_outcomes(*, at: datetime, by: Actor) -> str:
    """Record each outcome once, by constraint; a play may see use return and the account leave later."""
    day = at.date()
    plays = Play.objects.system("which plays have had an outcome").select_related("playbook").order_by("pk")
    recent = [play for play in plays if (day - play.started_at.date()).days <= WATCHED_DAYS]
    rows = [*_saved(recent, day, at), *_left(recent, day, at)]
    known = {(o.play_id, o.kind) for o in Outcome.objects.system("outcomes already known").filter(play__in=recent)}
    new = [row for row in rows if (row.play_id, row.kind) not in known]
    Outcome.objects.bulk_create(new, ignore_conflicts=True)
    if new:
        audit.record("outcomes.recorded", ("outcome", "all"), at=at, by=by, after={"recorded": len(new)})
    return f"{len(new)} outcomes recorded"


def _saved(plays: list[Play], day: date, at: datetime) -> list[Outcome]:
    uses = weekly_uses({play.account_id for play in plays}, day)
    rows = []
    for play in plays:
        baseline = Baseline(**play.baseline) if play.baseline else Baseline(0, 0.0)
        now = uses[play.account_id].week_at_start
        if use_returned(day, play.started_at.date(), play.playbook.goal_days, now, baseline):
            before = round(baseline.week_before_fall)
            evidence = {"now": now, "start": baseline.week_at_start, "before": before}
            rows.append(_outcome(play, OutcomeKind.SAVED, day, evidence, at))
    return rows


def _left(plays: list[Play], day: date, at: datetime) -> list[Outcome]:
    gone = churned_on(day, accounts={play.account_id for play in plays}) if plays else {}
    rows = []
    for play in plays:
        left, started = gone.get(play.account_id), play.started_at.date()
        if left and left >= started:
            rows.append(_outcome(play, OutcomeKind.LEFT, left, {"days": (left - started).days}, at))
    return rows


def _outcome(play: Play, kind: OutcomeKind, on: date, evidence: dict[str, int], at: datetime) -> Outcome:
    return Outcome(account_id=play.account_id, play=play, kind=kind, on=on, evidence=evidence, recorded_at=at)
