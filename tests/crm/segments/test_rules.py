"""Trees of filters: read, written back, and refused in sentences that say what, where and how to mend it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.lib.gate import Refused
from crm.segments import rules
from crm.segments.rules import ALL, ANY, NONE, Group, Leaf

RENEWS, LEAVES, PAYS = Leaf("renewal", "next", ("90",)), Leaf("band", "is", ("leaving",)), Leaf("mrr", "under", ("10",))


def test_an_address_says_what_it_asks_for():
    tree = Group(ALL, (RENEWS, Group(ANY, (LEAVES, PAYS)), Group(NONE, (Leaf("tag", "has", ("vip", "new")),))))
    assert rules.written(tree) == "renewal.next.90,any(band.is.leaving,mrr.under.10),none(tag.has.vip~new)"
    assert rules.read(rules.written(tree)) == tree


def test_what_parts_may_stand_in_a_value():
    leaf = Leaf("trait:a.b", "is", ("1,240.5 (net)~*",))
    assert rules.written(leaf) == "trait:a*2eb.is.1*2c240.5 *28net*29*7e*2a"
    assert rules.read(rules.written(leaf)) == Group(ALL, (leaf,))


def test_nothing_asked_is_everything():
    assert rules.read("") == rules.EVERYTHING
    assert not rules.EVERYTHING


WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
LEAVES_OF_ANY_WORDS = st.builds(Leaf, WORDS, WORDS, st.lists(WORDS, max_size=3).map(tuple))
TREES = st.recursive(
    LEAVES_OF_ANY_WORDS,
    lambda parts: st.builds(
        Group, st.sampled_from([ALL, ANY, NONE]), st.lists(parts, min_size=1, max_size=3).map(tuple)
    ),
    max_leaves=8,
).map(lambda tree: Group(ALL, (tree,)))


@given(TREES)
def test_every_tree_comes_back_from_its_address_and_from_json(tree):
    if rules.depth_of(tree) > rules.DEEPEST:
        with pytest.raises(Refused):
            rules.read(rules.written(tree))
        return
    assert rules.read(rules.written(tree)) == tree
    assert rules.from_json(rules.as_json(tree)) == tree


@given(st.text(max_size=60))
def test_whatever_is_typed_is_read_or_refused(text):
    with suppress(Refused):
        tree = rules.read(text)
        assert rules.read(rules.written(tree)) == tree


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("renewal", "cannot be read from “renewal” on"),
        ("mrr.under.1,", "cannot be read from “” on"),
        ("any(mrr.under.1", "cannot be read from “” on"),
        ("mrr.under.1)", "cannot be read from “)” on"),
        ("any(any(any(any(any(a.b)))))", "more than 5 deep"),
        (",".join(["a.b"] * 51), "more than 50 conditions"),
        ("x" * 6001, "longer than 6,000 characters"),
    ],
)
def test_an_address_that_cannot_be_read_says_where(text, said):
    with pytest.raises(Refused) as refused:
        rules.read(text)
    assert said in refused.value.reason.replace("6000", "6,000")


@pytest.mark.parametrize(
    "given", [{"all": 1}, {"field": "a"}, [], "x", {"any": [{"nope": []}]}, None, {"all": [], "x": 1}]
)
def test_json_that_is_no_tree_is_refused(given):
    with pytest.raises(Refused):
        rules.from_json(given)


@pytest.mark.parametrize(
    ("kind", "leaf", "said"),
    [
        (rules.NUMBER, Leaf("mrr", "at_least", ("12x",)), "“12x” is not a number"),
        (rules.NUMBER, Leaf("mrr", "at_least", ("NaN",)), "“NaN” is not a number"),
        (rules.NUMBER, Leaf("mrr", "at_least", ()), "a value is missing"),
        (rules.NUMBER, Leaf("mrr", "between", ("5",)), "a value is missing"),
        (rules.NUMBER, Leaf("mrr", "between", ("5", "4")), "“5” comes after “4”"),
        (rules.NUMBER, Leaf("mrr", "begins", ("5",)), "cannot be compared by “begins”"),
        (rules.DATE, Leaf("renewal", "next", ("soon",)), "“soon” is not a number of days"),
        (rules.DATE, Leaf("renewal", "next", ("36501",)), "“36501” is not a number of days"),
        (rules.DATE, Leaf("renewal", "before", ("2026-02-30",)), "“2026-02-30” is not a day"),
        (rules.DATE, Leaf("renewal", "before", ("9999-12-31",)), "“9999-12-31” is not a day"),
        (rules.OWNER, Leaf("owner", "is", ("Mina",)), "“Mina” is neither a person nor a team"),
        (rules.TEXT, Leaf("segment", "is", ("a",) * 51), "more than 50 values"),
        (rules.TEXT, Leaf("segment", "is", ("a" * 201,)), "longer than 200 characters"),
        (rules.TEXT, Leaf("segment", "is", ("a\0",)), "NUL"),
    ],
)
def test_a_condition_that_makes_no_sense_says_why(kind, leaf, said):
    with pytest.raises(Refused) as refused:
        rules.typed(kind, leaf, "Field")
    assert said in refused.value.reason


def test_a_condition_is_added_beside_another_and_taken_out_again():
    tree = rules.added(rules.added(rules.EVERYTHING, RENEWS), LEAVES)
    assert rules.written(tree) == "renewal.next.90,band.is.leaving"
    tree = rules.added(tree, PAYS, beside=1)
    assert rules.written(tree) == "renewal.next.90,any(band.is.leaving,mrr.under.10)"
    assert rules.written(rules.without(tree, 1, 0)) == "renewal.next.90,mrr.under.10"
    assert rules.written(rules.without(tree, 0)) == "any(band.is.leaving,mrr.under.10)"
    assert rules.without(rules.without(tree, 1), 0) == rules.EVERYTHING
