"""The geometry of charts, worked out by hand."""

from datetime import date
from xml.etree import ElementTree

import pytest

from crm.lib import svg
from crm.lib.svg import Frame, Ground, Mark

FRAME = Frame(date(2026, 10, 1), date(2026, 10, 11), 0, 100, 200, top=10)


def test_the_first_day_is_at_the_left_and_the_last_at_the_right() -> None:
    assert [FRAME.across(date(2026, 10, day)) for day in (1, 6, 11)] == [0.0, 0.5, 1.0]


def test_a_frame_of_one_day_puts_it_at_the_right_end() -> None:
    assert Frame(date(2026, 10, 1), date(2026, 10, 1), 0, 100, 10).across(date(2026, 10, 1)) == 1.0


def test_high_values_are_drawn_higher_and_what_lies_outside_stays_on_the_edge() -> None:
    assert [FRAME.down(value) for value in (100, 75, 0, -5, 130)] == [10, 60, 210, 210, 10]


def test_coordinates_carry_no_needless_digits() -> None:
    assert [svg.number(value) for value in (0.0, 12.0, 12.5, 12.346, -0.004)] == ["0", "12", "12.5", "12.35", "-0"]


def test_a_ledger_row_holds_until_the_next_one() -> None:
    rows = [(date(2026, 10, 4), 60.0), (date(2026, 10, 1), 80.0), (date(2026, 10, 5), None)]
    assert svg.carried(rows, date(2026, 10, 6)) == [
        (date(2026, 10, 1), 80.0),
        (date(2026, 10, 2), 80.0),
        (date(2026, 10, 3), 80.0),
        (date(2026, 10, 4), 60.0),
        (date(2026, 10, 5), None),
        (date(2026, 10, 6), None),
    ]


def test_rows_after_the_end_are_not_carried() -> None:
    assert svg.carried([(date(2026, 10, 1), 80.0), (date(2026, 10, 9), 10.0)], date(2026, 10, 2)) == [
        (date(2026, 10, 1), 80.0),
        (date(2026, 10, 2), 80.0),
    ]


def test_the_line_breaks_where_the_value_is_unknown() -> None:
    a, b, c, d = (date(2026, 10, day) for day in (1, 2, 3, 4))
    assert svg.runs([(a, 1.0), (b, None), (c, 3.0), (d, 4.0)]) == [[(a, 1.0)], [(c, 3.0), (d, 4.0)]]


def test_a_path_is_a_thousand_units_wide() -> None:
    assert svg.path([(0, 10), (0.25, 20.5), (1, 0)]) == '<path class="line" d="M0 10 L250 20.5 L1000 0"/>'


def test_wide_letters_count_double() -> None:
    assert svg.width_of("위험") == svg.width_of("risk")


def test_words_of_close_events_are_stacked_and_of_distant_ones_share_a_row() -> None:
    near = [Mark(date(2026, 10, 2), "Renewed early"), Mark(date(2026, 10, 3), "Champion left")]
    assert [row for *_rest, row in svg.placed(near, FRAME)] == [0, 1]
    far = [Mark(date(2026, 10, 1), "Renewed"), Mark(date(2026, 10, 11), "Left")]
    assert [(anchor, row) for _mark, _x, anchor, row in svg.placed(far, FRAME)] == [("start", 0), ("end", 0)]


def test_words_of_an_event_move_up_when_the_lowest_row_is_taken_there() -> None:
    mark = Mark(date(2026, 10, 1), "Renewed")
    assert svg.placed([mark], FRAME, [(0.0, 90.0)]) == [(mark, 0.0, "start", 1)]


def test_a_ground_covers_its_part_of_the_scale() -> None:
    assert svg.ground_rects([Ground("steady", 60, 80)], FRAME) == (
        '<rect class="ground fill-steady" width="100%" y="50" height="40"/>'
    )


@pytest.mark.parametrize("words", ["<script>", 'a "quoted" & plain', "Müller’s <b>"])
def test_words_are_escaped_wherever_they_are_printed(words: str) -> None:
    drawn = svg.picture([svg.text(0, 0, words)], height=10, title=words, description=words)
    tree = ElementTree.fromstring(drawn)
    assert [node.text for node in tree] == [words, words, words]


def test_a_picture_names_itself_to_screen_readers() -> None:
    tree = ElementTree.fromstring(svg.picture([], height=10, title="Use", description="From 1 to 2."))
    assert tree.get("role") == "img"
    assert [(node.tag.split("}")[1], node.text) for node in tree] == [("title", "Use"), ("desc", "From 1 to 2.")]
