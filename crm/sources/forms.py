"""Untrusted input made clean: a request to the tracking API, and the name of a source."""

import re
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from orjson import JSONDecodeError, dumps, loads

from crm.lib.gate import Refused, check_value
from crm.lib.json_pieces import NotJson, elements, flaw, members
from crm.sources.rules import EVENT_LIMIT, EXCERPT, REFUSED_MARK

BATCH_LIMIT = 4 * 1024 * 1024

NOT_JSON = "The body is not JSON. Send one JSON object."
NOT_AN_OBJECT = 'The body is not a JSON object. Send an object such as {"type": "track", …}.'
NO_BATCH = 'The body has no list named batch. Send {"batch": [ … ]}.'
TOO_LONG = f"The event is larger than {EVENT_LIMIT // 1024} KB. Leave out what is not needed."
_MESSAGE_ID = re.compile(rb'"messageId"\s*:\s*"([^"\\\x00-\x1f]{1,255})"')


@dataclass(frozen=True)
class Incoming:
    """A request that may be stored: JSON that the drain can parse, how many events, and the key it named."""

    body: bytes
    events: int
    write_key: str


def read_call(call: str, body: bytes) -> Incoming:
    """Check a request's shape. Raises Refused when there is nothing in it that could be stored.

    `call` is batch or the kind of one event. An event inside a batch is judged by the drain, so that the
    others are kept; what would keep the whole from being parsed is cut out here and leaves its reason.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    if call != "batch" and len(body) > EVENT_LIMIT:
        raise Refused(TOO_LONG)
    try:
        document = loads(body)
    except JSONDecodeError:
        if call != "batch":
            raise _why_not(body) from None
        body = _sound_part(body)
        document = loads(body)
    if not isinstance(document, dict):
        raise Refused(NOT_AN_OBJECT)
    events = 1
    if call == "batch":
        if not isinstance(document.get("batch"), list):
            raise Refused(NO_BATCH)
        events = len(document["batch"])
    else:
        check_value(document)
    return Incoming(body, events, _key_named_in(document))


def _key_named_in(document: dict[str, Any]) -> str:
    key = document.get("writeKey")
    return key if isinstance(key, str) else ""


def _why_not(body: bytes) -> Refused:
    try:
        return flaw(body) or Refused(NOT_JSON)
    except NotJson:
        return Refused(NOT_JSON)


def _sound_part(body: bytes) -> bytes:
    """Write a batch anew in which each event that no parser takes is a marker with the reason in its place.

    Other members of the body that are flawed, such as a sentAt of NaN, are left out: they help, but no
    event depends on them.
    """
    try:
        parts = members(body)
        events = [_event_or_marker(piece) for piece in elements(parts.pop("batch", b""))]
        rest = b"".join(b"," + dumps(name) + b":" + text for name, text in parts.items() if flaw(text) is None)
    except (NotJson, JSONDecodeError, UnicodeEncodeError) as error:
        raise Refused(NOT_JSON) from error
    return b'{"batch":[' + b",".join(events) + b"]" + rest + b"}"


def _event_or_marker(text: bytes) -> bytes:
    reason = flaw(text)
    if reason is None:
        return text
    found = _MESSAGE_ID.search(text)
    return dumps(
        {
            REFUSED_MARK: reason.reason,
            "messageId": found.group(1).decode("utf-8", "replace") if found else "",
            "$excerpt": text[: EXCERPT * 4].decode("utf-8", "replace").replace("\0", "\ufffd")[:EXCERPT],
        }
    )


class SourceForm(forms.Form):
    """A new sender of usage."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("Such as Web app, iOS app or Billing."))
