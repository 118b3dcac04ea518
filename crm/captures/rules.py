"""What is kept of a mail, the secret in the address that caught it, and what makes two subjects the same matter."""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime

_LOCAL = re.compile(r"log-([1-9][0-9]{0,17})-([a-z2-7]{16})", re.IGNORECASE)
# What mail programs put in front, in the languages that we write.
_BEFORE = re.compile(r"\s*(?:re|aw|sv|fwd?|wg|답장|회신|전달)\s*(?:\[\d+\])?\s*[::]\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Letter:
    """What is kept of a mail. `automatic`: a machine wrote it, as bounces and notices of absence are."""

    digest: str
    references: tuple[str, ...]
    sender: str
    recipients: tuple[str, ...]
    sent_at: datetime
    subject: str
    text: str
    automatic: bool


def secret(key: bytes, user: int, version: int) -> str:
    """Eighty bits in letters that survive any mail program; another version of it has nothing to do with it."""
    found = hmac.new(key, f"capture:{user}:{version}".encode(), hashlib.sha256).digest()
    return base64.b32encode(found[:10]).decode().lower()


def local_part(key: bytes, user: int, version: int) -> str:
    return f"log-{user}-{secret(key, user, version)}"


def read_address(address: str) -> tuple[int, str] | None:
    """(whose it says it is, the secret part), of whichever domain; None: no address of this kind."""
    parts = _LOCAL.fullmatch(address.strip().strip("<>").rpartition("@")[0])
    return (int(parts[1]), parts[2].lower()) if parts else None


def digest(message_id: str) -> str:
    """What is kept of a Message-ID: enough to know it again."""
    return hashlib.sha256(message_id.strip().encode()).hexdigest()[:32]


def matter(subject: str) -> str:
    """A subject without what was put in front of it by answering and forwarding."""
    while (parts := _BEFORE.match(subject)) is not None:
        subject = subject[parts.end() :]
    return " ".join(subject.split()).casefold()
