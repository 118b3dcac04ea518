"""Which keys there are, and whose a key is that somebody came in with."""

import hashlib
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery

from crm.keys.models import ApiKey, KeyUse
from crm.staff.models import User
from crm.staff.queries import person


def keys_for(user: User) -> QuerySet[ApiKey]:
    """Keys in the order of their making, newest first: all for whoever manages them, else one's own.

    Each knows `used_at`, the minute of its last use; None: never.
    """
    rows = ApiKey.objects.select_related("owner", "created_by")
    if not user.may("manage_keys"):
        rows = rows.filter(owner=user)
    used = KeyUse.objects.filter(key=OuterRef("pk")).values("minute")
    return rows.annotate(used_at=Subquery(used)).order_by("-pk")


def key_of(secret: str, *, at: datetime) -> tuple[ApiKey, User] | None:
    """The key and its owner as of `at`; None for what is unknown, revoked, expired, or of somebody who has left."""
    sha256 = hashlib.sha256(secret.encode("utf-8", "replace")).digest()
    key = ApiKey.objects.filter(sha256=sha256, revoked_at=None, expires_at__gt=at).first()
    owner = person(key.owner_id) if key else None
    if key is None or owner is None or not owner.is_active:
        return None
    owner.asks_at = at
    owner.asks_through = str(key)
    return key, owner
