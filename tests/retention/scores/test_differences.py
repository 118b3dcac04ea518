"""For any two judgements the lines add up to the difference of their scores."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from retention.measures.rules import PERCENTILE, Measure
from retention.scorecards.rules import total
from retention.scores.rules import KNOWN, OTHERS, VERSION, Judged, differences, target
from tests.retention.scorecards.cards import a_card, cards

tenths = st.one_of(st.none(), st.integers(0, 1000))


readings = st.one_of(st.none(), st.integers(0, 3).map(Decimal))


@given(cards(), cards(), st.booleans(), st.booleans(), st.data())
def test_the_lines_add_up_to_the_last_digit_shown(one: Any, other: Any, same: Any, ranks: Any, data: Any) -> None:
    if ranks:
        one = replace(one, measures=tuple(replace(measure, scale=PERCENTILE) for measure in one.measures))
    other = one if same else other
    before, after = (
        Judged(card, *(tuple(data.draw(st.lists(part, min_size=n, max_size=n))) for part in (tenths, readings)))
        for card in (one, other)
        for n in (len(card.measures),)
    )
    moved = differences(before, after)
    assert sum(moved.values()) == (total(other, after.components) or 0) - (total(one, before.components) or 0)
    assert (VERSION in moved) == (one != other)


def test_whoever_reads_the_same_and_ranks_otherwise_was_moved_by_others() -> None:
    card = a_card(50, 50)
    card = replace(card, measures=tuple(replace(measure, scale=PERCENTILE) for measure in card.measures))
    seven, nine = Decimal(7), Decimal(9)
    before = Judged(card, (600, 400), (seven, seven))
    # The first reads the same and loses ten points, the second reads more and wins twenty.
    assert differences(before, Judged(card, (500, 600), (seven, nine))) == {OTHERS: -50, "m0": 0, "m1": 100}
    # Too few are left to rank the first among: what the second says was half of the score, and is all of it.
    assert differences(before, Judged(card, (None, 400), (seven, seven))) == {OTHERS: -100, "m1": 0}
    assert differences(before, Judged(card, (600, 400), (seven, nine))) == {"m0": 0, "m1": 0}
    # A third per price, as the ledger keeps it and as it stands now.
    kept, exact = Decimal("0.33333334"), Decimal("0.333333333")
    before = Judged(card, (600, 400), (kept, seven))
    assert differences(before, Judged(card, (500, 400), (exact, seven))) == {OTHERS: -50, "m0": 0, "m1": 0}


def test_a_measures_line_is_its_own_movement_when_another_becomes_known() -> None:
    card = a_card(50, 50)
    moved = differences(Judged(card, (600, None)), Judged(card, (500, 900)))
    # 60 → 50 of its own is −10; then the second comes in and lifts 50 to 70.
    assert moved == {KNOWN: 200, "m0": -100}


def test_a_target_in_whole_counts_rounds_away_from_red() -> None:
    card = a_card(1, 1)
    depth = Measure(key="m0", kind="depth", red=Decimal("0.2"), green=Decimal("0.7"))
    card = replace(card, measures=(depth, card.measures[1]))
    found = target(card, [320, 1000], 0, base=Decimal(26), whole=True)
    # 80 points need 15.6 of 26 people, so 16: 0.6154 is 83.1 points, 25.5 more on half the weight.
    assert found is not None and found.value is not None
    assert (found.value * 26, found.worth, found.gain) == (Decimal(16), 831, 256)


def test_a_target_that_gains_nothing_is_none() -> None:
    assert target(a_card(1), [1000], 0, base=None, whole=False) is None
