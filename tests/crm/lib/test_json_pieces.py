"""What is sound of a document is saved; what is no JSON stays none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.lib import gate
from crm.lib.json_pieces import NotJson, elements, flaw, members

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,  # deeper ones took the time of a hundred other tests and found no more
)


@given(st.dictionaries(st.text(), VALUES))
def test_an_object_is_cut_as_a_parser_would_read_it(value: dict[str, object]):
    assert {name: json.loads(text) for name, text in members(json.dumps(value).encode()).items()} == value


@given(st.lists(VALUES))
def test_a_list_is_cut_as_a_parser_would_read_it(value: list[object]):
    assert [json.loads(text) for text in elements(json.dumps(value, indent=1).encode())] == value


def test_strings_may_hold_brackets_commas_and_quotes():
    assert elements(rb'[ "],[" , {"a": "\"}"} ,"\\"]') == [rb'"],["', rb'{"a": "\"}"}', rb'"\\"']
    assert members(b'{"a,}": [1,2], "b" :{}}') == {"a,}": b"[1,2]", "b": b"{}"}
    assert elements(b" [] ") == []


@pytest.mark.parametrize(
    "text",
    [b"", b"[", b"[1,2", b"[1]]", b'["a]', b"[1] 2", b"{}", b"[" * 100_000, b"[" + b"1," * 30_000 + b"1]"],
)
def test_a_list_whose_brackets_do_not_balance_is_no_json(text: bytes):
    with pytest.raises(NotJson):
        elements(text)


@pytest.mark.parametrize("text", [b"[]", b"{1: 2}", b'{"a"}', b'{"a": 1,}', b'{"a": 1', b'{"\\x": 1}', b"{,}"])
def test_an_object_without_proper_names_is_no_json(text: bytes):
    with pytest.raises(NotJson):
        members(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"a": NaN}', gate.NOT_FINITE),
        (b'{"a": -Infinity}', gate.NOT_FINITE),
        (b"[1e999]", gate.NOT_FINITE),
        (b"[" + b"9" * 5000 + b"]", gate.NOT_FINITE),
        (b'{"a": "\\ud800"}', gate.SURROGATE),
        (b"[" * 100_000 + b"]" * 100_000, gate.TOO_DEEP.format(limit=20)),
        (b'["\xff\xfe"]', "A text is not valid UTF-8. Send UTF-8."),
        (b'["a\tb"]', "A text holds a control character that is not written as JSON asks. Escape it."),
    ],
)
def test_a_flaw_has_its_reason(text: bytes, reason: str):
    found = flaw(text)
    assert found is not None
    assert found.reason == reason


def test_sound_json_has_no_flaw():
    assert flaw(b'{"a": [1, "x", null]}') is None


@pytest.mark.parametrize("text", [b"", b"{oops}", b'{"a": undefined}', b"'a'", b"[1,]"])
def test_what_is_no_json_is_not_explained_away(text: bytes):
    with pytest.raises(NotJson):
        flaw(text)
