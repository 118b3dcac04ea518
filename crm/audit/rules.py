"""Who acts, as an audit row knows it, and how rows become a chain."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Actor(Protocol):
    """Whoever causes a write: a user, a source, a respondent or the system itself."""

    @property
    def actor_kind(self) -> str: ...
    @property
    def actor_id(self) -> str: ...
    @property
    def actor_label(self) -> str: ...


@dataclass(frozen=True)
class System:
    """The product itself, named by the work it does: `System("drain")`."""

    work: str
    actor_kind: str = "system"

    @property
    def actor_id(self) -> str:
        return self.work

    @property
    def actor_label(self) -> str:
        return self.work


@dataclass(frozen=True)
class Respondent:
    """A customer who answers through one invitation."""

    invitation: int
    actor_kind: str = "respondent"

    @property
    def actor_id(self) -> str:
        return str(self.invitation)

    @property
    def actor_label(self) -> str:
        return "respondent"


def hidden(value: object, key: bytes) -> str:
    """A personal value as an HMAC that can be compared but not read, and not even compared once `key` is gone."""
    return "hmac:" + hmac.new(key, str(value).encode(), hashlib.sha256).hexdigest()[:24]


BEGINNING = bytes(32)


def digest(before: bytes, fields: Sequence[object]) -> bytes:
    """The next link of the chain: SHA-256 over the link before and one row, as JSON with sorted keys.

    `fields` are those of the row in the order of `SEALED`; an instant counts as microseconds since 1970, so that no
    setting of a server or driver can change the digest.
    """
    plain = [_microseconds(value) if isinstance(value, datetime) else value for value in fields]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(before + text.encode()).digest()


SEALED = (
    "id", "at", "actor_kind", "actor_id", "actor_label", "on_behalf_of", "action", "object_kind", "object_id",
    "object_label", "before", "after",
)  # fmt: skip


def _microseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
