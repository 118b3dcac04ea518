"""Handovers as people meet them: the newest of an account, and those that wait to be read."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from crm.accounts.models import OwnerChange, OwnerChangeQuerySet
from crm.staff.models import User
from retention.handovers.models import Handover, HandoverQuerySet

CATCH_UP = timedelta(days=14)
MOST = 500


def unread(user: User) -> HandoverQuerySet:
    """What this person took over and has not read yet, newest first."""
    rows = (
        Handover.objects.system("who owns an account sees it")
        .unread()
        .filter(taker=user)
        .select_related("account", "giver")
    )
    return rows.order_by("-pk")


def before(change: OwnerChange) -> OwnerChange | None:
    """Who had the account before the change; None: it is the first."""
    rows = OwnerChange.objects.system("who gave the account away").filter(account=change.account_id)
    return rows.filter(from_at__lt=change.from_at).order_by("-from_at").first()


def without_handover(at: datetime) -> OwnerChangeQuerySet:
    """Changes of the last two weeks that took an account from one to somebody else and have no handover, oldest first.

    Files change owners in bulk, without the action that makes one. First owners are left out here: of an import of
    100,000 accounts none would ever get a handover, and each run would look at them again.
    """
    done = Handover.objects.system("changes that have one").values("change")
    every = OwnerChange.objects.system("changes of owner without a handover")
    earlier = every.filter(account=OuterRef("account"), from_at__lt=OuterRef("from_at"))
    rows = every.filter(Exists(earlier), from_at__gt=at - CATCH_UP, from_at__lte=at)
    late = rows.exclude(owner=None).exclude(pk__in=done).select_related("account", "owner")
    return late.order_by("from_at", "pk")
