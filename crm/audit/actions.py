"""Writing the record: called inside the transaction of the change it describes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models, transaction
from orjson import loads

from crm.audit.models import AuditRow, AuditSeal
from crm.audit.queries import BATCH, head, sealable
from crm.audit.rules import BEGINNING, Actor, digest, hidden


def record(
    action: str,
    target: models.Model | tuple[str, str],
    *,
    at: datetime,
    by: Actor,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    personal: frozenset[str] | set[str] = frozenset(),
    key: bytes = b"",
    on_behalf_of: Actor | None = None,
) -> AuditRow:
    """Append one audit row in the caller's transaction.

    `target` is the changed row, or (kind, id) for work that has none. Names in `personal` are stored as
    HMACs under `key`, the contact's own. Raises RuntimeError outside a transaction: a record that could
    survive without its change, or the other way round, would be worth nothing.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("An audit row is written in the transaction of the change that it describes.")
    kind, pk = target if isinstance(target, tuple) else (target._meta.model_name or "", str(target.pk))
    return AuditRow.objects.create(
        at=at,
        actor_kind=by.actor_kind,
        actor_id=by.actor_id,
        actor_label=by.actor_label[:200],
        on_behalf_of=on_behalf_of.actor_label[:200] if on_behalf_of else "",
        action=action,
        object_kind=kind,
        object_id=pk,
        object_label=_label(target, personal),
        before=_plain(before, personal, key),
        after=_plain(after, personal, key),
    )


def _label(target: models.Model | tuple[str, str], personal: frozenset[str] | set[str]) -> str:
    """What the row is called, unless that names a person or is a text in which somebody may name one (`is_said`)."""
    return "" if isinstance(target, tuple) or personal or getattr(target, "is_said", False) else str(target)[:200]


def _plain(values: Mapping[str, Any] | None, personal: frozenset[str] | set[str], key: bytes) -> dict[str, Any]:
    shown = {
        name: hidden(value, key) if name in personal and value not in (None, "") else value
        for name, value in (values or {}).items()
    }
    plain: dict[str, Any] = loads(DjangoJSONEncoder().encode(shown))
    return plain


def said(text: str) -> str:
    """A reason or another text of ours, which may name somebody: its HMAC and length.

    The words themselves stand with the row that they are about, where an erasure finds them (ADR 13).
    """
    return f"{hidden(text, settings.SECRET_KEY.encode())}, {len(text)}" if text else ""


def changes(row: models.Model, new: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Compare `new` field values with the row: what differs, as (before, after), keyed by field name."""
    before = {name: getattr(row, name) for name in new if getattr(row, name) != new[name]}
    return _shown(before), _shown({name: new[name] for name in before})


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.pk if isinstance(value, models.Model) else value for name, value in values.items()}


@transaction.atomic
def note_export(what: str, *, view: str, at: datetime, by: Actor) -> AuditRow:
    """Somebody takes the list `what` as a file, narrowed to what the address of its page says."""
    return record("list.exported", ("list", what), at=at, by=by, after={"view": view[:500]} if view else {})


@transaction.atomic
def seal(*, at: datetime, by: Actor, limit: int = BATCH) -> int:
    """Append committed rows to the chain (ADR 15), at most `limit`; returns how many.

    `by` leaves no row of its own: a record of sealing would itself have to be sealed, for ever.
    """
    if by.actor_kind != "system":
        raise PermissionDenied
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE crm_auditseal IN SHARE ROW EXCLUSIVE MODE")  # one sealer at a time; readers go on
    last = head()
    position, so_far = (last.position, bytes(last.digest)) if last else (0, BEGINNING)
    links = []
    for n, fields in enumerate(sealable(limit), 1):
        so_far = digest(so_far, fields)
        links.append(AuditSeal(position=position + n, row_id=fields[0], digest=so_far, sealed_at=at))
    AuditSeal.objects.bulk_create(links)
    return len(links)
