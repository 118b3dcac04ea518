"""Plans are set in editions: whoever is in onboarding goes on with the one that it began with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib.constraints import check_fields, clearly
from crm.plans.models import Feature, Plan
from crm.staff.actions import require
from crm.staff.models import User
from retention.onboarding import rules
from retention.onboarding.models import Milestone, MilestoneKind, OnboardingPlan, OnboardingVersion

EARLIEST = date(2000, 1, 1)
FEWEST, MOST = 1, 12  # milestones of a plan
LONGEST = 365
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
