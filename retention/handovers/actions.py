"""What goes along when an account changes hands: conversations, drafts, mails not handed over, tasks; and the page."""

from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction

from crm.accounts.models import OwnerChange
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.conversations.actions import give_conversations
from crm.staff.models import User
from retention.follow_ups.actions import follow_owners
from retention.handovers.models import Handover
from retention.handovers.queries import MOST, before, without_handover
from retention.tasks.actions import give_tasks


@transaction.atomic
def hand_over(change: OwnerChange, *, at: datetime, by: Actor) -> Handover | None:
    """Let what is open go along with the account, unsent, and make the page that its new owner reads.

    None when there is nobody to read it: a pool, or the first owner. One that comes back unread counts as read.
    """
    moved = follow_owners([change.account_id], at=at, by=by)
    earlier = before(change)
    give_conversations(change.account, giver=earlier.owner if earlier else None, at=at, by=by)
    if change.owner is None or earlier is None:
        return None
    if earlier.owner:
        give_tasks(change.account, giver=earlier.owner, taker=change.owner, at=at, by=by)
    newest = Handover.objects.system("of the account at hand").filter(account=change.account_id).order_by("-pk").first()
    came_back = newest is not None and newest.read_at is None and newest.giver_id == change.owner_id
    if newest and came_back:
        newest.read_at = at  # nobody has read it, so there is nothing to tell
        newest.save(update_fields=["read_at"])
    row, made = Handover.objects.system("one for each change").get_or_create(
        change=change,
        defaults={
            "account_id": change.account_id, "giver": earlier.owner, "taker": change.owner, "at": at, "moved": moved,
            "read_at": at if came_back else None,
        },
    )  # fmt: skip
    if made:
        after = {"giver": row.giver_id, "taker": row.taker_id, "moved": moved}
        audit.record("account.handed_over", change.account, at=at, by=by, after=after)
    return row


@transaction.atomic
def catch_up(*, at: datetime, by: Actor) -> str:
    """Hand over what files gave to new owners, and let every draft follow the owner of its account."""
    changes = list(without_handover(at)[:MOST])
    made = sum(hand_over(change, at=at, by=by) is not None for change in changes)
    moved = follow_owners(None, at=at, by=by)
    return f"{made} handovers made, {moved} drafts followed their accounts"


@transaction.atomic
def read_handover(handover: Handover, *, at: datetime, by: User) -> bool:
    """Say that it was read. False when it was read already; PermissionDenied for anybody but who took over."""
    if handover.taker_id != by.pk:
        raise PermissionDenied
    rows = Handover.objects.visible_to(by).filter(pk=handover.pk, read_at=None)
    if not rows.update(read_at=at):
        return False
    audit.record("handover.read", handover, at=at, by=by)
    return True
