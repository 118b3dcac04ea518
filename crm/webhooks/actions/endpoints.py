"""Endpoints are made, changed, given new secrets, and resumed. Their secrets never stand in the record."""

from collections.abc import Collection
from datetime import datetime
from secrets import token_bytes
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib import outgoing
from crm.lib.constraints import check_fields
from crm.lib.locks import lock
from crm.staff.actions import require
from crm.staff.models import User
from crm.webhooks import rules
from crm.webhooks.models import PURPOSE, Endpoint, EventKind

SECRET_BYTES = 32


@transaction.atomic
def create_endpoint(*, url: str, events: Collection[str], at: datetime, by: User) -> tuple[Endpoint, str]:
    """Add an address to tell. The second value is its secret, which nobody is shown again."""
    require("manage_keys", by=by)
    secret = rules.secret_of(token_bytes(SECRET_BYTES))
    row = Endpoint(url=url, events=_known(events), locked_secret=_locked(secret), created_at=at, created_by=by)
    _check(row)
    row.save(force_insert=True)
    audit.record("webhook.created", row, at=at, by=by, after=_recorded({"url": row.url, "events": row.events}))
    return row, secret


@transaction.atomic
def change_endpoint(
    endpoint: Endpoint, *, url: str, events: Collection[str], is_active: bool, at: datetime, by: Actor
) -> Endpoint:
    """Change where and of what is told, or switch it off: then what happens is not kept for it."""
    require("manage_keys", by=by)
    row = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    before, after = audit.changes(row, {"url": url, "events": _known(events), "is_active": is_active})
    row.url, row.events, row.is_active = url, _known(events), is_active
    _check(row)
    if after:
        row.save(update_fields=list(after))
        audit.record("webhook.changed", row, at=at, by=by, before=_recorded(before), after=_recorded(after))
    return row


@transaction.atomic
def rotate_secret(endpoint: Endpoint, *, at: datetime, by: Actor) -> tuple[Endpoint, str]:
    """Give it a new secret, shown once; the one so far signs as well for another day, so that nothing is missed."""
    require("manage_keys", by=by)
    row = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    secret = rules.secret_of(token_bytes(SECRET_BYTES))
    row.locked_old_secret, row.old_until = row.locked_secret, at + rules.OVERLAP
    row.locked_secret = _locked(secret)
    row.save(update_fields=["locked_secret", "locked_old_secret", "old_until"])
    audit.record("webhook.secret_rotated", row, at=at, by=by, after={"old_until": row.old_until})
    return row, secret


@transaction.atomic
def resume(endpoint: Endpoint, *, at: datetime, by: Actor) -> Endpoint:
    """Go on telling an endpoint that was paused; what waited is told first."""
    require("manage_keys", by=by)
    row = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    if row.paused_at is not None:
        before = {"paused_at": row.paused_at}
        row.paused_at = row.failing_since = None
        row.save(update_fields=["paused_at", "failing_since"])
        audit.record("webhook.resumed", row, at=at, by=by, before=before, after={"paused_at": None})
    return row


def _recorded(values: dict[str, Any]) -> dict[str, Any]:
    """Of an address the query only as a digest: tokens of other systems are often in it."""
    bare, mark, query = values.get("url", "").partition("?")
    return values | {"url": f"{bare}?{audit.said(query)}"} if mark else values


def _known(events: Collection[str]) -> list[str]:
    if not events or not set(events) <= set(EventKind.values):
        raise ValidationError({"events": _("Choose what it is told of.")})
    return sorted(set(events))


def _check(row: Endpoint) -> None:
    try:
        outgoing.read(row.url)
    except outgoing.Refused as refused:
        raise ValidationError({"url": gettext(str(refused))}) from refused
    check_fields(row)


def _locked(secret: str) -> str:
    return lock(PURPOSE).encrypt(secret.encode()).decode()
