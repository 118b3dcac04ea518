"""What usage shows: accounts begin by themselves, and the days on which they reached milestones are recorded."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.fills.models import Fill
from crm.lib.sql_files import load
from crm.subscriptions import queries as subscriptions
from crm.usage.actions import dirty_accounts
from retention.onboarding import queries, rules
from retention.onboarding.models import OnboardingPlan

STAGE = "onboarding"
LAG = timedelta(minutes=10)  # a book fact may be committed this much later than the instant it carries
CHUNK = 5_000


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
        reached += _look_at(accounts[start : start + CHUNK], day, at=at, by=by)
    return f"{len(begun)} accounts began, {reached} milestones recorded"


def _changed(since: datetime) -> list[int]:
    """Accounts whose usage or book changed, merged ones as those that took their place."""
    with connection.cursor() as cursor:
        cursor.execute(load(queries.__file__, "changed"), {"since": since, "dirty": list(dirty_accounts())})
        return [account for (account,) in cursor.fetchall()]


@transaction.atomic
def _enrol(changed: Collection[int] | None, day: date, at: datetime) -> list[int]:
    only = "" if changed is None else "AND account.id = ANY (%(accounts)s)"
    with connection.cursor() as cursor:
        given: dict[str, Any] = {"day": day, "at": at, "accounts": list(changed or ())}
        cursor.execute(load(queries.__file__, "enrol").replace("/*only*/", only), given)
        return [account for (account,) in cursor.fetchall()]


def _due(changed: Collection[int] | None, day: date) -> list[int]:
    only = "" if changed is None else "AND account_id = ANY (%(accounts)s)"
    with connection.cursor() as cursor:
        given: dict[str, Any] = {"day": day, "settles": rules.SETTLES, "accounts": list(changed or ())}
        cursor.execute(load(queries.__file__, "due").replace("/*only*/", only), given)
        return [account for (account,) in cursor.fetchall()]


@transaction.atomic
def _look_at(accounts: Sequence[int], day: date, *, at: datetime, by: Actor) -> int:
    written = record_reached(accounts, day, at)
    if written:
        audit.record("onboarding.followed", ("onboarding", str(day)), at=at, by=by, after={"reached": written})
    return written


def record_reached(accounts: Sequence[int], day: date, at: datetime) -> int:
    """What usage shows of these accounts, where it is not what was recorded; part of an action that records itself."""
    gone = subscriptions.sql("churned_on", only="ANY (%(accounts)s)")
    with connection.cursor() as cursor:
        text = load(queries.__file__, "reach").replace("/*gone*/", gone)
        cursor.execute(text, {"accounts": list(accounts), "day": day, "at": at, "known": None})
        return int(cursor.rowcount)
