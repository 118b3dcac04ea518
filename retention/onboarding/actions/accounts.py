"""Accounts begin a plan, and reach what is said by hand; each time by a row of its own."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from crm.accounts.actions import require_write
from crm.accounts.models import Account
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.imports.rules import Touched
from crm.lib.gate import Refused
from crm.lib.sql_files import load
from crm.staff.models import User
from retention.onboarding import queries
from retention.onboarding.actions.plans import EARLIEST
from retention.onboarding.actions.usage import record_reached
from retention.onboarding.models import (
    Milestone,
    MilestoneKind,
    MilestoneReach,
    Onboarding,
    OnboardingPlan,
    OnboardingVersion,
)


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
    record_reached([account.pk], at.date(), at)
    after = {"account": account.pk, "plan": plan.name, "version": version.number, "started_on": started_on}
    audit.record("onboarding.begun", row, at=at, by=by, after=after)
    return row


def _carry(account: Account, last: Onboarding | None, version: OnboardingVersion, at: datetime) -> None:
    """What was said by hand of a milestone is known of the same one in another edition of the plan."""
    if last is None or last.version_id == version.pk or last.version.plan_id != version.plan_id:
        return
    with connection.cursor() as cursor:
        cursor.execute(load(queries.__file__, "carry"), {"account": account.pk, "version": version.pk, "at": at})


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


def import_reached(payload: Sequence[Mapping[str, Any]], at: datetime) -> list[Touched]:
    """Milestones from a file, by key or name in the account's edition; the same day changes nothing.

    Runs in the transaction of `crm.imports`, whose run leaves the audit row.
    """
    accounts = {row["account_id"] for row in payload}
    rows = Onboarding.objects.system("an import names milestones").filter(account__in=accounts).order_by("pk")
    held = dict(rows.values_list("account_id", "version_id"))
    named: dict[tuple[int, str], Milestone] = {}
    for step in Milestone.objects.filter(version__in=set(held.values()), kind=MilestoneKind.HAND).order_by("-position"):
        named[step.version_id, step.name.casefold()] = step
        named.setdefault((step.version_id, step.key), step)
    reached = MilestoneReach.objects.system("an import compares its milestones").filter(account__in=accounts)
    said = {(row.account_id, row.milestone_id): row.on for row in reached.order_by("pk")}
    made = []
    for row in payload:
        of, name = row["account_id"], row["milestone"]
        if of not in held:
            raise Refused(gettext_noop("The account {name} is in no onboarding."), name=row["account"])
        milestone = named.get((held[of], name.casefold()))
        if milestone is None:
            words = gettext_noop("The account goes through no milestone {name} that is said by hand.")
            raise Refused(words, name=name)
        if said.get((of, milestone.pk)) != row["on"]:
            new = {"account_id": of, "milestone": milestone, "on": row["on"], "is_by_hand": True, "recorded_at": at}
            made.append((row["line"], MilestoneReach(**new), (of, milestone.pk) not in said))
    MilestoneReach.objects.bulk_create([reach for _line, reach, _is_new in made])
    return [Touched(line, reach.pk, is_new) for line, reach, is_new in made]
