"""Promises as they stand, now and on any day that was; and whose they are."""

from collections.abc import Collection
from datetime import date, datetime
from typing import NamedTuple

from django.db import connection
from django.db.models import Q

from crm.accounts.models import Account
from crm.lib.places import zone_of
from crm.lib.sql_files import load
from crm.promises import rules
from crm.promises.models import Promise, PromiseChange, PromiseQuerySet
from crm.staff.models import User
from crm.staff.queries import scope_of


def local_day(account: Account, at: datetime) -> date:
    """The day that it is where the account is: promises are due, kept and broken by it."""
    return at.astimezone(zone_of(account.time_zone)).date()


class Held(NamedTuple):
    """`hindsight`: nothing of it was on record on that day."""

    promise_id: int
    account_id: int
    state: str
    since: date
    due_on: date
    late: int
    hindsight: bool


def promises_on(
    day: date, *, known: datetime | None = None, accounts: Collection[int] | None = None, stood: bool = False
) -> dict[int, Held]:
    """How each promise made by `day` stood at its end, by id; `state` as in rules.Standing. One query.

    `known`: as far as was recorded by that instant (None: all). `stood`: as it was seen then, whatever was recorded
    later of that day or an earlier one; in hindsight only where nothing had been recorded. A merged account's promises
    count for the one that took its place.
    """
    given = {"day": day, "known": known, "stood": stood, "accounts": None if accounts is None else list(accounts)}
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "standing"), given)
        return {row[0]: Held(*row) for row in cursor.fetchall()}


def history(promise: Promise) -> list[rules.Change]:
    """Its turns in the order in which they hold."""
    rows = PromiseChange.objects.system("the history of a promise that the caller has checked").filter(promise=promise)
    return [rules.Change(*row) for row in rows.order_by("on", "id").values_list("on", "kind", "due_on")]


def mine(user: User) -> PromiseQuerySet:
    """What the person promised, and what was promised to the accounts that the person looks after or stands in for."""
    covers = scope_of(user).covers
    us = [user.pk, *sorted(covers.users)]
    theirs = Q(promised_by__in=us) | Q(account__owner__in=us)
    if covers.pools:
        theirs |= Q(account__pool__in=sorted(covers.pools))
    return Promise.objects.visible_to(user).filter(theirs)
