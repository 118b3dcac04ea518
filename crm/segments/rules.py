"""Filters as plain trees: read from an address or from JSON, checked, written back. No rows, no SQL.

A tree is a group of conditions: all of them, any of them, or none of them. In an address it reads like
`renewal.next.90,any(band.is.leaving,mrr.at_least.1000)`: field, operator and values, parted by commas inside groups,
several values by ~. What parts is written as * and two digits inside a value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from crm.lib.gate import Refused, clean_text


def _(text: str) -> str:
    """Mark a sentence for translation; whoever shows it translates it."""
    return text


MOST_CONDITIONS, DEEPEST, MOST_VALUES, LONGEST_VALUE, LONGEST = 50, 5, 50, 200, 6_000
MOST_DAYS = 36_500
ALL, ANY, NONE = "all", "any", "none"


@dataclass(frozen=True)
class Leaf:
    """One condition on one field."""

    field: str
    op: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """`how`: all, any or none of the parts. All of nothing is everything."""

    how: str
    parts: tuple["Leaf | Group", ...] = ()

    def __bool__(self) -> bool:
        return bool(self.parts)


Tree = Leaf | Group
EVERYTHING = Group(ALL)

# --- what a condition may say ----------------------------------------------------------------------------------------

TEXT, NAME, CHOICE, WORDS, NUMBER, DATE, FLAG, OWNER = (
    "text", "name", "choice", "words", "number", "date", "flag", "owner",
)  # fmt: skip
NOTHING, ONE, TWO, MANY = "nothing", "one", "two", "many"
PRESENCE = {"known": NOTHING, "unknown": NOTHING}
OPERATORS: dict[str, dict[str, str]] = {
    NAME: {"words": ONE, "is": MANY, "is_not": MANY},
    TEXT: {"is": MANY, "is_not": MANY, "begins": ONE, **PRESENCE},
    CHOICE: {"is": MANY, "is_not": MANY},
    OWNER: {"is": MANY, "is_not": MANY},
    WORDS: {"has": MANY, "has_not": MANY, **PRESENCE},
    NUMBER: {"at_least": ONE, "under": ONE, "between": TWO, "is": ONE, **PRESENCE},
    DATE: {
        "next": ONE, "last": ONE, "later": ONE, "older": ONE, "past": NOTHING, "between": TWO, "before": ONE,
        "from": ONE, **PRESENCE,
    },
    FLAG: {"yes": NOTHING, "no": NOTHING},
}  # fmt: skip
IN_DAYS = frozenset({"next", "last", "later", "older"})
# An operator that says the opposite of another one, so that whoever has no value is among it.
OPPOSITE = {"is_not": "is", "has_not": "has", "unknown": "known"}

NO_FIELD = _("There is no field “{field}”. It may have been removed; take the condition out, or choose another field.")
NO_OPERATOR = _("{field} cannot be compared by “{op}”. Choose one of its comparisons.")
NO_VALUE = _("{field}: a value is missing. Give one, or take the condition out.")
TOO_MANY_VALUES = _("{field}: more than {limit} values. Leave some out.")
NOT_A_NUMBER = _("{field}: “{value}” is not a number. Write it with a point, such as 1240.5.")
NOT_DAYS = _("{field}: “{value}” is not a number of days from 0 to 36,500.")
NOT_A_DAY = _("{field}: “{value}” is not a day. Write it as year-month-day, such as 2026-11-21.")
NOT_A_CHOICE = _("{field}: “{value}” is none of its values. Choose one from the list.")
NOT_A_HOLDER = _("{field}: “{value}” is neither a person nor a team. Choose one from the list.")
BACKWARDS = _("{field}: “{first}” comes after “{second}”. Swap them.")
UNREADABLE = _("The filter cannot be read from “{place}” on. Build it anew, or open the saved view again.")
TOO_LONG = _("The filter is longer than {limit} characters. Make two segments of it.")
TOO_DEEP = _("The filter nests groups more than {limit} deep. Put them side by side.")
TOO_BIG = _("The filter has more than {limit} conditions. Make two segments of it.")


def typed(kind: str, leaf: Leaf, label: str) -> tuple[Any, ...]:
    """The leaf's values in the type of its field; `label` names the field in a refusal (crm.lib.gate.Refused)."""
    shape = OPERATORS[kind].get(leaf.op)
    if shape is None:
        raise Refused(NO_OPERATOR, field=label, op=leaf.op[:40])
    wanted = {NOTHING: 0, ONE: 1, TWO: 2}.get(shape, max(1, len(leaf.values)))
    values = tuple(clean_text(value, LONGEST_VALUE) for value in leaf.values[:wanted])
    if len(values) < wanted or not all(values):
        raise Refused(NO_VALUE, field=label)
    if len(values) > MOST_VALUES:
        raise Refused(TOO_MANY_VALUES, field=label, limit=MOST_VALUES)
    found = tuple(_typed(kind, leaf.op, value, label) for value in values)
    if shape == TWO and found[0] > found[1]:
        raise Refused(BACKWARDS, field=label, first=values[0], second=values[1])
    return found


