"""A mail as it comes in, made clean: bounded before it is parsed, and nothing in it is believed but its words."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any, TypeVar

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.accounts.forms import OtherAccount
from crm.captures import queries
from crm.captures.rules import Letter, digest
from crm.lib.gate import EARLIEST, Refused, clean_text
from crm.outbox.rules import Unmailable, mailable
from crm.staff.models import User

MOST_BYTES, MOST_HEADER, MOST_PARTS, MOST_HTML = 10_000_000, 64_000, 100, 500_000
MOST_RECIPIENTS, MOST_REFERENCES, SUBJECT_LIMIT, TEXT_LIMIT = 100, 20, 200, 20_000
T = TypeVar("T")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,240}>")
# What the parser raises, beside its own errors, for headers and bodies that are no such thing.
_ODD = (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def incoming(raw: bytes, *, recipient: str, now: datetime) -> tuple[User, Letter] | None:
    """Whose address a mail came to, and what it says. None: nobody's, or no mail that can be read."""
    user = queries.user_of(recipient)
    if user is None:
        return None
    try:
        return user, read(raw, now=now)
    except Refused:
        return None


def read(raw: bytes, *, now: datetime) -> Letter:
    """Read one RFC 5322 message; raises Refused for what is none, or too much."""
    if len(raw) > MOST_BYTES:
        raise Refused("The mail is larger than 10 MB.")
    head = re.split(rb"\r?\n\r?\n", raw[: MOST_HEADER + 1], maxsplit=1)[0]
    if len(head) > MOST_HEADER:
        raise Refused("The head of the mail is too long.")
    mail = _tried(lambda: message_from_bytes(raw, policy=policy.default), None)
    if not isinstance(mail, EmailMessage):
        raise Refused("The mail cannot be read.")
    senders = _addresses(mail, "from")
    if len(senders) != 1:
        raise Refused("The mail does not say from whom it is.")
    known = _MESSAGE_ID.search(_header(mail, "message-id"))
    answers = _MESSAGE_ID.findall(f"{_header(mail, 'in-reply-to')} {_header(mail, 'references')}"[:MOST_HEADER])
    return Letter(
        digest=digest(known[0] if known else repr(raw)),
        references=tuple(dict.fromkeys(digest(each) for each in answers[:MOST_REFERENCES])),
        sender=senders[0],
        recipients=tuple(dict.fromkeys(_addresses(mail, "to") + _addresses(mail, "cc")))[:MOST_RECIPIENTS],
        sent_at=_sent_at(mail, now),
        subject=_storable(" ".join(_header(mail, "subject").split()), SUBJECT_LIMIT),
        text=_storable(_text(mail), TEXT_LIMIT),
        automatic=_header(mail, "auto-submitted").lower() not in ("", "no")
        or _header(mail, "precedence").lower() in ("bulk", "junk", "list")
        or "list-id" in mail,
    )


def _tried(read_it: Callable[[], T], otherwise: T) -> T:
    try:
        return read_it()
    except _ODD:
        return otherwise


def _header(mail: EmailMessage, name: str) -> str:
    return _tried(lambda: str(mail.get(name, "")).strip(), "")


def _addresses(mail: EmailMessage, name: str) -> list[str]:
    """The addresses in a header that are single plain ones, in lower case."""
    header: Any = _tried(lambda: mail.get(name), None)
    none: list[str] = []
    found = _tried(lambda: [f"{each.username}@{each.domain}" for each in header.addresses], none) if header else none
    return [plain for each in found if (plain := _plain(each))]


def _plain(address: str) -> str:
    try:
        return mailable(clean_text(address, 254)).lower()
    except (Unmailable, Refused):
        return ""


def _sent_at(mail: EmailMessage, now: datetime) -> datetime:
    """When it says that it was sent; when it came, where that cannot be."""
    header: Any = _tried(lambda: mail.get("date"), None)
    said: Any = _tried(lambda: header.datetime, None) if header else None
    if not isinstance(said, datetime):
        return now
    at = _tried(lambda: said.replace(tzinfo=said.tzinfo or UTC).astimezone(UTC), now)
    return at if EARLIEST <= at <= now else now


def _text(mail: EmailMessage) -> str:
    """Its words: the plain part, else the HTML one without its tags."""
    if _tried(lambda: sum(1 for _part in mail.walk()), MOST_PARTS + 1) > MOST_PARTS:
        raise Refused("The mail has too many parts.")
    part: Any = _tried(lambda: mail.get_body(("plain", "html")), None)
    if part is None:
        return ""
    content: Any = _tried(lambda: part.get_content(), "")
    if not isinstance(content, str):
        return ""
    return content if part.get_content_type() != "text/html" else _Plain.of(content[:MOST_HTML])


class _Plain(HTMLParser):
    """The words of a page, with a line end where a block ends; what scripts and styles hold is no word."""

    BLOCKS = frozenset(("p", "div", "br", "tr", "li", "h1", "h2", "h3", "blockquote", "table", "ul", "ol"))
    SILENT = frozenset(("script", "style", "head", "title"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.silent = 0

    @classmethod
    def of(cls, html: str) -> str:
        found = cls()
        _tried(lambda: found.feed(html), None)
        found.close()
        lines = (" ".join(line.split()) for line in "".join(found.pieces).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.silent += tag in self.SILENT
        if tag in self.BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.silent = max(0, self.silent - (tag in self.SILENT))
        if tag in self.BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.pieces.append(data)


def _storable(text: str, limit: int) -> str:
    """A text that can be stored and shown, cut to the limit: whoever sent the mail does not hear of it any more."""
    whole = text.replace("\0", "").encode("utf-8", "replace").decode().replace("\r\n", "\n")
    try:
        return clean_text(whole[:limit], limit)
    except Refused:  # composing letters may have made it longer
        return clean_text(whole[: limit // 4], limit)


class AssignForm(forms.Form):
    """To which account a mail belongs that nobody knew where to put."""

    account = OtherAccount(label=_("Account"), help_text=_("The external id of the account that it was written to."))

    def __init__(self, *args: Any, user: User, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["account"].user = user  # type: ignore[attr-defined]  # OtherAccount above
