"""The small grammar of message templates: `{{ contact.first_name | default:"there" }}` and nothing more.

Names are looked up in a flat mapping of plain values, never followed into objects; there are no loops, conditions
or calls, so that a template can be checked whole when it is saved and can reach nothing that was not listed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crm.lib.josa import with_particle

_TOKEN = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_NAME = re.compile(r"\s*([a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*)\s*")
_FILTER = re.compile(r'\|\s*([a-z_]+)\s*(?::\s*"([^"{}]*)")?\s*')
NEEDS_ARGUMENT = {"default": True, "josa": True, "capitalise": False}


class GrammarError(ValueError):
    """A template that cannot be read. `code` says what is wrong, `where` quotes the place."""

    def __init__(self, code: str, where: str) -> None:
        super().__init__(f"{code}: {where}")
        self.code, self.where = code, where


@dataclass(frozen=True)
class Field:
    """One `{{ … }}`: the name it stands for and its filters, in order, with their arguments."""

    name: str
    filters: tuple[tuple[str, str], ...]
    source: str


@dataclass(frozen=True)
class Rendered:
    """The text, and the names that had no value and no default; those stay in the text as they were written."""

    text: str
    unfilled: tuple[str, ...]


def parse(text: str) -> list[str | Field]:
    """Split a template into literal text and fields. Raises GrammarError with code syntax, filter or argument."""
    parts: list[str | Field] = []
    end = 0
    for match in _TOKEN.finditer(text):
        parts += [text[end : match.start()], _field(match.group(0), match.group(1))]
        end = match.end()
    parts.append(text[end:])
    for literal in parts:
        if isinstance(literal, str) and ("{{" in literal or "}}" in literal or "{%" in literal):
            raise GrammarError("syntax", literal.strip()[:60])
    return [part for part in parts if part != ""]


def _field(source: str, inside: str) -> Field:
    name = _NAME.match(inside)
    if not name:
        raise GrammarError("syntax", source[:60])
    filters: list[tuple[str, str]] = []
    position = name.end()
    while position < len(inside):
        found = _FILTER.match(inside, position)
        if not found:
            raise GrammarError("syntax", source[:60])
        word, argument = found.group(1), found.group(2)
        if word not in NEEDS_ARGUMENT:
            raise GrammarError("filter", word)
        if NEEDS_ARGUMENT[word] != (argument is not None):
            raise GrammarError("argument", source[:60])
        filters.append((word, argument or ""))
        position = found.end()
    return Field(name.group(1), tuple(filters), source)


def unknown_names(text: str, allowed: Iterable[str]) -> list[str]:
    """The names a template uses that nobody will fill, in order of appearance."""
    known = set(allowed)
    return list(dict.fromkeys(p.name for p in parse(text) if isinstance(p, Field) and p.name not in known))


def render(text: str, values: Mapping[str, str | None]) -> Rendered:
    """Fill a template. A null or empty value takes the field's default, or leaves the field standing and reported."""
    out: list[str] = []
    unfilled: list[str] = []
    for part in parse(text):
        if isinstance(part, str):
            out.append(part)
            continue
        value = _filled(part, values.get(part.name) or "")
        if value or any(word == "default" for word, _ in part.filters):
            out.append(value)
        else:
            unfilled.append(part.name)
            out.append(part.source)
    return Rendered("".join(out), tuple(unfilled))


def _filled(field: Field, value: str) -> str:
    for word, argument in field.filters:
        if word == "default":
            value = value or argument
        elif value and word == "josa":
            value = with_particle(value, argument)
        elif value and word == "capitalise":
            value = value[:1].upper() + value[1:]
    return value
