"""What happens in conversations: somebody writes, one of us answers, hands over, waits, closes, opens again.

Bad input is a ValidationError keyed by field; what `by` may not do is PermissionDenied. What was said stands in no
row of the record: it may name anybody.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from crm.accounts.actions import require_write
from crm.accounts.models import Account
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.contacts.models import Contact
from crm.conversations import rules
from crm.conversations.models import (
    Channel,
    Conversation,
    ConversationQuerySet,
    ConversationState,
    Entry,
    ResponseTarget,
)
from crm.conversations.queries import hours_of, hours_of_all, target_of, warning_percent
from crm.conversations.rules import Clock
from crm.lib.constraints import check_fields, clearly
from crm.lib.working_hours import Hours
from crm.plans.models import Plan
from crm.staff.actions import change_installation, require
from crm.staff.models import User
from crm.usage.actions import mark_dirty

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
TAKEN = {
    "conversation_external_id_unique": ("external_id", _("Another conversation has this external id.")),
}
OPEN, WAITING, CLOSED = ConversationState.OPEN, ConversationState.WAITING, ConversationState.CLOSED


@transaction.atomic
def receive(
    account: Account, *, channel: str, text: str, at: datetime, by: Actor, subject: str = "",
    contact: Contact | None = None, said_at: datetime | None = None, needs_answer: bool = True,
    external_id: str | None = None,
) -> Conversation:  # fmt: skip
    """A customer wrote or called: a new conversation, and a clock unless it is thanks or praise (`needs_answer`).

    Who answers is the owner of the account. `said_at`: when they said it, else `at`.
    """
    account = require_write(account, by=by)
    responder = account.owner if account.owner and account.owner.is_active else None
    row = _new(account, channel, subject, contact, said_at or at, external_id, at)
    row.inbound, row.responder, row.state = True, responder, OPEN if needs_answer else CLOSED
    if needs_answer:
        _ask(row, row.began_at)
    else:
        row.closed_at = row.began_at
    _open(row, text, None)
    after = {"account": account.pk, "channel": channel, "responder": row.responder_id, "due_at": row.due_at}
    audit.record("conversation.received", row, at=at, by=by, after=after)
    return row


@transaction.atomic
def log(
    account: Account, *, channel: str, at: datetime, by: Actor, text: str = "", subject: str = "",
    contact: Contact | None = None, said_at: datetime | None = None, external_id: str | None = None,
) -> Conversation:  # fmt: skip
    """One of us called, met, wrote, or noted something: it is over, and nobody waits."""
    account = require_write(account, by=by)
    row = _new(account, channel, subject, contact, said_at or at, external_id, at)
    row.responder = by if isinstance(by, User) else None
    row.state, row.closed_at = CLOSED, row.began_at
    _open(row, text, row.responder)
    audit.record("conversation.logged", row, at=at, by=by, after={"account": account.pk, "channel": channel})
    return row


def _new(
    account: Account, channel: str, subject: str, contact: Contact | None, said_at: datetime, external_id: str | None,
    at: datetime,
) -> Conversation:  # fmt: skip
    if said_at > at:
        raise ValidationError({"said_at": _("This has not happened yet. Enter when it was said.")})
    if said_at < EARLIEST:
        raise ValidationError({"said_at": _("Enter a day from the year 2000 on.")})
    if contact is not None and (contact.account_id != account.pk or contact.erased_at is not None):
        raise ValidationError({"contact": _("This person does not belong to the account.")})
    mark_dirty([account.pk])
    return Conversation(
        account=account, contact=contact, channel=channel, subject=subject, external_id=external_id or None,
        began_at=said_at, last_at=said_at, recorded_at=at,
    )  # fmt: skip


def _open(row: Conversation, text: str, said_by: User | None) -> None:
    check_fields(row)
    with clearly(TAKEN):
        row.save(force_insert=True)
    entry = Entry(conversation=row, at=row.began_at, inbound=row.inbound, text=text, said_by=said_by)
    check_fields(entry)
    entry.save(force_insert=True)


@transaction.atomic
def hear(
    conversation: Conversation, *, text: str, at: datetime, by: Actor, said_at: datetime | None = None,
    needs_answer: bool = True,
) -> Conversation:  # fmt: skip
    """The customer said something more. Who waits already goes on waiting; who had an answer waits anew.

    What they said before that answer, and is only put down now, had it.
    """
    row = _for_writing(conversation, by)
    said_at = _said(row, text, True, None, said_at, at)
    clock = row.clock
    if needs_answer and not (clock and clock.answered_at and said_at < clock.answered_at):
        if clock is None or clock.answered_at:
            _ask(row, said_at)
        else:
            hours = hours_of(row.account)
            keep_clock(row, rules.resumed(clock, said_at, hours), hours, warning_percent())
        row.state, row.closed_at, row.responder_id = OPEN, None, _answerer(row)
    row.save()
    after = {"account": row.account_id, "due_at": row.due_at}
    audit.record("conversation.heard", row, at=at, by=by, after=after)
    return row


@transaction.atomic
def answer(
    conversation: Conversation, *, text: str, at: datetime, by: Actor, said_at: datetime | None = None
) -> Conversation:
    """One of us answered: the clock stops, and we wait for them. Where nobody was named, it is whoever answers.

    An answer that was given before they asked, and is only put down now, leaves them waiting.
    """
    row = _for_writing(conversation, by)
    who = by if isinstance(by, User) else None
    said_at = _said(row, text, False, who, said_at, at)
    if row.responder_id is None:
        row.responder = who
    clock = row.clock
    if clock is None or said_at >= clock.asked_at:
        if clock:
            hours = hours_of(row.account)
            keep_clock(row, rules.answered(clock, said_at, hours), hours, warning_percent())
        if row.state == OPEN:
            row.state = WAITING
    row.save()
    after = {"account": row.account_id, "late": bool(row.clock and row.clock.is_late(said_at))}
    audit.record("conversation.answered", row, at=at, by=by, after=after)
    return row


def _said(
    row: Conversation, text: str, inbound: bool, who: User | None, said_at: datetime | None, at: datetime
) -> datetime:
    """Keep an entry; returns when it was said: not before the conversation began, nor in the future."""
    said_at = said_at or at
    if said_at > at:
        raise ValidationError({"said_at": _("This has not happened yet. Enter when it was said.")})
    if said_at < row.began_at:
        raise ValidationError({"said_at": _("The conversation had not begun by then.")})
    entry = Entry(conversation=row, at=said_at, inbound=inbound, text=text, said_by=who)
    check_fields(entry)
    entry.save(force_insert=True)
    row.last_at = max(row.last_at, said_at)
    return said_at


@transaction.atomic
def assign(conversation: Conversation, *, responder: User, at: datetime, by: Actor) -> Conversation:
    """Name who answers. The clock does not mind: the customer has waited just as long."""
    row = _for_writing(conversation, by)
    if not _may_answer(responder, row.account_id):
        raise ValidationError({"responder": _("This person cannot answer here. Choose somebody who sees the account.")})
    before, after = audit.changes(row, {"responder_id": responder.pk})
    if after:
        row.responder = responder
        row.save(update_fields=["responder"])
        audit.record("conversation.assigned", row, at=at, by=by, before=before, after=after)
    return row


@transaction.atomic
def give_conversations(account: Account, *, giver: User | None, at: datetime, by: Actor) -> int:
    """Where whoever gave the account away was to answer, or nobody who still sees it, its owner does now; how many."""
    rows = Conversation.objects.system("of an account that changed hands")
    rows = rows.filter(Q(account=account) | Q(account__merged_into=account))
    return _name_anew(
        rows.filter(Q(state=OPEN) | Q(state=WAITING, responder=giver, responder__isnull=False)), giver, at, by
    )


@transaction.atomic
def leave_conversations(user: User, *, at: datetime, by: Actor) -> int:
    """Where somebody who leaves was to answer, the owner of the account does now; nobody where that is the same."""
    rows = Conversation.objects.system("whoever was to answer leaves").open()
    return _name_anew(rows.filter(responder=user), user, at, by)


def _name_anew(rows: ConversationQuerySet, giver: User | None, at: datetime, by: Actor) -> int:
    named, may_answer = [], cache(_may_answer)  # asked once of each person, however many wait
    found = rows.select_for_update(of=("self",)).select_related(
        "account__owner", "account__merged_into__owner", "responder"
    )
    for row in found.order_by("pk"):
        before, after = audit.changes(row, {"responder_id": _answerer(row, giver, may_answer)})
        if after:
            row.responder_id = after["responder_id"]
            audit.record("conversation.assigned", row, at=at, by=by, before=before, after=after)
            named.append(row)
    return rows.bulk_update(named, ["responder"], batch_size=500)


def _may_answer(person: User, account: int) -> bool:
    return person.may("write_account") and Account.objects.visible_to(person).filter(pk=account).exists()


def _answerer(
    row: Conversation, without: User | None = None, may_answer: Callable[[User, int], bool] = _may_answer
) -> int | None:
    """Who answers: whoever did, while that person may and sees the account; else its owner; None: nobody."""
    held, owner = row.responder, (row.account.merged_into or row.account).owner
    if held and held != without and may_answer(held, row.account_id):
        return held.pk
    return owner.pk if owner and owner.may("write_account") else None


@transaction.atomic
def wait(conversation: Conversation, *, at: datetime, by: Actor) -> Conversation:
    """We need something of theirs first: the clock stands still."""
    return _turn(conversation, WAITING, "conversation.waiting", at, by)


@transaction.atomic
def take_up(conversation: Conversation, *, at: datetime, by: Actor) -> Conversation:
    """It is our turn again: the clock goes on with what was left."""
    return _turn(conversation, OPEN, "conversation.taken_up", at, by)


@transaction.atomic
def close(conversation: Conversation, *, at: datetime, by: Actor) -> Conversation:
    return _turn(conversation, CLOSED, "conversation.closed", at, by)


@transaction.atomic
def reopen(conversation: Conversation, *, at: datetime, by: Actor) -> Conversation:
    """Open again: what had been answered waits anew, what never was goes on with what was left."""
    return _turn(conversation, OPEN, "conversation.reopened", at, by)


def _turn(conversation: Conversation, state: ConversationState, action: str, at: datetime, by: Actor) -> Conversation:
    row = _for_writing(conversation, by)
    if row.state == state:
        return row
    was, clock = row.state, row.clock
    if clock:
        hours = hours_of(row.account)
        if state != OPEN:
            clock = rules.paused(clock, at, hours)
        elif was == CLOSED:
            clock = rules.reopened(clock, at, target_of(row.account, row.channel, at) or clock.target, hours)
        else:
            clock = rules.resumed(clock, at, hours)
        keep_clock(row, clock, hours, warning_percent())
    row.state, row.closed_at = state, at if state == CLOSED else None
    if state == OPEN:
        row.responder_id = _answerer(row)
    row.save()
    audit.record(action, row, at=at, by=by, before={"state": was}, after={"state": state, "due_at": row.due_at})
    return row


def _for_writing(conversation: Conversation, by: Actor) -> Conversation:
    """The row, locked. Who answers may do so wherever the account is seen; else who may write the account."""
    row = Conversation.objects.system("judged just below").select_for_update(of=("self",)).get(pk=conversation.pk)
    if not (isinstance(by, User) and row.responder_id == by.pk and _may_answer(by, row.account_id)):
        require_write(row.account, by=by)
    mark_dirty([row.account_id])
    return row


def _ask(row: Conversation, said_at: datetime) -> None:
    """Start the clock, where the channel has a target."""
    if target := target_of(row.account, row.channel, said_at):
        hours = hours_of(row.account)
        keep_clock(row, rules.asked(said_at, target, hours), hours, warning_percent())


def keep_clock(row: Conversation, clock: Clock, hours: Hours, percent: int) -> None:
    """Put the clock into the columns of the row, which the caller saves. `percent`: see `warning_percent`."""
    row.asked_at, row.target_minutes = clock.asked_at, clock.target // timedelta(minutes=1)
    row.spent_seconds = int(clock.spent.total_seconds())
    row.since, row.due_at, row.answered_at = clock.since, clock.due_at, clock.answered_at
    row.warn_at = rules.warned_at(clock, hours, percent)


@contextmanager
def moving_clocks(at: datetime, accounts: Iterable[int] | None = None) -> Iterator[None]:
    """Around a change of hours, holidays or zones: running clocks keep what they counted and go on by the new ones.

    `accounts` None: whichever; runs in the transaction of the change.
    """
    rows = Conversation.objects.system("clocks run by hours that change").running()
    if accounts is not None:
        rows = rows.filter(account__in=list(accounts))
    held = list(rows.select_for_update().order_by("pk"))
    was = hours_of_all({row.account_id for row in held}) if held else {}
    yield
    now, moved, percent = hours_of_all(was), [], warning_percent()
    for row in held:
        if row.clock and was[row.account_id] != now[row.account_id]:
            hours = now[row.account_id]
            keep_clock(row, rules.moved(row.clock, at, was[row.account_id], hours), hours, percent)
            moved.append(row)
    rows.bulk_update(moved, ["spent_seconds", "since", "due_at", "warn_at"], batch_size=500)


@transaction.atomic
def set_warnings(*, percent: int, posts_a_week: int, own_percent: int, at: datetime, by: Actor) -> None:
    """After which share of a target we warn that it will be missed, and from when on we say too much of ourselves.

    Clocks that run keep the warning they have.
    """
    require("configure", by=by)
    for name, share in (("percent", percent), ("own_percent", own_percent)):
        if not 1 <= share <= 100:
            raise ValidationError({name: _("Enter a share between 1 and 100 percent.")})
    new = {"answer_warning_percent": percent, "social_posts_a_week": posts_a_week, "social_own_percent": own_percent}
    change_installation(**new, at=at, by=by)


@transaction.atomic
def set_target(
    *, channel: str, plan: Plan | None, minutes: int | None, at: datetime, by: Actor
) -> ResponseTarget | None:
    """Within how many open minutes a first answer is due; None: no clock. Clocks that run keep the target they have."""
    require("configure", by=by)
    if channel not in Channel.values:
        raise ValidationError({"channel": _("There is no such channel.")})
    held = ResponseTarget.objects.select_for_update().filter(channel=channel, plan=plan).first()
    before, after = held.minutes if held else None, minutes
    if before == after:
        return held
    row = None
    if minutes is None:
        ResponseTarget.objects.filter(channel=channel, plan=plan).delete()
    else:
        row = held or ResponseTarget(channel=channel, plan=plan)
        row.minutes = minutes
        check_fields(row)
        row.save()
    told = {"channel": channel, "plan": plan.name if plan else ""}
    target = ("responsetarget", channel)
    audit.record(
        "response_target.set", target, at=at, by=by, before={"minutes": before}, after=told | {"minutes": after}
    )
    return row
