"""Who waits for us, since when, by when; and what was said."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count, F, Q

from crm.accounts.models import Account
from crm.calendars.queries import hours_by_place
from crm.conversations.models import Channel, Conversation, ConversationQuerySet, Entry, ResponseTarget
from crm.conversations.rules import Cadence
from crm.lib.sql_files import load
from crm.lib.working_hours import Hours
from crm.staff.models import User
from crm.staff.queries import installation, scope_of
from crm.subscriptions import queries as subscriptions

PAGE, ENTRIES = 50, 200


def hours_of(account: Account) -> Hours:
    """When we are there for an account: its calendar in its zone."""
    place = (account.calendar_id, account.time_zone)
    return hours_by_place([place])[place]


def hours_of_all(accounts: Iterable[int]) -> dict[int, Hours]:
    """The same for many, in two queries."""
    rows = Account.objects.system("clocks run by the accounts' hours").filter(pk__in=list(accounts))
    places = {pk: (calendar, zone) for pk, calendar, zone in rows.values_list("pk", "calendar", "time_zone")}
    hours = hours_by_place(places.values())
    return {pk: hours[place] for pk, place in places.items()}


class Asked(NamedTuple):
    """Somebody of an account asks in a channel on a day."""

    account: int
    channel: str
    day: date


def warning_percent() -> int:
    """The share of a target after which we warn that it will be missed."""
    return installation().answer_warning_percent


def targets_of(asked: Sequence[Asked]) -> list[timedelta | None]:
    """For each, in order, the open time within which a first answer is due. None: what comes in there has no clock."""
    text = load(__file__, "targets_of").replace("/*term*/", subscriptions.sql("term", only=subscriptions.THESE))
    given: dict[str, Any] = {"accounts": sorted({each.account for each in asked}), "known": None}
    given |= {"asked": [each.account for each in asked], "channels": [each.channel for each in asked]}
    with connection.cursor() as cursor:
        cursor.execute(text, given | {"days": [each.day for each in asked]})
        return [timedelta(minutes=minutes) if minutes else None for (minutes,) in cursor.fetchall()]


def target_of(account: Account, channel: str, at: datetime) -> timedelta | None:
    return targets_of([Asked(account.pk, channel, at.date())])[0]


def waiting_for_us(user: User, *, mine: bool, channel: str = "") -> ConversationQuerySet:
    """Open conversations that the user sees, the one that is due first first; those without a clock at the end.

    `mine`: those that the user answers, or whoever the user covers.
    """
    rows = Conversation.objects.visible_to(user).open().select_related("account", "contact", "responder")
    if channel:
        rows = rows.filter(channel=channel)
    if mine:
        rows = rows.filter(responder__in=[user.pk, *sorted(scope_of(user).covers.users)])
    return rows.order_by(F("due_at").asc(nulls_last=True), "pk")


def known_channel(asked: str) -> str:
    """The channel that an address asks for; empty: all of them."""
    return asked if asked in Channel.values else ""


def cadence(user: User, at: datetime) -> Cadence:
    """What we said on social channels lately, on the accounts that the user sees: one query for each of the two."""
    month, week = at - timedelta(days=28), at - timedelta(days=7)
    lately = Conversation.objects.visible_to(user).filter(channel=Channel.MENTION, last_at__gte=month)
    posts = lately.filter(inbound=False, began_at__gte=month).aggregate(
        all=Count("pk"), week=Count("pk", filter=Q(began_at__gte=week))
    )
    answers = Entry.objects.system("of conversations that the user sees").filter(
        conversation__in=lately.filter(inbound=True), inbound=False, at__gte=month
    )
    return Cadence(posts["week"], posts["all"], answers.count())


def after(rows: ConversationQuerySet, place: Conversation) -> ConversationQuerySet:
    """Those that follow in the order of `waiting_for_us`."""
    later = Q(due_at=place.due_at, pk__gt=place.pk)
    if place.due_at is None:
        return rows.filter(due_at=None, pk__gt=place.pk)
    return rows.filter(later | Q(due_at__gt=place.due_at) | Q(due_at=None))


def entries(conversation: Conversation) -> list[Entry]:
    """What was said, the newest ones, in their order. Callers have checked that the reader sees the account."""
    rows = Entry.objects.system("its conversation was just checked").filter(conversation=conversation)
    return sorted(rows.select_related("said_by").order_by("-at", "-pk")[:ENTRIES], key=lambda row: (row.at, row.pk))


def of_account(account: Account) -> ConversationQuerySet:
    """All conversations of an account and of those merged into it, newest first.

    Callers have checked that the reader may see the account.
    """
    inside = Account.objects.system("merged into one that was just checked").filter(merged_into=account)
    # As a list, each is looked up along the index by account; as a join, all conversations would be read.
    ids = [account.pk, *inside.order_by("pk").values_list("pk", flat=True)]
    rows = Conversation.objects.system("of an account that was just checked").filter(account__in=ids)
    return rows.select_related("account", "contact", "responder").order_by("-last_at", "-pk")


def older(rows: ConversationQuerySet, place: Conversation) -> ConversationQuerySet:
    return rows.filter(Q(last_at__lt=place.last_at) | Q(last_at=place.last_at, pk__lt=place.pk))


def targets() -> dict[int | None, dict[str, int]]:
    """Minutes by channel, by plan; None: any plan."""
    held: dict[int | None, dict[str, int]] = {}
    for plan, channel, minutes in ResponseTarget.objects.order_by("pk").values_list("plan", "channel", "minutes"):
        held.setdefault(plan, {})[channel] = minutes
    return held
