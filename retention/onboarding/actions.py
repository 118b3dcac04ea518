"""What happens in onboarding: plans are set in editions, accounts begin, milestones are reached; all of it is appended.

Bad input is a ValidationError keyed by field; what `by` may not do is PermissionDenied.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from crm.accounts.actions import require_write
from crm.accounts.models import Account
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.fills.models import Fill
from crm.lib.constraints import check_fields, clearly
from crm.lib.sql_files import load
from crm.plans.models import Feature, Plan
from crm.staff.actions import require
from crm.staff.models import User
from crm.subscriptions import queries as subscriptions
from crm.usage.actions import dirty_accounts
from retention.onboarding import rules
from retention.onboarding.models import (
    Milestone,
    MilestoneKind,
    MilestoneReach,
    Onboarding,
    OnboardingPlan,
    OnboardingVersion,
)

EARLIEST = date(2000, 1, 1)
FEWEST, MOST = 1, 12  # milestones of a plan
LONGEST = 365
STAGE = "onboarding"
LAG = timedelta(minutes=10)  # a book fact may be committed this much later than the instant it carries
CHUNK = 5_000
TAKEN = {"onboarding_plan_name_unique": ("name", _("Another plan has this name."))}


@dataclass(frozen=True)
class Asked:
    """A milestone as it is asked for. `key` empty: a new one; `amount` None of a meaningful use: the feature's own."""

    name: str
    kind: str
    expected_days: int
    feature: Feature | None = None
    amount: int | None = None
    is_value: bool = False
    key: str = ""


@dataclass(frozen=True)
class Terms:
    """An edition: for accounts that begin on `starts_from` or later, with milestones in the order they are expected."""

    starts_from: date
    lasts_days: int
    stuck_days: int
    milestones: Sequence[Asked]


# --- plans -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def set_plan(*, name: str, plans: Sequence[Plan], terms: Terms, at: datetime, by: Actor) -> OnboardingPlan:
    """Add a plan with its first edition. `plans` empty: for whoever no other plan is for."""
    require("configure", by=by)
    plan = OnboardingPlan(name=name.strip(), changed_at=at)
    check_fields(plan)
    with clearly(TAKEN):
        plan.save(force_insert=True)
    plan.plans.set(plans)
    version = _append_version(plan, terms, 1, at, by)
    after = {"name": plan.name, "plans": [row.name for row in plans], **_told(version, terms)}
    audit.record("onboarding_plan.set", plan, at=at, by=by, after=after)
    return plan


@transaction.atomic
def change_plan(
    plan: OnboardingPlan, *, name: str, plans: Sequence[Plan], terms: Terms, at: datetime, by: Actor
) -> OnboardingVersion:
    """Append an edition where its terms differ; whoever is in onboarding goes on with the one that it began with."""
    require("configure", by=by)
    plan = OnboardingPlan.objects.select_for_update().get(pk=plan.pk)
    last = OnboardingVersion.objects.filter(plan=plan).order_by("-number")[0]
    plan.name, plan.changed_at = name.strip(), at
    check_fields(plan)
    with clearly(TAKEN):
        plan.save(update_fields=["name", "changed_at"])
    plan.plans.set(plans)
    if _differs(last, terms):
        last = _append_version(plan, terms, last.number + 1, at, by)
    after = {"name": plan.name, "plans": [row.name for row in plans], **_told(last, terms)}
    audit.record("onboarding_plan.changed", plan, at=at, by=by, after=after)
    return last


@transaction.atomic
def retire_plan(plan: OnboardingPlan, *, at: datetime, by: Actor) -> None:
    """Let it take no more accounts."""
    _switch(plan, False, "onboarding_plan.retired", at, by)


@transaction.atomic
def resume_plan(plan: OnboardingPlan, *, at: datetime, by: Actor) -> None:
    """Let a retired plan take accounts again."""
    _switch(plan, True, "onboarding_plan.resumed", at, by)


