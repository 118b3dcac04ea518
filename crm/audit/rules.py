"""Who acts: the three things that an audit row knows about an actor."""

import hashlib
import hmac
from dataclasses import dataclass
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
