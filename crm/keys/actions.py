"""What happens to keys: made, used, revoked; and what was answered is kept for whoever asks again."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.keys import rules
from crm.keys.models import ApiKey, KeptAnswer, scope_choices
from crm.lib.constraints import check_fields
from crm.lib.sql_files import load
from crm.staff.actions import require
from crm.staff.models import User


@transaction.atomic
def create_key(
    *, owner: User, name: str, scopes: Collection[str], expires_at: datetime, at: datetime, by: User
) -> tuple[ApiKey, str]:
    """Make a key that acts for `owner`. The second value is the key itself, which nobody can read again."""
    require("manage_keys", by=by)
    errors = {}
    if not owner.is_active:
        errors["owner"] = _("This person has left. Choose somebody who is here.")
    if not scopes or not set(scopes) <= {scope for scope, _words in scope_choices()}:
        errors["scopes"] = _("Choose what the key may do.")
    if not at < expires_at <= at + timedelta(days=rules.MOST_DAYS):
        errors["expires_on"] = _("Choose a day from tomorrow on, and within a year.")
    if errors:
        raise ValidationError(errors)
    secret = rules.MARK + secrets.token_urlsafe(32)
    row = ApiKey(
        owner=owner,
        name=name,
        scopes=sorted(scopes),
        prefix=secret[: rules.PREFIX],
        sha256=hashlib.sha256(secret.encode()).digest(),
        created_at=at,
        created_by=by,
        expires_at=expires_at,
    )
    check_fields(row)
    row.save(force_insert=True)
    after = {"owner": owner.pk, "scopes": row.scopes, "prefix": row.prefix, "expires_at": expires_at}
    audit.record("api_key.created", row, at=at, by=by, after=after)
    return row, secret


@transaction.atomic
def revoke_key(key: ApiKey, *, at: datetime, by: Actor) -> ApiKey:
    """End a key at once; its owner may do so too. One that was revoked before keeps its time."""
    if not (isinstance(by, User) and by.is_active and by.pk == key.owner_id):
        require("manage_keys", by=by)
    row = ApiKey.objects.select_for_update().get(pk=key.pk)
    if row.revoked_at is None:
        row.revoked_at = at
        row.save(update_fields=["revoked_at"])
        audit.record("api_key.revoked", row, at=at, by=by, before={"revoked_at": None}, after={"revoked_at": at})
    return row


def revoke_keys_of(user: User, *, at: datetime, by: Actor) -> None:
    """Whoever leaves takes no way in along, nor do the programs that came in for them."""
    for key in ApiKey.objects.filter(owner=user, revoked_at=None).order_by("pk"):
        revoke_key(key, at=at, by=by)


@transaction.atomic
def note_call(key: ApiKey, *, at: datetime, by: User) -> int:
    """Count a call, and say how many that makes in this minute; the first one of a key's life is on record.

    One statement, so that calls at the same moment all count.
    """
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "count_call"), {"key": key.pk, "at": at})
        ((calls, is_first),) = cursor.fetchall()
    if is_first:
        audit.record("api_key.first_used", key, at=at, by=by)
    return int(calls)


class InProgress(RuntimeError):
    """The same Idempotency-Key is being answered at this moment."""


class AnotherCall(ValueError):
    """This Idempotency-Key was used for something else."""


class Answered(NamedTuple):
    status: int
    row: int | None


def answered(key: ApiKey, name: str, digest: bytes, *, at: datetime) -> Answered | None:
    """What this call came to when it was made before; None: it is new, and nobody else makes it until the commit.

    Raises InProgress or AnotherCall.
    """
    with connection.cursor() as cursor:
        lock = hashlib.sha256(f"{key.pk}:{name}".encode()).digest()[:8]
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(lock, "big", signed=True)])
        if cursor.fetchone() != (True,):
            raise InProgress
    rows = KeptAnswer.objects.filter(key=key, name=_hashed(name))
    rows.filter(kept_at__lte=at - rules.REPEATABLE).delete()
    kept = rows.first()
    if kept is None:
        return None
    if bytes(kept.digest) != digest:
        raise AnotherCall
    return Answered(kept.status, kept.row)


def keep_answer(key: ApiKey, name: str, digest: bytes, answer: Answered, *, at: datetime) -> None:
    """Remember the answer in the transaction of what it tells of, so that neither can stand alone."""
    named = {"key": key, "name": _hashed(name), "digest": digest}
    KeptAnswer.objects.create(**named, status=answer.status, row=answer.row, kept_at=at)


def _hashed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


@transaction.atomic
def tidy(*, at: datetime, by: Actor) -> int:
    """Forget answers that nobody can ask for any more; returns how many."""
    if by.actor_kind != "system":
        raise PermissionDenied
    gone, _kinds = KeptAnswer.objects.filter(kept_at__lte=at - rules.REPEATABLE).delete()
    return gone