def _switch(plan: OnboardingPlan, on: bool, action: str, at: datetime, by: Actor) -> None:
    require("configure", by=by)
    if OnboardingPlan.objects.filter(pk=plan.pk, is_active=not on).update(is_active=on, changed_at=at):
        audit.record(action, plan, at=at, by=by)


def _told(version: OnboardingVersion, terms: Terms) -> dict[str, object]:
    return {"version": version.number, "milestones": [asked.name for asked in terms.milestones]}


def _append_version(plan: OnboardingPlan, terms: Terms, number: int, at: datetime, by: Actor) -> OnboardingVersion:
    steps = _checked(terms, at)
    version = OnboardingVersion.objects.create(
        plan=plan, number=number, starts_from=terms.starts_from, lasts_days=terms.lasts_days,
        stuck_days=terms.stuck_days, recorded_at=at, recorded_by=by if isinstance(by, User) else None,
    )  # fmt: skip
    used = {step.key for step in steps if step.key}
    for position, step in enumerate(steps):
        row = Milestone(
            version=version, position=position, key=step.key or _new_key(step.name, used), name=step.name.strip(),
            kind=step.kind, feature=step.feature, amount=_amount(step), expected_days=step.expected_days,
            is_value=step.is_value,
        )  # fmt: skip
        check_fields(row)
        row.save(force_insert=True)
    return version


def _new_key(name: str, used: set[str]) -> str:
    base, n = slugify(name, allow_unicode=True)[:70] or "milestone", 1
    while (key := base if n == 1 else f"{base}-{n}") in used:
        n += 1
    used.add(key)
    return key


def _amount(step: Asked) -> int | None:
    if step.kind == rules.MEANINGFUL and step.amount is None and step.feature:
        return step.feature.threshold
    return step.amount


def _differs(last: OnboardingVersion, terms: Terms) -> bool:
    names = ("key", "name", "kind", "feature_id", "amount", "expected_days", "is_value")
    held = list(Milestone.objects.filter(version=last).order_by("position").values_list(*names))
    asked = [
        (step.key, step.name.strip(), step.kind, step.feature and step.feature.pk, _amount(step), step.expected_days,
         step.is_value)
        for step in sorted(terms.milestones, key=lambda step: step.expected_days)
    ]  # fmt: skip
    same = (last.starts_from, last.lasts_days, last.stuck_days) == (
        terms.starts_from,
        terms.lasts_days,
        terms.stuck_days,
    )
    return not same or held != asked


def _checked(terms: Terms, at: datetime) -> list[Asked]:
    """The milestones in their order; refuses what does not fit together."""
    errors: dict[str, object] = {}
    if not EARLIEST <= terms.starts_from <= at.date() + timedelta(days=LONGEST):
        errors["starts_from"] = _("Choose a day within a year from now, or an earlier one.")
    if not 1 <= terms.lasts_days <= LONGEST:
        errors["lasts_days"] = _("An onboarding lasts between 1 and %(most)s days.") % {"most": LONGEST}
    if not 1 <= terms.stuck_days <= LONGEST:
        errors["stuck_days"] = _("Enter a number of days from 1 on.")
    if not FEWEST <= len(terms.milestones) <= MOST:
        errors["milestones"] = _("A plan has between 1 and %(most)s milestones.") % {"most": MOST}
    elif fault := next((fault for step in terms.milestones if (fault := _fault(step, terms))), None):
        errors["milestones"] = fault
    elif sum(step.is_value for step in terms.milestones) > 1:
        errors["milestones"] = _("Only one milestone can be the one with which they first get value.")
    if errors:
        raise ValidationError(errors)
    return sorted(terms.milestones, key=lambda step: step.expected_days)


