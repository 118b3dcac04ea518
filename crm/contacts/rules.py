"""How a contact looks to somebody who may not read contact data, and what identify calls say about one."""

import hashlib
import hmac
import unicodedata
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from crm.lib.gate import clean_text

HIDDEN = "•••"
UNDO_MERGE_WITHIN = timedelta(days=30)
# What a merge of two records decides field by field.
MERGED_FIELDS = ("name", "email", "job_title", "phone", "role", "language", "time_zone")


def masked_name(name: str) -> str:
    """The first letter of each word: "Mina Kwon" → "M••• K•••"."""
    return " ".join(word[0] + HIDDEN for word in name.split()) or HIDDEN


def masked_email(email: str) -> str:
    """The company's part alone: "mina@acme.example" → "•••@acme.example"."""
    return f"{HIDDEN}@{email.rpartition('@')[2]}" if email else ""


def masked_phone(phone: str) -> str:
    return HIDDEN if phone else ""


# What names a person: (kind, value). An id of a program is one of its source: "person:7".
Named = tuple[str, str]
ADDRESS, EXTERNAL_ID = "address", "external id"


def at_source(source: int) -> str:
    return f"person:{source}"


def mark_of(named: Named, salt: bytes) -> str:
    """The hash under which a name of somebody who was erased is known again, in hex; addresses in any case."""
    kind, value = named
    value = unicodedata.normalize("NFC", value.strip())
    text = f"erased:{kind}:{value.casefold() if kind == ADDRESS else value}"
    return hmac.new(salt, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


# Trait names that SDKs use for a contact's fields, the first one given wins; and how long a field may be.
TRAITS = {
    "email": (("email",), 254),
    "name": (("name", "fullName"), 200),
    "job_title": (("title", "jobTitle", "job_title"), 120),
    "phone": (("phone",), 40),
}


def identity(traits: Mapping[str, Any], *, languages: Collection[str], zones: Collection[str]) -> dict[str, str]:
    """The fields of a contact that a person's traits give; what is empty, no text or too long is left out."""
    values: dict[str, str] = {}
    for field, (names, limit) in TRAITS.items():
        texts = [text for text in (_given(traits, name) for name in names) if 0 < len(text) <= limit]
        if texts:
            values[field] = texts[0]
    first = _given(traits, "firstName") or _given(traits, "first_name")
    last = _given(traits, "lastName") or _given(traits, "last_name")
    if "name" not in values and 0 < len(f"{first} {last}".strip()) <= TRAITS["name"][1]:
        values["name"] = f"{first} {last}".strip()
    language = (_given(traits, "language") or _given(traits, "locale")).replace("_", "-").partition("-")[0].lower()
    if language in languages:
        values["language"] = language
    zone = _given(traits, "timezone")
    if zone in zones:
        values["time_zone"] = zone
    return values


def _given(traits: Mapping[str, Any], name: str) -> str:
    value = traits.get(name)
    return clean_text(value, 2**20) if isinstance(value, str) else ""
