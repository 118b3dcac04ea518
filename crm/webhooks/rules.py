"""What is told, how it is signed, and when it is tried again: the Standard Webhooks scheme."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import timedelta

HEALTH_CHANGED, SIGNAL_OPENED = "account.health_changed", "signal.opened"
SURVEY_ANSWERED, CHURNED = "survey.answered", "account.churned"
EVENTS = (HEALTH_CHANGED, SIGNAL_OPENED, SURVEY_ANSWERED, CHURNED)
TEST = "test"

# After the first try; together a little more than three days.
DELAYS = tuple(timedelta(minutes=m) for m in (1, 5, 30, 120, 300, 600, 840, 1200, 1260))
DEAD_AFTER = timedelta(days=3)
OVERLAP = timedelta(hours=24)
KEPT = timedelta(days=30)
GONE = 410
MARK = "whsec_"


def is_taken(status: int) -> bool:
    return 200 <= status < 300


def again_after(attempts: int, message: str) -> timedelta | None:
    """How long to wait after so many failed attempts; None: no more.

    Up to a tenth longer, by message and attempt, so that what failed together does not come back together.
    """
    if attempts > len(DELAYS):
        return None
    share = hashlib.sha256(f"{message}:{attempts}".encode()).digest()[0] / 255
    return DELAYS[attempts - 1] * (1 + share / 10)


def secret_of(raw: bytes) -> str:
    """How a secret is shown: "whsec_" and base64."""
    return MARK + base64.b64encode(raw).decode()


def headers(message: str, at: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The three headers, signed with each secret that holds now; `at` in seconds since 1970."""
    signed = f"{message}.{at}.".encode() + body
    marks = []
    for secret in secrets:
        digest = hmac.new(base64.b64decode(secret.removeprefix(MARK)), signed, hashlib.sha256).digest()
        marks.append("v1," + base64.b64encode(digest).decode())
    return {"webhook-id": message, "webhook-timestamp": str(at), "webhook-signature": " ".join(marks)}
