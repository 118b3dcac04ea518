"""The five charts: what is drawn for known figures."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from xml.etree import ElementTree

import pytest

from crm.lib import charts
from crm.lib.charts import Estimate, Words
from crm.lib.svg import Ground, Mark

WORDS = Words("Title", "Sentence.", "left", "right")
START = date(2026, 10, 1)
SVG = "{http://www.w3.org/2000/svg}"


def drawn(markup: str, tag: str, kind: str) -> list[dict[str, str]]:
    """Attributes of the elements of one tag whose classes include `kind`."""
    nodes = ElementTree.fromstring(markup).iter(f"{SVG}{tag}")
    return [node.attrib for node in nodes if kind in node.get("class", "").split()]


def texts(markup: str) -> list[str | None]:
    return [node.text for node in ElementTree.fromstring(markup).iter(f"{SVG}text")]


def curve(
    rows: list[tuple[date, float | None]],
    *,
    until: date = START + timedelta(4),
    marks: Sequence[Mark] = (),
    band: str = "steady",
) -> str:
    grounds = [Ground("leaving", 0, 40, "leaving below 40"), Ground("thriving", 80, 100, "thriving 80+")]
    return charts.score_curve(rows, until=until, grounds=grounds, marks=marks, band=band, words=WORDS, height=100)


def test_a_score_stays_flat_until_the_day_it_changed() -> None:
    markup = curve([(START, 80.0), (START + timedelta(3), 60.0)])
    assert [line["d"] for line in drawn(markup, "path", "line")] == ["M0 20 L250 20 L500 20 L750 40 L1000 40"]


def test_the_last_day_has_a_dot_in_the_colour_of_its_band() -> None:
    assert [
        (dot["cx"], dot["cy"]) for dot in drawn(curve([(START, 60.0)], band="at_risk"), "circle", "fill-at_risk")
    ] == [("100%", "40")]


def test_unknown_days_leave_a_gap_and_an_unknown_last_day_has_no_dot() -> None:
    markup = curve([(START, 80.0), (START + timedelta(2), None)], band="unknown")
    assert [line["d"] for line in drawn(markup, "path", "line")] == ["M0 20 L250 20"]
    assert drawn(markup, "circle", "fill-unknown") == []


def test_a_single_known_day_between_gaps_is_a_small_dot() -> None:
    markup = curve([(START, None), (START + timedelta(1), 50.0), (START + timedelta(2), None)])
    assert [(dot["cx"], dot["cy"], dot["r"]) for dot in drawn(markup, "circle", "dot")] == [("25%", "50", "1.5")]


def test_events_are_dotted_verticals_with_their_words_and_those_outside_are_left_out() -> None:
    marks = [Mark(START + timedelta(2), "Jonas left"), Mark(START - timedelta(9), "Too early")]
    markup = curve([(START, 80.0)], marks=marks)
    assert [line["x1"] for line in drawn(markup, "line", "mark")] == ["50%"]
    assert texts(markup) == ["leaving below 40", "thriving 80+", "Jonas left", "left", "right"]


def test_a_curve_without_rows_draws_no_line() -> None:
    assert drawn(curve([]), "path", "line") == []


def test_the_highest_day_is_a_full_bar_and_days_without_use_have_none() -> None:
    days = [(START, 10.0), (START + timedelta(1), 0.0), (START + timedelta(2), 5.0)]
    markup = charts.usage(days, words=WORDS, peak="10 trips", height=60)
    bars = [(node.get("y"), node.get("height")) for node in ElementTree.fromstring(markup).iter(f"{SVG}rect")]
    assert bars == [("16", "60"), ("46", "30")]
    assert texts(markup) == ["10 trips", "left", "right"]


def test_ticks_stand_on_mondays() -> None:
    # 5 and 12 October 2026 are Mondays: days 5 and 12 of 14, each in the middle of its slot.
    days = [(START + timedelta(n), 1.0) for n in range(14)]
    markup = charts.usage(days, words=WORDS, peak="1")
    assert [tick["x1"] for tick in drawn(markup, "line", "axis")] == ["0", "32.14%", "82.14%"]


def test_use_without_any_day_or_any_use_is_drawn_without_dividing_by_zero() -> None:
    assert texts(charts.usage([], words=WORDS, peak="")) == []
    assert texts(charts.usage([(START, 0.0)], words=WORDS, peak="0", line=True)) == ["left", "right"]


@pytest.mark.parametrize(
    ("points", "width"), [(46.3, "46.3%"), (100.0, "100%"), (140.0, "100%"), (0.0, None), (-3.0, None), (None, None)]
)
def test_a_meter_is_filled_by_its_points(points: float | None, width: str | None) -> None:
    filled = drawn(charts.meter(points, band="at_risk", words=WORDS), "rect", "fill-at_risk")
    assert [bar["width"] for bar in filled] == ([width] if width else [])


def test_the_stepped_line_runs_along_the_top_of_what_would_be() -> None:
    markup = charts.histogram([4, 2], after=[1, 4], words=WORDS, height=80)
    assert [line["d"] for line in drawn(markup, "path", "line")] == ["M0 76 L500 76 L500 16 L1000 16"]


def test_two_distributions_with_different_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="same bins, but there are 2 and 3"):
        charts.histogram([1, 2], after=[1, 2, 3], words=WORDS)


def test_a_whisker_spans_its_margin_on_the_scale() -> None:
    markup = charts.interval([Estimate("NPS", 50, 0, 100, "+50")], least=-100, most=100, words=WORDS)
    whisker = drawn(markup, "line", "whisker")[0]
    assert (whisker["x1"], whisker["x2"]) == ("50%", "100%")
    assert [dot["cx"] for dot in drawn(markup, "circle", "fill-accent")] == ["75%"]
    assert texts(markup) == ["0", "NPS", "+50", "left", "right"]


def test_no_chart_carries_a_style_a_colour_or_a_script() -> None:
    markup = "".join(
        [
            curve([(START, 80.0)], marks=[Mark(START, "x")]),
            charts.usage([(START, 1.0)], words=WORDS, peak="1"),
            charts.meter(5, band="steady", words=WORDS),
            charts.histogram([1], after=[1], words=WORDS),
            charts.interval([Estimate("a", 1, 0, 2, "w")], least=0, most=5, words=WORDS),
        ]
    )
    assert re.findall(r"style=|fill=|stroke=|<script|\bon\w+=|#[0-9a-f]{3}", markup) == []


def test_an_amount_holds_until_the_next_step_and_leaves_a_gap_where_it_is_not_known():
    rows = [(START, 100.0), (START + timedelta(days=5), 200.0), (START + timedelta(days=10), None)]
    markup = charts.steps(rows, until=START + timedelta(days=20), words=WORDS, peak="200 EUR", height=80)
    (line,) = drawn(markup, "path", "line")
    # 80 px high below a head of 16: 100 stands at 56, 200 at 16; nothing is drawn from day 10 on.
    assert line["d"] == "M0 56 L250 56 L250 16 L500 16"
    assert "200 EUR" in markup


def test_a_step_on_the_last_day_is_drawn_and_nothing_at_all_needs_no_picture():
    assert "<path" in charts.steps([(START, 10.0)], until=START + timedelta(days=1), words=WORDS, peak="10")
    assert "<text" in charts.steps([(START, 0.0)], until=START, words=WORDS, peak="0")