def _typed(kind: str, op: str, value: str, label: str) -> Any:
    if kind == NUMBER:
        return _number(value, label)
    if kind == DATE:
        return _days(value, label) if op in IN_DAYS else _day(value, label)
    if kind == OWNER and not re.fullmatch(r"me|team|nobody|(user|team)-[0-9]{1,18}", value, re.ASCII):
        raise Refused(NOT_A_HOLDER, field=label, value=value)
    return value


def _number(value: str, label: str) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise Refused(NOT_A_NUMBER, field=label, value=value) from None
    if not number.is_finite() or abs(number) > 2**53:
        raise Refused(NOT_A_NUMBER, field=label, value=value)
    return number


def _days(value: str, label: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", value, re.ASCII) or int(value) > MOST_DAYS:
        raise Refused(NOT_DAYS, field=label, value=value)
    return int(value)


def _day(value: str, label: str) -> date:
    try:
        found = date.fromisoformat(value)
    except ValueError:
        raise Refused(NOT_A_DAY, field=label, value=value) from None
    if not 1900 <= found.year <= 2200:
        raise Refused(NOT_A_DAY, field=label, value=value)
    return found


# --- a tree as the text of an address --------------------------------------------------------------------------------

_ESCAPED = re.compile(r"[*~,()]")
_WORD = re.compile(r"[^~,()]*")


def written(tree: Tree) -> str:
    """The tree as it stands in an address, before percent-encoding; the outermost "all" goes without saying."""
    if isinstance(tree, Group) and tree.how == ALL:
        return ",".join(_part(part) for part in tree.parts)
    return _part(tree)


def _part(tree: Tree) -> str:
    if isinstance(tree, Group):
        return f"{tree.how}({','.join(_part(part) for part in tree.parts)})"
    words = [_safe(tree.field, dots=True), _safe(tree.op, dots=True)]
    if tree.values:
        words.append("~".join(_safe(value) for value in tree.values))
    return ".".join(words)


def _safe(text: str, *, dots: bool = False) -> str:
    text = _ESCAPED.sub(lambda found: f"*{ord(found[0]):02x}", text)
    return text.replace(".", "*2e") if dots else text


def _plain(text: str) -> str:
    return re.sub(r"\*([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), text)


def read(text: str) -> Group:
    """The tree of an address; the empty text is everything. Raises `Refused`."""
    if len(text) > LONGEST:
        raise Refused(TOO_LONG, limit=LONGEST)
    reader = _Reader(text)
    tree = Group(ALL, reader.parts(1)) if text else EVERYTHING
    if reader.at < len(text):
        raise reader.lost()
    return within_limits(tree)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def lost(self) -> Refused:
        return Refused(UNREADABLE, place=self.text[self.at : self.at + 40])

    def word(self) -> str:
        found = _WORD.match(self.text, self.at)
        assert found is not None
        self.at = found.end()
        return found[0]

    def passed(self, sign: str) -> bool:
        is_there = self.text.startswith(sign, self.at)
        self.at += is_there
        return is_there

    def parts(self, depth: int) -> tuple[Tree, ...]:
        if depth > DEEPEST:
            raise Refused(TOO_DEEP, limit=DEEPEST)
        found = [self.part(depth)]
        while self.passed(","):
            found.append(self.part(depth))
        return tuple(found)

    def part(self, depth: int) -> Tree:
        word = self.word()
        if word in (ALL, ANY, NONE) and self.passed("("):
            group = Group(word, self.parts(depth + 1))
            if not self.passed(")"):
                raise self.lost()
            return group
        field, *rest = word.split(".", 2)
        if not field or not rest or not rest[0]:
            self.at -= len(word)
            raise self.lost()
        values = [rest[1]] if len(rest) == 2 else []
        while self.passed("~"):
            values.append(self.word())
        return Leaf(_plain(field), _plain(rest[0]), tuple(_plain(value) for value in values))


# --- a tree as JSON --------------------------------------------------------------------------------------------------


def with_value(tree: Tree, field: str, old: str, new: str) -> Tree:
    """The tree with `new` wherever a condition on the field names `old`; one that names both stays as it is."""
    if isinstance(tree, Group):
        return Group(tree.how, tuple(with_value(part, field, old, new) for part in tree.parts))
    if tree.field != field or old not in tree.values or new in tree.values:
        return tree
    return Leaf(tree.field, tree.op, tuple(new if value == old else value for value in tree.values))


def as_json(tree: Tree) -> dict[str, Any]:
    if isinstance(tree, Group):
        return {tree.how: [as_json(part) for part in tree.parts]}
    return {"field": tree.field, "op": tree.op, "values": list(tree.values)}


def from_json(given: object) -> Group:
    """The tree of what `as_json` wrote, or a stranger did. Raises `Refused`."""
    tree = _of(given, 1)
    return within_limits(tree if isinstance(tree, Group) else Group(ALL, (tree,)))


def _of(given: object, depth: int) -> Tree:
    if depth > DEEPEST + 1:
        raise Refused(TOO_DEEP, limit=DEEPEST)
    if isinstance(given, Mapping):
        for how in (ALL, ANY, NONE):
            if given.keys() == {how} and isinstance(given[how], list):
                return Group(how, tuple(_of(part, depth + 1) for part in given[how]))
        field, op, values = given.get("field"), given.get("op"), given.get("values", [])
        if isinstance(field, str) and isinstance(op, str) and isinstance(values, list):
            return Leaf(field, op, tuple(str(value) for value in values))
    raise Refused(UNREADABLE, place=str(given)[:40])


def within_limits(tree: Group) -> Group:
    """The tree itself, unless it is too deep or too big to be run."""
    if depth_of(tree) > DEEPEST:
        raise Refused(TOO_DEEP, limit=DEEPEST)
    if len(leaves(tree)) > MOST_CONDITIONS:
        raise Refused(TOO_BIG, limit=MOST_CONDITIONS)
    return tree


def depth_of(tree: Tree) -> int:
    return 1 + max((depth_of(part) for part in tree.parts), default=0) if isinstance(tree, Group) else 0


def leaves(tree: Tree) -> list[Leaf]:
    """The conditions from left to right."""
    if isinstance(tree, Leaf):
        return [tree]
    return [leaf for part in tree.parts for leaf in leaves(part)]


# --- building one, condition by condition ----------------------------------------------------------------------------


def both(*trees: Group) -> Group:
    """What all of these ask for."""
    parts: list[Tree] = []
    for tree in trees:
        parts += tree.parts if tree.how == ALL else [tree]
    return Group(ALL, tuple(parts))


def added(tree: Group, leaf: Leaf, beside: int | None = None) -> Group:
    """With one condition more; `beside` names the part (from 0) to which it is an alternative."""
    parts = list(both(tree).parts)
    if beside is None or not 0 <= beside < len(parts):
        return Group(ALL, (*parts, leaf))
    held = parts[beside]
    alternatives = held.parts if isinstance(held, Group) and held.how == ANY else (held,)
    parts[beside] = Group(ANY, (*alternatives, leaf))
    return Group(ALL, tuple(parts))


def without(tree: Group, part: int, alternative: int | None = None) -> Group:
    """Without one part, or without one alternative of a part."""
    parts = list(both(tree).parts)
    held = parts[part]
    if alternative is not None and isinstance(held, Group) and held.how == ANY and len(held.parts) > 1:
        rest = held.parts[:alternative] + held.parts[alternative + 1 :]
        parts[part] = rest[0] if len(rest) == 1 else Group(ANY, rest)
    else:
        del parts[part]
    return Group(ALL, tuple(parts))
