"""What is kept of customers' people: each app says it here, so that a person can be erased and handed all of it.

`Own`       rows about one person, and what stands in their columns once the person is erased
`Mentions`  texts that may name somebody in passing: the words are taken out, the rest stays
`Apart`     whatever needs code of its own: states to change, raw requests, files

Apps register in their apps.py. tests/architecture/test_personal.py walks all columns of all tables and fails on
one that could hold a person's words and for which nobody answers.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

ERASED = "[erased]"
# Shorter words would tear holes into texts that speak of something else.
SHORTEST, SHORTEST_OTHER_SCRIPT, SHORTEST_ID, SHORTEST_PHONE = 5, 3, 6, 7


@dataclass(frozen=True)
class Subject:
    """The person who is looked for: rows by id, and the words that name them.

    `contacts` are all with the same address, at whichever account; `people` are rows of crm_person under all ids.
    `ids`: (source, id, what stands in its place afterwards) of what programs call the person.
    """

    contacts: tuple[int, ...] = ()
    people: tuple[int, ...] = ()
    accounts: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    ids: tuple[tuple[int, str, str], ...] = ()
    more_ids: tuple[str, ...] = field(default=())

    @cached_property
    def words(self) -> tuple[str, ...]:
        """What is looked for in texts, the longest first; texts are searched for these before `pattern` is."""
        names = {word for word in self.names if len(word) >= _shortest(word)}
        ids = {word for word in (*self.more_ids, *(id_ for _s, id_, _p in self.ids)) if len(word) >= SHORTEST_ID}
        return tuple(sorted(names | ids | set(self.addresses), key=lambda word: (-len(word), word)))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """All ways in which a text may name the person, also inside JSON whose letters are escaped."""
        spelled = [form for word in self.words for form in _spellings(word)]
        spelled += [phone for phone in map(_phone, self.phones) if phone]
        return re.compile("|".join(spelled) or r"(?!)", re.IGNORECASE)

    @property
    def loose(self) -> str:
        """`pattern` for PostgreSQL, in whose words a look behind is not known: it finds a little too much."""
        spelled = [re.escape(word) for word in self.words]
        spelled += [phone for phone in map(_phone, self.phones, [True] * len(self.phones)) if phone]
        return "|".join(spelled) or "(?!)"

    def cleaned(self, value: Any) -> Any:
        """The same value, of whatever JSON type, without the person's words."""
        if isinstance(value, str):
            return self.pattern.sub(ERASED, value)
        if isinstance(value, Mapping):
            return {self.cleaned(key): self.cleaned(inner) for key, inner in value.items()}
        return [self.cleaned(inner) for inner in value] if isinstance(value, list | tuple) else value

    def is_named_in(self, value: Any) -> bool:
        return bool(self.cleaned(value) != (list(value) if isinstance(value, tuple) else value))

    def kept(self) -> dict[str, Any]:
        """As JSON, for work that goes on after the person's rows are gone."""
        return {key: value for key, value in asdict(self).items() if value}

    @classmethod
    def from_kept(cls, kept: Mapping[str, Any]) -> "Subject":
        plain: dict[str, Any] = {key: tuple(value) for key, value in kept.items()}
        return cls(**plain | {"ids": tuple((source, id_, stand_in) for source, id_, stand_in in kept.get("ids", ()))})


def _shortest(word: str) -> int:
    return SHORTEST if word.isascii() else SHORTEST_OTHER_SCRIPT


def _spellings(word: str) -> Iterable[str]:
    """As a pattern: whole words only, except where words carry endings without a space, as in Korean."""
    before = r"(?<!\w)" if word[0].isascii() and word[0].isalnum() else ""
    after = r"(?!\w)" if word[-1].isascii() and word[-1].isalnum() else ""
    for form in dict.fromkeys((word, json.dumps(word)[1:-1])):
        yield f"{before}{re.escape(form)}{after}"


def _phone(number: str, loose: bool = False) -> str:
    """The digits of a number with whatever people put between them; empty for one too short to be told apart."""
    digits = [character for character in number if character.isdigit()]
    if len(digits) < SHORTEST_PHONE:
        return ""
    joined = r"[\s().\-/]*".join(digits)
    return joined if loose else rf"\+?(?<!\d){joined}(?!\d)"


class Own(NamedTuple):
    """Rows of one person, reached from `model` by the path `of` (to the contact, or with `person` to crm_person).

    `erased`: what stands in each column afterwards. `hidden` columns are not handed out: keys and digests.
    """

    model: str
    of: str
    erased: Mapping[str, Any]
    person: bool = False
    hidden: tuple[str, ...] = ()


class Mentions(NamedTuple):
    """Columns that may name a person in passing, of rows of an account (the path `of`) or, with "", of the whole table.

    `whole`: a value that names the person goes altogether, since what stands beside the name is theirs as well.
    """

    model: str
    columns: tuple[str, ...]
    of: str = "account"
    whole: bool = False


class Apart(NamedTuple):
    """What needs code of its own; `columns` ("crm_inbox_batch.body") are those that it answers for.

    `erase(subject, at=, by=)` runs in the transaction of the erasure. `sweep(subject, at=)` afterwards, perhaps
    again after it was cut off, and for minutes; it returns whether all is done. `export(subject)` gives rows.
    """

    name: str
    columns: tuple[str, ...] = ()
    erase: Callable[..., object] | None = None
    sweep: Callable[..., bool] | None = None
    export: Callable[[Subject], list[dict[str, Any]]] | None = None


Kept = Own | Mentions | Apart
registered: list[Kept] = []


def register(*kept: Kept) -> None:
    """Say what an app keeps. Texts and states go before the rows of the person, whatever the order here."""
    registered.extend(kept)