def _fault(step: Asked, terms: Terms) -> object:
    name = {"name": step.name}
    if not step.name.strip():
        return _("Give each milestone a name.")
    if not 0 <= step.expected_days <= terms.lasts_days:
        return (
            _("“%(name)s” is expected after the onboarding is over. Choose an earlier day, or let it last longer.")
            % name
        )
    if step.kind not in MilestoneKind.values:
        return _("Choose by what “%(name)s” is reached.") % name
    if (step.kind in rules.OF_FEATURE) != (step.feature is not None):
        if step.feature is None:
            return _("Choose the feature whose use shows “%(name)s”.") % name
        return _("“%(name)s” is not about one feature. Leave it empty, or choose a use of it.") % name
    amount = _amount(step)
    if step.kind in rules.WITH_AMOUNT and (amount is None or amount < 1):
        return _("Say how much “%(name)s” takes.") % name
    if step.kind not in rules.WITH_AMOUNT and amount is not None:
        return _("“%(name)s” takes no amount. Leave it empty.") % name
    return None


# --- accounts --------------------------------------------------------------------------------------------------------


@transaction.atomic
def begin(
    account: Account, *, plan: OnboardingPlan, at: datetime, by: Actor, started_on: date | None = None
) -> Onboarding:
    """Say that an account goes through a plan, from its first day or another one on; no run says otherwise later.

    It goes through the edition for accounts that begin then, else through the first one.
    """
    account, plan = require_write(account, by=by), OnboardingPlan.objects.get(pk=plan.pk)
    started_on = started_on or account.customer_since or at.date()
    if not EARLIEST <= started_on <= at.date():
        raise ValidationError({"started_on": _("Enter the day on which it began: today or earlier.")})
    if not plan.is_active:
        raise ValidationError({"plan": _("This plan takes no more accounts. Choose another one.")})
    versions = OnboardingVersion.objects.filter(plan=plan)
    suited = versions.filter(starts_from__lte=started_on).order_by("-starts_from", "-number").first()
    version = suited or versions.order_by("starts_from", "number")[0]
    last = _held(account)
    if last and (last.version_id, last.started_on) == (version.pk, started_on):
        raise ValidationError({"plan": _("It is in this plan already, since that day.")})
    row = Onboarding.objects.create(
        account=account, version=version, started_on=started_on, is_by_hand=True, recorded_at=at,
        recorded_by=by if isinstance(by, User) else None,
    )  # fmt: skip
    _carry(account, last, version, at)
    _reach([account.pk], at.date(), at)
    after = {"account": account.pk, "plan": plan.name, "version": version.number, "started_on": started_on}
    audit.record("onboarding.begun", row, at=at, by=by, after=after)
    return row


def _carry(account: Account, last: Onboarding | None, version: OnboardingVersion, at: datetime) -> None:
    """What was said by hand of a milestone is known of the same one in another edition of the plan."""
    if last is None or last.version_id == version.pk or last.version.plan_id != version.plan_id:
        return
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "carry"), {"account": account.pk, "version": version.pk, "at": at})


def _held(account: Account) -> Onboarding | None:
    rows = Onboarding.objects.system("of an account just required").filter(account=account)
    return rows.select_related("version").order_by("-pk").first()


@transaction.atomic
def reach(account: Account, milestone: Milestone, *, at: datetime, by: Actor, on: date | None = None) -> MilestoneReach:
    """Say by hand that a milestone was reached. `on` None: today. What usage shows is not said by hand."""
    account = require_write(account, by=by)
    last, on = _held(account), on or at.date()
    if last is None or last.version_id != milestone.version_id:
        raise ValidationError(_("The account does not go through this milestone."))
    if milestone.kind != MilestoneKind.HAND:
        raise ValidationError(_("Usage shows whether “%(name)s” is reached.") % {"name": milestone.name})
    if not last.started_on <= on <= at.date():
        words = _("Enter a day from %(day)s, when the onboarding began, through today.")
        raise ValidationError({"on": words % {"day": last.started_on.isoformat()}})
    if _said(account, milestone) is not None:
        raise ValidationError(_("It was reached already."))
    return _say(account, milestone, on, "milestone.reached", at, by)


