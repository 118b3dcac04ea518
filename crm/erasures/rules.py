"""What a raw request looks like without one person, by text alone."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from crm.lib.personal import Subject

IDS = ("userId", "anonymousId", "previousId")
# Of the person's own events these stay, and numbers among the properties: counted again they give the same uses.
COUNTED = ("type", "event", "name", "messageId", "timestamp", "originalTimestamp", "sentAt", "groupId")
GROUPS = ("groupId", "group_id")


def rewritten(body: bytes, source: int, subject: Subject) -> bytes | None:
    """The body of a request without the person; None: it does not speak of them."""
    text = body.decode("utf-8", "replace")
    stand_ins = {id_: stand_in for of, id_, stand_in in subject.ids if of == source}
    if "\\" not in text and not subject.pattern.search(text) and not any(id_ in text for id_ in stand_ins):
        return None
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        cleaned = subject.cleaned(text)
        return cleaned.encode() if cleaned != text else None
    without = _document(document, stand_ins, subject)
    return None if without == document else orjson.dumps(without)


def _document(document: Any, stand_ins: Mapping[str, str], subject: Subject) -> Any:
    if isinstance(document, dict) and isinstance(document.get("batch"), list):
        rest = subject.cleaned({key: value for key, value in document.items() if key != "batch"})
        return rest | {"batch": [_event(raw, stand_ins, subject) for raw in document["batch"]]}
    return _event(document, stand_ins, subject)


def _event(raw: Any, stand_ins: Mapping[str, str], subject: Subject) -> Any:
    if not isinstance(raw, dict) or not _is_theirs(raw, stand_ins, subject):
        return subject.cleaned(raw)
    kept = {key: subject.cleaned(raw[key]) for key in COUNTED if key in raw}
    for key in IDS:
        if key in raw:
            kept[key] = stand_ins.get(str(raw[key]).strip(), subject.cleaned(raw[key]))
    if groups := {key: value for key, value in _object(raw, "context").items() if key in GROUPS}:
        kept["context"] = groups
    if numbers := {key: n for key, n in _object(raw, "properties").items() if isinstance(n, int | float)}:
        kept["properties"] = numbers
    if raw.get("type") == "group" and "traits" in raw:  # what it says of the company
        kept["traits"] = subject.cleaned(raw["traits"])
    return kept


def _is_theirs(raw: Mapping[str, Any], stand_ins: Mapping[str, str], subject: Subject) -> bool:
    if any(str(raw.get(key, "")).strip() in stand_ins for key in IDS):
        return True
    traits = _object(_object(raw, "context"), "traits") | _object(raw, "traits")
    return str(traits.get("email", "")).strip().lower() in {address.lower() for address in subject.addresses}


def _object(raw: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = raw.get(key)
    return value if isinstance(value, dict) else {}


def own_event(subject: Subject) -> str:
    """As a pattern: JSON of an event that one of the person's ids sent; empty without an id."""
    ids = "|".join(re.escape(id_) for _source, id_, _stand_in in subject.ids)
    return rf'"({"|".join(IDS)})":\s*"?({ids})["\s,}}]' if ids else ""


def is_cut_in(excerpt: str, subject: Subject) -> bool:
    """Whether the excerpt of an event is theirs or names them, be it by the beginning of a word at its very end."""
    theirs = own_event(subject)
    if subject.is_named_in(excerpt) or (theirs and re.search(theirs, excerpt)):
        return True
    ends = (excerpt[-n:].lower() for n in range(4, min(len(excerpt), 80)))
    words = [word.lower() for word in subject.words]
    return any(word.startswith(end) for end in ends for word in words)


def theirs(body: bytes, source: int, subject: Subject) -> list[Any]:
    """The events of a raw request that the person sent, or that name them."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    raws = document.get("batch") if isinstance(document, dict) and "batch" in document else [document]
    ids = {id_: "" for of, id_, _stand_in in subject.ids if of == source}
    found = [raw for raw in raws if isinstance(raw, dict)] if isinstance(raws, list) else []
    return [raw for raw in found if _is_theirs(raw, ids, subject) or subject.is_named_in(raw)]
