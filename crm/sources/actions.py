"""What happens to sources: they are made, given keys and robbed of them, and their requests are accepted."""

import hashlib
import secrets
from datetime import datetime, timedelta

import psycopg
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib import gate, partitions, sql_files
from crm.lib.constraints import clearly
from crm.sources.models import Source, WriteKey
from crm.sources.queries import oldest_waiting
from crm.staff.actions import require

BEHIND_AFTER = timedelta(minutes=15)
KEY_MARK = "hf_"
TAKEN = {"crm_source_name_key": ("name", _("Another source has this name. Choose another one."))}


class UnknownKey(LookupError):
    """No such write key, or it was revoked."""


class Behind(RuntimeError):
    """The drain is so late that nothing more is taken in for now."""


def accept(*, key: str, call: str, body: bytes, events: int, at: datetime) -> int:
    """Store one request for the drain and return its id; once this has returned, it is committed.

    `body` is JSON that `crm.sources.forms.read_call` let pass. Raises UnknownKey, or Behind when the oldest
    batch has waited for over 15 minutes. Leaves no audit row: the drain leaves one a run.
    """
    if _is_behind(at):
        raise Behind
    partitions.ensure_days("crm_inbox_batch", (at.date(), at.date() + timedelta(days=1)))
    secret = key.encode("utf-8", "replace")
    values = {
        "day": at.date(),
        "at": at,
        "call": call,
        "body": body.replace(secret, b"") if secret else body,  # keys are stored as hashes only
        "events": events,
        "sha256": hashlib.sha256(secret).digest(),
    }
    connection.ensure_connection()
    # The parameters travel beside the statement: written into it, as Django does, the body would double.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql_files.load(__file__, "accept"), values)
        stored = cursor.fetchone()
    if stored is None:
        raise UnknownKey
    return int(stored[0])


# What the last look at the queue saw, and when. A look costs more than storing a batch, as it asks every day's
# partition, so each process looks once a second.
_LOOK_EVERY = timedelta(seconds=1)
_last_look: tuple[datetime, datetime | None] | None = None


def _is_behind(at: datetime) -> bool:
    global _last_look
    if _last_look is None or not timedelta(0) <= at - _last_look[0] < _LOOK_EVERY:
        _last_look = (at, oldest_waiting())
    oldest = _last_look[1]
    return oldest is not None and oldest < at - BEHIND_AFTER


def look_again() -> None:
    """Forget what the last look at the queue saw."""
    global _last_look
    _last_look = None


@transaction.atomic
def create_source(*, name: str, at: datetime, by: Actor) -> Source:
    """Add a sender of usage. Raises ValidationError when the name is empty, too long or taken."""
    require("manage_keys", by=by)
    try:
        name = gate.clean_text(name, 100)
    except gate.Refused as refused:
        raise ValidationError({"name": refused.reason}) from refused
    if not name:
        raise ValidationError({"name": _("A source needs a name.")})
    with clearly(TAKEN):
        source = Source.objects.create(name=name, created_at=at)
    audit.record("source.created", source, at=at, by=by, after={"name": name})
    return source


@transaction.atomic
def create_write_key(source: Source, *, at: datetime, by: Actor) -> tuple[WriteKey, str]:
    """Add a key to a source. The second value is the key itself, which nobody can read again."""
    require("manage_keys", by=by)
    secret = KEY_MARK + secrets.token_urlsafe(24)
    row = WriteKey.objects.create(
        source=source, prefix=secret[:8], sha256=hashlib.sha256(secret.encode()).digest(), created_at=at
    )
    audit.record("write_key.created", row, at=at, by=by, after={"source": source.name, "prefix": row.prefix})
    return row, secret


@transaction.atomic
def revoke_write_key(key: WriteKey, *, at: datetime, by: Actor) -> WriteKey:
    """End a key at once; what it has sent stays. A key revoked before keeps its time."""
    require("manage_keys", by=by)
    row = WriteKey.objects.select_for_update().get(pk=key.pk)
    if row.revoked_at is None:
        row.revoked_at = at
        row.save(update_fields=["revoked_at"])
        audit.record("write_key.revoked", row, at=at, by=by, before={"revoked_at": None}, after={"revoked_at": at})
    return row
