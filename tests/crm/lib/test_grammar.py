"""The message grammar: what it fills, what it leaves, what it refuses; and the particles of Korean."""

import pytest

from crm.lib.grammar import GrammarError, Rendered, render, unknown_names
from crm.lib.josa import with_particle


def test_a_field_is_filled_and_keeps_its_surroundings():
    assert render("Hi {{ contact.first_name }},", {"contact.first_name": "Lena"}) == Rendered("Hi Lena,", ())


def test_a_missing_value_takes_its_default():
    assert render('Hi {{ contact.first_name | default:"there" }},', {}) == Rendered("Hi there,", ())


def test_a_missing_value_without_default_stays_visible_and_is_reported():
    assert render("{{ goal }} by May", {"goal": None}) == Rendered("{{ goal }} by May", ("goal",))


def test_values_are_never_read_as_templates():
    assert render("{{ a }}", {"a": "{{ b }}", "b": "x"}).text == "{{ b }}"


def test_unknown_names_are_told_in_order_once():
    assert unknown_names("{{ b }} {{ a }} {{ b }} {{ c }}", {"a"}) == ["b", "c"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{{ a.b() }}", "syntax"),
        ("{{ }}", "syntax"),
        ("{{ a", "syntax"),
        ("a }}", "syntax"),
        ("{% if a %}", "syntax"),
        ("{{ a | safe }}", "filter"),
        ("{{ a | default }}", "argument"),
        ('{{ a | capitalise:"x" }}', "argument"),
        ("{{ a.__class__.__mro__ }}", "unknown"),
    ],
)
def test_what_the_grammar_does_not_know_is_refused(text, code):
    if code == "unknown":
        assert unknown_names(text, {"a"}) == ["a.__class__.__mro__"]
        return
    with pytest.raises(GrammarError) as caught:
        render(text, {"a": "1"})
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("word", "pair", "expected"),
    [
        ("한빛소프트", "을/를", "한빛소프트를"),
        ("김도윤", "이/가", "김도윤이"),
        ("서울", "으로/로", "서울로"),
        ("부산", "으로/로", "부산으로"),
        ("Fleetline", "을/를", "Fleetline을"),
        ("Slack", "은/는", "Slack은"),
        ("Microsoft", "은/는", "Microsoft는"),
        ("25", "을/를", "25를"),
        ("508", "으로/로", "508로"),
        ("13", "과/와", "13과"),
        ("(주)한빛", "은/는", "(주)한빛은"),
    ],
)
def test_particles_follow_the_last_sound(word, pair, expected):
    assert with_particle(word, pair) == expected