@transaction.atomic
def take_back(account: Account, milestone: Milestone, *, at: datetime, by: Actor) -> MilestoneReach:
    """Say that a milestone, which was said to be reached, was not; by a row of its own."""
    account = require_write(account, by=by)
    if milestone.kind != MilestoneKind.HAND or _said(account, milestone) is None:
        raise ValidationError(_("Nobody said that it was reached."))
    return _say(account, milestone, None, "milestone.taken_back", at, by)


def _said(account: Account, milestone: Milestone) -> date | None:
    rows = MilestoneReach.objects.system("of an account just required").filter(account=account, milestone=milestone)
    return rows.order_by("-pk").values_list("on", flat=True).first()


def _say(
    account: Account, milestone: Milestone, on: date | None, action: str, at: datetime, by: Actor
) -> MilestoneReach:
    row = MilestoneReach.objects.create(
        account=account, milestone=milestone, on=on, is_by_hand=True, recorded_at=at,
        recorded_by=by if isinstance(by, User) else None,
    )  # fmt: skip
    after = {"account": account.pk, "milestone": milestone.name} | ({"on": on} if on else {})
    audit.record(action, row, at=at, by=by, after=after)
    return row


# --- what usage shows ------------------------------------------------------------------------------------------------


def follow(through: datetime, *, at: datetime, by: Actor) -> str:
    """Let accounts begin, and record what usage shows to be reached: of changed accounts, or of all on a new day.

    Reads dirty marks and leaves them to whoever scores; what is marked in between is seen on the next day.
    """
    changed_at = OnboardingPlan.objects.order_by("-changed_at").values_list("changed_at", flat=True).first()
    if changed_at is None:
        return "No onboarding plan is set."
    day = through.date()
    last = Fill.objects.filter(stage=STAGE).values_list("through_at", flat=True).first()
    is_new = last is None or last.date() < day or changed_at > last - LAG
    changed = None if last is None or is_new else _changed(last - LAG)
    begun = _enrol(changed, day, at)
    accounts = sorted({*begun, *_due(changed, day)})
    reached = 0
    for start in range(0, len(accounts), CHUNK):
        reached += _record_reached(accounts[start : start + CHUNK], day, at=at, by=by)
    return f"{len(begun)} accounts began, {reached} milestones recorded"


def _changed(since: datetime) -> list[int]:
    """Accounts whose usage or book changed, merged ones as those that took their place."""
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "changed"), {"since": since, "dirty": list(dirty_accounts())})
        return [account for (account,) in cursor.fetchall()]


@transaction.atomic
def _enrol(changed: Collection[int] | None, day: date, at: datetime) -> list[int]:
    only = "" if changed is None else "AND account.id = ANY (%(accounts)s)"
    with connection.cursor() as cursor:
        given: dict[str, Any] = {"day": day, "at": at, "accounts": list(changed or ())}
        cursor.execute(load(__file__, "enrol").replace("/*only*/", only), given)
        return [account for (account,) in cursor.fetchall()]


def _due(changed: Collection[int] | None, day: date) -> list[int]:
    only = "" if changed is None else "AND account_id = ANY (%(accounts)s)"
    with connection.cursor() as cursor:
        given: dict[str, Any] = {"day": day, "settles": rules.SETTLES, "accounts": list(changed or ())}
        cursor.execute(load(__file__, "due").replace("/*only*/", only), given)
        return [account for (account,) in cursor.fetchall()]


@transaction.atomic
def _record_reached(accounts: Sequence[int], day: date, *, at: datetime, by: Actor) -> int:
    written = _reach(accounts, day, at)
    if written:
        audit.record("onboarding.followed", ("onboarding", str(day)), at=at, by=by, after={"reached": written})
    return written


def _reach(accounts: Sequence[int], day: date, at: datetime) -> int:
    gone = subscriptions.sql("churned_on", only="ANY (%(accounts)s)")
    with connection.cursor() as cursor:
        text = load(__file__, "reach").replace("/*gone*/", gone)
        cursor.execute(text, {"accounts": list(accounts), "day": day, "at": at, "known": None})
        return int(cursor.rowcount)
