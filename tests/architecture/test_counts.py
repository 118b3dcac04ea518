"""Sentences that tell a count are right for one and for many, and write it as their reader does."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import override

from crm.management.commands.translations import existing
from crm.management.commands.translations import texts as sources
from tests.factories import NOW

PLACE = r"(?:%\((\w+)\)s|\{(\w+)\})"
# Never one: a bound or a span that is fixed in the code and above one.
FIXED = {"limit", "most", "horizon", "window"}
COUNTED = re.compile(r"\{% blocktranslate [^%]*?count (\w+)=(\S+)(.*?)endblocktranslate", re.DOTALL)


@cache
def texts() -> tuple[list[str], list[tuple[str, ...]]]:
    """Every text without a plural, and those with one; `make check` holds the catalogue against the code."""
    found = [message.id for message in existing("ko") if message.id]
    return [each for each in found if isinstance(each, str)], [each for each in found if isinstance(each, tuple)]


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", re.sub(PLACE, "", text)))


def followed(text: str) -> list[tuple[str, str, str]]:
    """(place, the word after it, the next one)"""
    return [(old or new, one, two) for old, new, one, two in re.findall(PLACE + r" (\w+)(?: (\w+))?", text)]


@cache
def counted_in() -> tuple[set[str], set[str]]:
    """The nouns in which the texts count, words of a plural that its singular does not have; and their adjectives."""
    pairs = texts()[1]
    different = set[str]().union(*(words(many) - words(one) for one, many in pairs))
    nouns = {word for word in different if word.endswith("s") or word == "people"} - {"its", "themselves"}
    return nouns, {one for _, many in pairs for _, one, two in followed(many) if two in nouns}


def of_many(text: str) -> set[str]:
    """Places that stand before a noun in the plural."""
    nouns, adjectives = counted_in()
    found = {place for place, one, two in followed(text) if one in nouns or (one in adjectives and two in nouns)}
    return found - FIXED - {"name"}  # of a name, "answers" is what it does


def test_a_text_that_counts_has_a_plural_and_its_singular_is_none():
    plain, pairs = texts()
    assert {text: of_many(text) for text in plain if of_many(text)} == {}
    assert {one: of_many(one) for one, _ in pairs if of_many(one)} == {}


def test_what_would_be_wrong_for_one_is_found():
    said = [
        "%(n)s drafts wait",
        "took %(n)s approved drafts back",
        "{n} accounts",
        "at most %(limit)s accounts",
        "%(n)s left",
    ]
    assert [sorted(of_many(text)) for text in said] == [["n"], ["n"], ["n"], [], []]


def test_a_count_that_chooses_in_a_template_is_written_as_its_reader_does():
    raw = [
        f"{path.name}: {name}={given}"
        for path in sorted((settings.BASE_DIR / "templates").rglob("*.html"))
        for name, given, rest in COUNTED.findall(path.read_text())
        if f"{{{{ {name} }}}}" in rest and not given.endswith("|counted")
    ]
    assert raw == []


def raw_counts(code: str) -> Iterator[int]:
    """Lines that print, as it is, what a plural in the same function is chosen by."""
    for function in ast.walk(ast.parse(code)):
        if not isinstance(function, ast.FunctionDef):
            continue
        calls = [each for each in ast.walk(function) if isinstance(each, ast.Call) and len(each.args) == 3]
        chosen_by = {ast.unparse(each.args[2]) for each in calls if ast.unparse(each.func) == "ngettext"}
        filled = [each for each in ast.walk(function) if isinstance(each, ast.Dict)]
        yield from (each.lineno for each in filled if chosen_by & {ast.unparse(value) for value in each.values})


def test_a_count_that_chooses_in_code_is_written_as_its_reader_does():
    files = [path for path in sources() if path.suffix == ".py"]
    assert [f"{path.name}:{line}" for path in files for line in raw_counts(path.read_text())] == []
    assert list(raw_counts('def said(n):\n    return ngettext("%(n)s day", "%(n)s days", n) % {"n": n}\n')) == [2]


def read(template: str, **context: object) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", "", render_to_string(template, context))).strip()


@pytest.mark.parametrize(
    ("of", "told"),
    [
        (0, ["Importing: 0 of 0 rows", "Undoing: 0 of 0 changes", "0 of the last 0 mails came back"]),
        (1, ["Importing: 1 of 1 row", "Undoing: 1 of 1 change", "1 of the last 1 mail came back"]),
        (1234, ["Importing: 1,234 of 1,234 rows", "Undoing: 1,234 of 1,234 changes", "1,234 of the last 1,234 mails"]),
    ],
)
def test_what_is_done_of_how_many_is_told_for_none_one_and_many(of, told):
    upload = {"pk": 1, "done": of, "goal": of, "percent": 100}
    pause = {"at": NOW, "bounced": of, "of_last": of}
    said = [read("crm/imports/_progress.html", upload=upload | {"state": state}) for state in ("applying", "undoing")]
    said.append(read("crm/_mail_sending.html", pause=pause, request={"now": NOW}))
    assert [words in text for words, text in zip(told, said, strict=True)] == [True, True, True], said
    with override("ko"):
        applying = read("crm/imports/_progress.html", upload=upload | {"state": "applying"})
    assert f"{of:,}행 중 {of:,}행" in applying
