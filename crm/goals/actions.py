"""What happens to goals: their terms are appended rows, and nobody types how far they have come.

Bad input is a ValidationError keyed by field; what `by` may not do is PermissionDenied.
"""

from datetime import UTC, date, datetime, time
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from crm.accounts.actions import require_write
from crm.accounts.models import Account, TraitDefinition, TraitType
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.fills.models import Fill
from crm.goals.models import Goal, GoalChange, GoalTurn
from crm.goals.queries import measured, progress_sql
from crm.lib.constraints import check_fields, clearly
from crm.lib.sql_files import load
from crm.plans.models import Feature
from crm.staff.models import User

EARLIEST, LATEST = date(2000, 1, 1), date(2199, 12, 31)
KEPT, KEPT_AT = "goal_day", time(6, tzinfo=UTC)  # the figures of a day are kept once, when the score ledger is due
TAKEN = {"goal_external_id_unique": ("external_id", _("This account has a goal with this id already."))}


@transaction.atomic
def set_goal(
    account: Account,
    *,
    words: str,
    target: Decimal,
    due_on: date,
    at: datetime,
    by: Actor,
    feature: Feature | None = None,
    trait: TraitDefinition | None = None,
    baseline: Decimal | None = None,
    set_on: date | None = None,
    external_id: str | None = None,
) -> Goal:
    """Note why they bought and what shows it. `baseline` None: what is measured on `set_on` (None: today), or 0."""
    account = require_write(account, by=by)
    set_on = set_on or at.date()
    _check_measure(words, feature, trait, set_on, at)
    row = Goal(
        account=account,
        external_id=external_id or None,
        words=words.strip(),
        feature=feature,
        trait=trait,
        created_at=at,
    )
    check_fields(row)
    if baseline is None:
        baseline = measured(account, feature=feature, trait=trait, day=set_on) or Decimal(0)
    _check_terms(baseline, target, due_on, after=set_on)
    with clearly(TAKEN):
        row.save(force_insert=True)
    _append(row, GoalTurn.SET, set_on, baseline, target, due_on, "", at, by)
    return row


@transaction.atomic
def change_goal(
    goal: Goal, *, target: Decimal, due_on: date, why: str, at: datetime, by: Actor, baseline: Decimal | None = None
) -> GoalChange:
    """Agree on other terms from today on. The past keeps those that it had. `baseline` None: it stays."""
    last = _last(goal, by)
    if last.kind == GoalTurn.DROPPED:
        raise ValidationError(_("It was dropped. Take it up again first."))
    baseline = last.baseline if baseline is None else baseline
    if (baseline, target, due_on) == (last.baseline, last.target, last.due_on):
        raise ValidationError({"target": _("Nothing of it would change.")})
    _check_terms(baseline, target, due_on, after=at.date())
    return _append(goal, GoalTurn.CHANGED, _day(last, at), baseline, target, due_on, _reason(why), at, by)


@transaction.atomic
def drop_goal(goal: Goal, *, why: str, at: datetime, by: Actor) -> GoalChange:
    """They no longer want it, and why."""
    last = _last(goal, by)
    if last.kind == GoalTurn.DROPPED:
        raise ValidationError(_("It was dropped already."))
    return _repeat(last, GoalTurn.DROPPED, _reason(why), at, by)


@transaction.atomic
def resume_goal(goal: Goal, *, at: datetime, by: Actor) -> GoalChange:
    """Take back that it was dropped, by a row of its own."""
    last = _last(goal, by)
    if last.kind != GoalTurn.DROPPED:
        raise ValidationError(_("It was not dropped."))
    return _repeat(last, GoalTurn.RESUMED, "", at, by)


@transaction.atomic
def keep_readings(through: datetime, *, at: datetime, by: Actor) -> str:
    """Keep today's figure of each goal as it stands, once from 06:00 UTC on; late facts never change it."""
    day = through.astimezone(UTC).date()
    due = datetime.combine(day, KEPT_AT)
    if through < due or Fill.objects.filter(stage=KEPT, through_at__gte=due).exists():
        return "Today's figures are kept or not due yet."
    given = {"day": day, "known": None, "stood": False, "at": at}
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "keep_readings").replace("/*progress*/", progress_sql()), given)
        kept = int(cursor.rowcount)
    Fill.objects.update_or_create(stage=KEPT, defaults={"through_at": due, "finished_at": at})
    if kept:
        audit.record("goals.kept", ("goals", str(day)), at=at, by=by, after={"goals": kept})
    return f"The figures of {kept} goals were kept."


def _last(goal: Goal, by: Actor) -> GoalChange:
    require_write(goal.account, by=by)
    return GoalChange.objects.system("of an account just required").filter(goal=goal).order_by("-on", "-id")[0]


def _day(last: GoalChange, at: datetime) -> date:
    return max(last.on, at.date())


def _repeat(last: GoalChange, kind: GoalTurn, why: str, at: datetime, by: Actor) -> GoalChange:
    return _append(last.goal, kind, _day(last, at), last.baseline, last.target, last.due_on, why, at, by)


def _append(
    goal: Goal, kind: GoalTurn, on: date, baseline: Decimal, target: Decimal, due_on: date, why: str, at: datetime,
    by: Actor,
) -> GoalChange:  # fmt: skip
    turn = GoalChange(
        account_id=goal.account_id, goal=goal, kind=kind, on=on, baseline=baseline, target=target, due_on=due_on,
        why=why, recorded_at=at, recorded_by=by if isinstance(by, User) else None,
    )  # fmt: skip
    check_fields(turn)
    turn.save(force_insert=True)
    after = {
        "account": goal.account_id,
        "baseline": baseline,
        "target": target,
        "due_on": due_on,
        "why": audit.said(why),
    }
    audit.record(
        f"goal.{kind}", goal, at=at, by=by, after={name: v for name, v in after.items() if v not in ("", None)}
    )
    return turn


def _check_measure(
    words: str, feature: Feature | None, trait: TraitDefinition | None, set_on: date, at: datetime
) -> None:
    errors = {}
    if not words.strip():
        errors["words"] = _("Say why they bought, in their own words.")
    if (feature is None) == (trait is None):
        errors["measure"] = _("Choose the one figure that shows it: a feature or a trait.")
    elif trait is not None and trait.type != TraitType.NUMBER:
        errors["measure"] = _("Only a trait that is a number can show a goal.")
    if not EARLIEST <= set_on <= at.date():
        errors["set_on"] = _("Enter the day on which it was agreed: today or earlier.")
    if errors:
        raise ValidationError(errors)


def _check_terms(baseline: Decimal, target: Decimal, due_on: date, *, after: date) -> None:
    errors: dict[str, object] = {}
    if target == baseline:
        errors["target"] = _("It begins where it should end. Choose another target, or another baseline.")
    if not after < due_on <= LATEST:
        words = _("Choose a day after %(day)s, and before the year 2200.")
        errors["due_on"] = words % {"day": after.isoformat()}
    if errors:
        raise ValidationError(errors)


def _reason(why: str) -> str:
    if not why.strip():
        raise ValidationError({"why": _("Say why, so that whoever looks next understands it.")})
    return why.strip()
