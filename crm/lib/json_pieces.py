"""Saving what is sound of a JSON document that no strict parser takes whole.

Strict parsers refuse a document for one NaN, half a surrogate pair, a byte that is not UTF-8 or a depth
beyond their own. Here the text is cut at its brackets and commas, without recursion and in one pass,
so that each piece can be judged alone.
"""

import json
import re
from typing import Any

from orjson import JSONDecodeError, loads

from crm.lib import gate
from crm.lib.gate import Refused

# Possessive: a string is read once, even when its closing quote is missing.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]++|[\]}]++|,', re.DOTALL)
# A document of more pieces is refused whole: judging each alone would take minutes.
_MOST = 20_000
_RAW_CONTROL = gate._("A text holds a control character that is not written as JSON asks. Escape it.")
_NOT_UTF8 = gate._("A text is not valid UTF-8. Send UTF-8.")
_BLANK = b" \t\r\n"


class NotJson(ValueError):
    """The text is no JSON, not even apart from values that a strict parser refuses."""


def members(text: bytes) -> dict[str, bytes]:
    """Cut an object into its members, by name; each value is still text."""
    pairs: dict[str, bytes] = {}
    for piece in _cut(text, b"{}"):
        token = _TOKEN.match(piece)
        name = token.group() if token else b""
        colon, value = piece[len(name) :].lstrip(_BLANK)[:1], piece[len(name) :].lstrip(_BLANK)[1:]
        if colon != b":" or len(name) < 2:
            raise NotJson
        try:
            pairs[str(json.loads(name))] = value.strip(_BLANK)
        except ValueError as error:
            raise NotJson from error
    return pairs


def elements(text: bytes) -> list[bytes]:
    """Cut a list into its elements; each is still text."""
    return _cut(text, b"[]")


def _cut(text: bytes, brackets: bytes) -> list[bytes]:
    """Split at the commas between the outermost brackets. Raises NotJson when the brackets do not balance."""
    text = text.strip(_BLANK)
    if text[:1] != brackets[:1]:
        raise NotJson
    depth, start, pieces, end = 0, 1, [], len(text)
    for found in _TOKEN.finditer(text):
        token = found.group()
        if token[0] in b"[{":
            depth += len(token)
        elif token[0] in b"]}":
            if len(token) >= depth:  # a run of brackets that closes the outermost one
                end, depth = found.start() + depth - 1, 0
                break
            depth -= len(token)
        elif token == b"," and depth == 1:
            pieces.append(text[start : found.start()].strip(_BLANK))
            start = found.end()
            if len(pieces) > _MOST:
                raise NotJson
    if depth or text[end:] != brackets[1:]:
        raise NotJson
    last = text[start:end].strip(_BLANK)
    if pieces or last:
        pieces.append(last)
    return pieces


def flaw(text: bytes) -> Refused | None:
    """Why a strict parser refuses this piece; None when it does not. Raises NotJson when it is no JSON at all."""
    try:
        loads(text)
    except JSONDecodeError:
        return _diagnosed(text)
    return None


def _diagnosed(text: bytes) -> Refused:
    try:
        # parse_int: Python refuses whole numbers of more than 4,300 digits; as a float they are merely too big.
        value: Any = json.loads(text.decode(), strict=False, parse_int=float)
    except UnicodeDecodeError:
        return Refused(_NOT_UTF8)
    except RecursionError:
        return Refused(gate.TOO_DEEP, limit=gate.DEPTH)
    except ValueError as error:
        raise NotJson from error
    try:
        gate.check_value(value)
    except Refused as refused:
        return refused
    return Refused(_RAW_CONTROL)
