"""The gate lets through what can be stored, listed and exported, and says why it refuses the rest."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from crm.lib import gate
from crm.lib.gate import Refused, check_value, clamped, clean_text, instant

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Acme", "Acme"),
        ("  Acme \n", "Acme"),
        ("김도윤", "김도윤"),  # decomposed jamo come together
        ("Ame\u0301lie", "Amélie"),
        ("evil\u202etxt.exe", "eviltxt.exe"),
        ("\u2066a\u2069\u200f", "a"),
        ("bell\x07", "bell"),
        ("two\nlines", "two\nlines"),
        ("🚀", "🚀"),
        ("", ""),
    ],
)
def test_text_becomes_nfc_without_direction_marks(raw: str, clean: str):
    assert clean_text(raw, 20) == clean


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("a\0b", gate.NUL),
        ("\ud800", gate.SURROGATE),
        ("é\udfff", gate.SURROGATE),
        (5, gate.NOT_TEXT),
        (None, gate.NOT_TEXT),
        ("é\0", gate.NUL),
    ],
)
def test_text_that_no_column_can_hold_is_refused(raw: object, reason: object):
    with pytest.raises(Refused) as caught:
        clean_text(raw, 20)
    assert str(caught.value) == str(reason)


def test_text_over_its_limit_is_refused_with_the_limit():
    assert clean_text("x" * 20, 20) == "x" * 20
    with pytest.raises(Refused, match="longer than 20 characters"):
        clean_text("x" * 21, 20)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"a": [1, 2.5, True, None, "x", {"b": "김"}]},
        2**53,
        -(2**53),
        1e15,
        nested(20),
        {"k" * 255: 1},
        [[] for _ in range(100)],
    ],
)
def test_ordinary_values_pass(value: object):
    check_value(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (float("nan"), "NaN"),
        ({"a": [float("inf")]}, "infinite"),
        (2**53 + 1, "beyond"),
        (-(2**53) - 1, "beyond"),
        (1e300, "beyond"),
        ({"a": "x\0"}, "NUL"),
        ({"x\0": 1}, "NUL"),
        ({"a": "\ud83d"}, "surrogate"),
        ({"\udc00": 1}, "surrogate"),
        ({"k" * 256: 1}, "longer than 255"),
        ({1: 1}, "not a text"),
        (nested(21), "more than 20 levels"),
        (json.loads("[" * 900 + "]" * 900), "more than 20 levels"),
    ],
)
def test_values_that_would_break_a_page_later_are_refused(value: object, words: str):
    with pytest.raises(Refused, match=words):
        check_value(value)


def test_depth_counts_objects_and_lists_alike():
    check_value({"a": [1]}, depth=2)
    with pytest.raises(Refused):
        check_value({"a": [[1]]}, depth=2)


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-11-21T09:00:00Z", NOW),
        ("2026-11-21T10:00:00+01:00", NOW),
        ("2026-11-21T09:00:00", NOW),
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-21T09:00:00.123456789Z", NOW + timedelta(microseconds=123456)),
        (1795251600, datetime(2026, 11, 21, 9, 0, tzinfo=UTC)),
        (1795251600000, datetime(2026, 11, 21, 9, 0, tzinfo=UTC)),
        (NOW.astimezone(timezone(timedelta(hours=9))), NOW),
        ("2000-01-01T00:00:00Z", gate.EARLIEST),
        ("2026-11-22T09:00:00Z", NOW + timedelta(hours=24)),
    ],
)
def test_times_are_read_as_utc(value: object, at: datetime):
    assert instant(value, now=NOW) == at


@pytest.mark.parametrize(
    ("value", "moved_to"),
    [
        ("1999-12-31T23:59:59Z", gate.EARLIEST),
        ("0001-01-01T00:00:00+12:00", gate.EARLIEST),
        ("9999-12-31T23:59:59-12:00", NOW + timedelta(hours=24)),
        ("2026-11-22T09:00:01Z", NOW + timedelta(hours=24)),
    ],
)
def test_times_out_of_range_are_refused_or_moved(value: str, moved_to: datetime):
    with pytest.raises(Refused):
        instant(value, now=NOW)
    assert clamped(value, now=NOW) == moved_to


@pytest.mark.parametrize("value", ["", "soon", "2026-13-01", None, True, [], {}, float("nan"), 1e300, "10000-01-01"])
def test_what_is_no_time_is_refused(value: object):
    with pytest.raises(Refused, match="cannot be read"):
        clamped(value, now=NOW)
