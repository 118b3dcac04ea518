"""When a personal mail goes out, and what identifies the text that was read before it was approved."""

import hashlib
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

from crm.lib.working_hours import Hours, is_working, working_moment

OPENS: Final = time(9, 10)
CLOSES: Final = time(16, 30)
LATE: Final = timedelta(days=3)  # after it a mail comes back, and no word that an answer is late makes sense


def send_at(at: datetime, hours: Hours) -> datetime:
    """The first moment from `at` on inside the recipient's working hours, in UTC."""
    return working_moment(at, hours, opens=OPENS, closes=CLOSES)


def meeting_on(day: date, hours: Hours) -> date:
    """The day that a draft proposes: the third one after `day` on which both they and we work."""
    proposed, left = day, 3
    while left:
        proposed += timedelta(days=1)
        left -= is_working(proposed) and hours.on(proposed) is not None
    return proposed


class Signature(NamedTuple):
    """The lines that somebody signs with; empty ones are not known."""

    name: str
    title: str = ""
    phone: str = ""


SIGNED = 4  # lines at the end of a text


def signed_by(body: str, old: Signature, new: Signature) -> str:
    """The text with its last lines signed by another one of us; what stands above them stays as it was written."""
    lines = body.split("\n")
    above, below = lines[:-SIGNED], lines[-SIGNED:]
    signed: list[str] = []
    for line in below:
        said = line
        for was, now in zip(old, new, strict=True):
            said = said.replace(was, now) if was else said
        if said != line:
            said = said.strip(" ,")
        if said or not line:  # a line of which the new one has nothing goes
            signed.append(said)
    return "\n".join([*above, *signed]).rstrip()


def fingerprint(subject: str, body: str) -> str:
    """SHA-256 of the text as displayed, in hex: approval names the text that was read."""
    return hashlib.sha256(f"{subject}\n{body}".encode()).hexdigest()
