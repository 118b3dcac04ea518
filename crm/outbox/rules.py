"""Mail as arithmetic and grammar: addresses, headers, retries, scopes of refusal, who may speak for whom."""

import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from crm.accounts.rules import Holding, may_write
from crm.staff import rules as staff

ATTEMPTS = 5
LEASE = timedelta(seconds=120)  # longer than a mail's whole timeout budget (crm.lib.mailer.BUDGET)
EVIDENCE_AFTER = timedelta(minutes=15)
RETRY_MINUTES = (1, 5, 15, 60)
LAST_MAILS = 200
BOUNCES_PAUSE_ABOVE = 10  # 5 % of the last 200
HARD_BOUNCES = (550, 551, 553)
EVERYTHING, UNATTENDED = "everything", "unattended"
ALLOWED_HEADERS = {"in-reply-to": "In-Reply-To", "references": "References", "auto-submitted": "Auto-Submitted"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_LOCAL = re.compile(r"[^\s\x00-\x1f\x7f()<>@,;:\\\"\[\]]{1,64}")


class Unmailable(ValueError):
    """An address or header that cannot be put into a mail without becoming something else."""


def mailable(address: str) -> str:
    """Return the address with its domain in ASCII; raises Unmailable for what is no single plain address.

    The part before the @ may hold letters of any script (SMTPUTF8, RFC 6531). Quoted local parts and
    lists are refused, so that nothing in an address can end it early.
    """
    local, at, domain = unicodedata.normalize("NFC", address).rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or local[0] in ".-" or local[-1] == "." or ".." in local:
        raise Unmailable(address)
    try:
        ascii_domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise Unmailable(address) from error
    if not re.fullmatch(r"(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*", ascii_domain) or len(address) > 254:
        raise Unmailable(address)
    return f"{local}@{ascii_domain}"


def same_address(one: str, other: str) -> bool:
    return normal(one) == normal(other)


def normal(address: str) -> str:
    """The form under which an address is compared and hashed: NFC, lower case, domain in ASCII when it has one."""
    try:
        address = mailable(address.strip())
    except Unmailable:
        pass
    return unicodedata.normalize("NFC", address).lower()


def address_hash(address: str, salt: bytes) -> str:
    return hmac.new(salt, normal(address).encode(), hashlib.sha256).hexdigest()


def one_line(text: str) -> bool:
    """Whether the text can stand in a header: a line end in it would begin a header of its own."""
    return not _CONTROL.search(text)


def clean_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return the few headers that callers may set, in their usual spelling; raises Unmailable for any other."""
    clean = {}
    for name, value in (headers or {}).items():
        if name.lower() not in ALLOWED_HEADERS or not one_line(value) or not value.isascii():
            raise Unmailable(name)
        clean[ALLOWED_HEADERS[name.lower()]] = value
    return clean


def body_hash(*parts: str) -> str:
    """SHA-256 over the parts with their limits, so that no text can move from one part to the next unseen."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def message_id(key: str, salt: bytes, domain: str) -> str:
    """The same for the same key in one installation, and of no use to another one with the same domain."""
    return f"<{hmac.new(salt, f'mail:{key}'.encode(), hashlib.sha256).hexdigest()[:32]}@{domain}>"


def retry_in(attempts: int) -> timedelta:
    """How long to wait after the n-th attempt, n from 1."""
    return timedelta(minutes=RETRY_MINUTES[min(max(attempts, 1), len(RETRY_MINUTES)) - 1])


def is_hard_bounce(code: int, words: str, *, sender: bool) -> bool:
    """Whether the reply says that the address does not exist; 5.7.x is about policy, and a refused sender about us."""
    return code in HARD_BOUNCES and not sender and not words.startswith("5.7.")


def listed(kind: str, unattended: bool) -> str:
    """The scope that an unsubscribe from this mail refuses, or "" for personal mail, which carries no link."""
    if kind in ("survey", "advertising"):
        return kind
    return UNATTENDED if unattended and kind != "transactional" else ""


def scopes(kind: str, unattended: bool) -> frozenset[str]:
    """The refusals that stop this mail."""
    return frozenset({EVERYTHING, kind} | ({UNATTENDED} if unattended else set()))


def is_ask(kind: str, *, manual: bool, unattended: bool, reply: bool) -> bool:
    """Whether a context hold stops it: surveys, advertising and whatever nobody wrote by hand."""
    if reply or kind == "transactional":
        return False
    return kind in ("survey", "advertising") or unattended or not manual


def pauses(bounces: int) -> bool:
    """Whether so many hard bounces among the last 200 mails stop all sending."""
    return bounces > BOUNCES_PAUSE_ABOVE


MARK = "(광고)"


def must_be_marked(kind: str, language: str, zone: str) -> bool:
    """Whether the law of Korea, where the reader is or whose language the reader has, wants advertising marked."""
    return kind == "advertising" and (language.partition("-")[0] == "ko" or zone == "Asia/Seoul")


@dataclass(frozen=True)
class Sender:
    """What counts about one of us when mail goes out in somebody's name."""

    id: int
    team: int | None
    role: str
    active: bool = True


def writes_to(sender: Sender, held: Holding, covers: staff.Covers = staff.NOBODY) -> bool:
    """Whether mail in this person's name may go to the account: who may change it, except ops, who send as nobody.

    Cover lets a person decide what becomes of another's mail, never approve or sign it.
    """
    may = sender.active and staff.may(sender.role, "approve")
    return may and may_write(sender.role, sender.id, sender.team, held, covers)


def approves(approver: Sender, signer: Sender, held: Holding, *, shared: bool) -> bool:
    """Whether `approver` may let this mail out under `signer`'s name.

    `shared` mail (surveys, unattended) is approved as a whole by ops or whoever writes to the account; a
    personal one by its signer, or by the manager of the signer's team.
    """
    if not approver.active or not signer.active:
        return False
    if shared:
        return staff.may(approver.role, "configure") or writes_to(approver, held)
    if not writes_to(signer, held) or not writes_to(approver, held):
        return False
    same_team = approver.team is not None and approver.team == signer.team
    return approver.id == signer.id or (approver.role == staff.MANAGER and same_team)


def said_in_short(words: str) -> str:
    """The codes of a server's answer without its words, which often repeat the address: "550 5.1.1"."""
    found = re.match(r"[2-5]\d\d( [245]\.\d{1,3}\.\d{1,3})?", words)
    return found[0] if found else ""
