"""A mail as the customer reads it, in text and HTML, and as the bytes that go over the wire. Nothing is sent here."""

from dataclasses import dataclass, field
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage, Message
from typing import Any

import css_inline
import nh3
from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.html import escape, urlize
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import normalize_newlines
from django.utils.translation import gettext as _

from crm.outbox import rules
from crm.outbox.models import OutboundMail, UnsubscribeLink

TAGS = {"a", "b", "blockquote", "br", "div", "em", "h1", "h2", "i", "li", "ol", "p", "span", "strong", "ul"}
TAGS |= {"table", "tbody", "td", "th", "thead", "tr"}
_signer = Signer(salt="crm.outbox.unsubscribe")
_inliner = css_inline.CSSInliner(keep_style_tags=False, load_remote_stylesheets=False)


class _Policy(policy.EmailPolicy):
    """Python encodes long words of a header as if they were prose, which breaks links and ids: these stay whole."""

    whole = ("list-unsubscribe", "list-unsubscribe-post", "message-id", "in-reply-to", "references")

    def fold(self, name: str, value: Any) -> str:
        if name.lower() in self.whole:
            return f"{name}: {str(value).replace(' ', f'{self.linesep} ')}{self.linesep}"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() in self.whole:
            return self.fold(name, value).encode()
        return super().fold_binary(name, value)


WIRE: "policy.EmailPolicy[Message[str, str]]" = _Policy(linesep="\r\n", cte_type="7bit")
WIRE_UTF8 = WIRE.clone(utf8=True)


@dataclass(frozen=True)
class Text:
    """What the layout puts around a message: lines below it, and the address that stops such mails."""

    language: str
    subject: str
    lines: list[str] = field(default_factory=list)
    stop_words: str = ""
    stop_url: str = ""

    def context(self, body: str | SafeString) -> dict[str, object]:
        stop = {"words": self.stop_words, "url": self.stop_url} if self.stop_url else None
        return {"language": self.language, "subject": self.subject, "body": body, "lines": self.lines, "stop": stop}


def footer(
    *, language: str, subject: str, kind: str, unattended: bool, reply: bool, team: str, reader: str, stop_url: str
) -> Text:
    """The lines below a message: how it came about, and how to get no more of these.

    `team`: in whose name an unattended mail is sent; `reader`: who reads what is answered.
    """
    with translation.override(language):
        lines = []
        if unattended:
            words = _("This mail was sent automatically by %(team)s. %(reader)s reads your reply.")
            lines.append(words % {"team": team, "reader": reader})
        if not stop_url and not reply and kind != "transactional":
            lines.append(_("If you would rather get no mail like this from me, just say so in a reply."))
        words = {"survey": _("No more surveys"), "advertising": _("No more offers and news")}.get(
            kind, _("No more automatic mails")
        )
    return Text(language, subject, lines, words if stop_url else "", stop_url)


def as_text(text: Text, body: str) -> str:
    return render_to_string("emails/base.txt", text.context(normalize_newlines(body).strip())).strip() + "\n"


def as_html(text: Text, body: str, body_html: str) -> str:
    """The whole document with its styles inlined; without HTML of its own the text's paragraphs are used."""
    inner = clean(body_html) if body_html else paragraphs(body)
    return str(_inliner.inline(render_to_string("emails/base.html", text.context(inner))))


def clean(html: str) -> SafeString:
    """What a mail may hold of HTML: words, lists, links and tables; no pictures, so nothing that tells of a reading."""
    cleaned = nh3.clean(
        html,
        tags=TAGS,
        attributes={"a": {"href"}, "table": {"role"}},
        generic_attribute_prefixes=set(),
        allowed_classes={tag: {"button", "scale", "small"} for tag in TAGS},
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    )
    return mark_safe(cleaned)  # noqa: S308 - nh3 has just cleaned it


def paragraphs(body: str) -> SafeString:
    blocks = [block for block in normalize_newlines(body).strip().split("\n\n") if block.strip()]
    html = "".join(f"<p>{urlize(escape(block.strip())).replace(chr(10), '<br>')}</p>" for block in blocks)
    return mark_safe(html)  # noqa: S308 - escaped block by block


def unsubscribe_token(link: UnsubscribeLink) -> str:
    return _signer.sign(link.pk.hex)


def link_id(token: str) -> str:
    """The id behind a token; "" when we did not sign it."""
    try:
        return _signer.unsign(token)
    except BadSignature:
        return ""


def unsubscribe_url(link: UnsubscribeLink) -> str:
    return f"{settings.SITE_URL}{reverse('unsubscribe', args=[unsubscribe_token(link)])}"


def list_headers(url: str, reply_to: str) -> dict[str, str]:
    """What mailbox providers turn into their own unsubscribe button (RFC 2369, RFC 8058)."""
    return {
        "List-Unsubscribe": f"<{url}>, <mailto:{rules.mailable(reply_to)}?subject=unsubscribe>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def wire(mail: OutboundMail, *, at: datetime) -> bytes:
    """The mail as bytes, with CRLF; the same row and instant give the same bytes.

    Raises Unmailable when an address or header could become something else.
    """
    to, sender = rules.mailable(mail.to_address), rules.mailable(mail.from_address)
    if not all(rules.one_line(text) for text in (mail.subject, mail.to_name, mail.from_name)):
        raise rules.Unmailable("header")
    message = EmailMessage(policy=WIRE if to.isascii() and sender.isascii() else WIRE_UTF8)
    message["From"] = _address(mail.from_name, sender)
    message["To"] = _address(mail.to_name, to)
    if mail.reply_to:
        message["Reply-To"] = _address("", rules.mailable(mail.reply_to))
    message["Subject"] = mail.subject
    message["Date"] = at
    message["Message-ID"] = mail.message_id
    for name, value in mail.headers.items():
        message[name] = value
    message.set_content(mail.body_text, cte="quoted-printable")
    if mail.body_html:
        message.add_alternative(mail.body_html, subtype="html", cte="quoted-printable")
        message.set_boundary(f"holdfast-{rules.body_hash(mail.message_id)[:32]}")
    return message.as_bytes()


def _address(name: str, address: str) -> Address:
    local, _at, domain = address.rpartition("@")
    return Address(display_name=name, username=local, domain=domain)
