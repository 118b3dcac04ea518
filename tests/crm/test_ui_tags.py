"""Figures, words and dates as people read them, in both languages."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django import forms
from django.template import engines
from django.test import RequestFactory, override_settings
from django.utils import timezone, translation

from crm.lib.formats import Count, Formats, written_as
from crm.templatetags import charts, ui

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"), timezone.override(UTC):
        yield


def render(source: str, **context: object) -> str:
    return engines["django"].from_string("{% load ui charts %}" + source).render(context)


@pytest.mark.parametrize(
    ("amount", "currency", "printed"),
    [
        (Decimal("1240.00"), "EUR", "€1,240"),
        (Decimal("2.44"), "EUR", "€2.44"),
        (Decimal("2.4"), "EUR", "€2.40"),
        (Decimal("-1240"), "EUR", "−€1,240"),
        (Decimal("990000"), "KRW", "₩990,000"),
        (None, "EUR", "—"),
    ],
)
def test_money_shows_cents_only_when_there_are_any(amount: Decimal | None, currency: str, printed: str) -> None:
    assert ui.money(amount, currency) == printed


def test_points_are_cut_so_that_a_figure_never_leaves_its_band() -> None:
    assert [ui.points(tenths) for tenths in (796, 460, 5, 1000, None)] == ["79", "46", "0", "100", "—"]
    assert [ui.points(tenths, 1) for tenths in (796, 460)] == ["79.6", "46.0"]


def test_changes_carry_their_sign_and_the_real_minus() -> None:
    assert [ui.signed(value) for value in (3, -13, 0, 2.5, None)] == ["+3", "−13", "0", "+2.5", "—"]
    assert [ui.signed_points(tenths) for tenths in (-130, 25, 4, -4)] == ["−13", "+3", "0", "0"]


def test_percentages_follow_the_language() -> None:
    assert (ui.percent(-18), ui.share(0.864), ui.share(0.5, 1)) == ("−18\u00a0%", "86\u00a0%", "50.0\u00a0%")
    with translation.override("ko"):
        assert (ui.percent(18), ui.share(0.86)) == ("18%", "86%")


def test_numbers_are_grouped_and_rounded_half_up() -> None:
    assert [ui.number(value) for value in (1234567, 2.25, 2.0, -1500)] == ["1,234,567", "2.3", "2", "−1,500"]
    assert ui.number(Decimal("2.345"), 2) == "2.35"


def test_a_count_chooses_between_one_and_many_and_is_written_as_its_reader_does() -> None:
    seats = "{% blocktranslate count n=n|counted %}{{ n }} seat{% plural %}{{ n }} seats{% endblocktranslate %}"
    seats = f"{{% load i18n %}}{seats}"
    assert [render(seats, n=n) for n in (0, 1, 1234)] == ["0 seats", "1 seat", "1,234 seats"]
    with translation.override("ko"), written_as(Formats(place="de_DE")):
        assert f"{Count(1234)}" == "1.234"
        assert render(seats, n=1234) == "1.234석"


def test_a_band_is_always_a_word_and_a_shape() -> None:
    bands = ["thriving", "steady", "at_risk", "leaving", "unknown", None]
    assert [ui.band_word(band) for band in bands] == ["thriving", "steady", "at risk", "leaving", "unknown", "unknown"]
    assert "".join(ui.band_glyph(band) for band in bands) == "●◎▲■◌◌"
    assert len({ui.band_mark(band) for band in bands}) == 5


def test_a_band_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        ui.band_word("green")


def test_dates_are_written_in_the_language_of_the_reader() -> None:
    renewal = date(2027, 2, 14)
    assert (ui.day(renewal), ui.day(renewal, NOW), ui.day(date(2026, 2, 14), NOW)) == (
        "14 Feb 2027",
        "14 Feb 2027",
        "14 Feb",
    )
    assert ui.day(date(2026, 11, 21), "long") == "Saturday 21 November"
    with translation.override("ko"):
        assert ui.day(renewal) == "2027년 2월 14일"
        assert ui.day(date(2026, 11, 21), "long") == "11월 21일 토요일"


def test_instants_are_shown_in_the_zone_of_the_reader() -> None:
    late = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)
    with timezone.override("Asia/Seoul"):
        assert render("{{ at|day:now }} {{ at|clock }} {{ at|moment:now }}", at=late, now=NOW) == (
            "21 Nov 07:30 21 Nov, 07:30"
        )


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (date(2026, 11, 21), "today"),
        (date(2026, 11, 20), "yesterday"),
        (date(2026, 11, 22), "tomorrow"),
        (date(2026, 10, 31), "3 weeks ago"),
        (date(2027, 2, 14), "in 85 days"),
        (NOW - timedelta(seconds=40), "just now"),
        (NOW - timedelta(minutes=35), "35 minutes ago"),
        (NOW + timedelta(hours=4), "in 4 hours"),
        (None, "—"),
    ],
)
def test_distances_in_time_are_words(when: date | None, words: str) -> None:
    assert ui.ago(when, NOW) == words


def test_initials_keep_korean_syllables() -> None:
    assert [ui.initials(name) for name in ("Mina Kwon", "권민아", "Lena van der Vogt", "ops", "", None)] == [
        "MK",
        "권민",
        "LV",
        "OP",
        "?",
        "?",
    ]


def test_a_card_frames_its_body_and_shows_nothing_of_the_page_around_it() -> None:
    page = render(
        '{% card title=name link_url="/h" link_text="History" %}<p>{{ name }}</p>{% endcard %}{% card %}x{% endcard %}',
        name="A & B",
        title="Outer",
        note="Outer note",
    )
    assert page.count("<section") == 2
    assert page.count("<header>") == 1
    assert "<h2>A &amp; B</h2>" in page
    assert "<p>A &amp; B</p>" in page
    assert "Outer" not in page


def test_a_post_button_carries_its_hidden_inputs_escaped() -> None:
    page = render(
        '{% include "_parts/button.html" with text="Go" post_url="/go" fields=fields %}', fields={"day": '2"<'}
    )
    assert '<form class="inline" method="post" action="/go">' in page
    assert '<input type="hidden" name="day" value="2&quot;&lt;">' in page


def test_a_sort_link_turns_the_order_and_begins_at_the_first_page(rf: RequestFactory) -> None:
    request = rf.get("/accounts?owner=3&after=abc&sort=name")
    columns = [{"label": "Name", "key": "name", "align": ""}, {"label": "MRR", "key": "mrr", "align": "end"}]
    template = engines["django"].from_string('{% include "_parts/table_head.html" %}')
    page = template.render({"columns": columns, "sort": "name"}, request)
    assert 'aria-sort="ascending"><a href="?owner=3&amp;sort=-name">' in page
    assert '<th scope="col" class="end"><a href="?owner=3&amp;sort=mrr">MRR</a></th>' in page


def test_the_pager_keeps_the_filter_and_shows_only_the_ways_that_exist(rf: RequestFactory) -> None:
    template = engines["django"].from_string('{% include "_parts/pager.html" %}')
    page = template.render({"next": "n1", "previous": None}, rf.get("/accounts?owner=3&before=x"))
    assert 'href="?owner=3&amp;after=n1"' in page
    assert 'rel="prev"' not in page


def test_bands_begin_at_their_limits() -> None:
    assert [charts.band_of(tenths) for tenths in (0, 399, 400, 599, 600, 799, 800, 1000, None)] == [
        "leaving",
        "leaving",
        "at_risk",
        "at_risk",
        "steady",
        "steady",
        "thriving",
        "thriving",
        "unknown",
    ]


def test_a_score_block_says_what_the_score_rests_on() -> None:
    score = {"points": 463, "band": "at_risk", "change": -130, "change_days": 28, "coverage": 0.86}
    page = render(
        '{% include "_parts/score_block.html" %}',
        score={**score, "worst": 400, "best": 541},
        history=[(date(2026, 11, 1), 463)],
        limits=(30, 40, 50),
    )
    said = " ".join(re.sub(r"<figure.*?</figure>|<[^>]+>", " ", page, flags=re.DOTALL).split())
    assert said == "46 At risk −13 in 28 days from 86 % of weight 40–54 if the rest were worst or best"
    assert ">thriving 50+</text>" in page
    assert "if the rest" not in render(
        '{% include "_parts/score_block.html" %}', score={**score, "coverage": 1, "worst": 463, "best": 463}
    )


def test_a_row_without_data_is_neither_good_nor_bad() -> None:
    row = {"name": "Goal", "points": None, "band": "unknown", "value": ""}
    page = render('{% include "_parts/meter_row.html" %}', row=row)
    assert re.findall(r"fill-([\w]+)", page) == ["sunk"]
    assert "no data" in page


def test_a_draft_shows_its_whole_text_and_only_the_buttons_it_may_have() -> None:
    draft = {"body": "Hi Lena,\n\n<b>nine</b>", "approve_url": "/a", "approve_text": "Approve, send Mon 09:10"}
    page = render('{% include "_parts/draft_block.html" %}', draft=draft)
    assert "<blockquote>Hi Lena,\n\n&lt;b&gt;nine&lt;/b&gt;</blockquote>" in page
    assert page.count("<form") == 1
    assert "Approve, send Mon 09:10" in page


def test_a_field_ties_its_help_and_its_error_to_the_control() -> None:
    class Form(forms.Form):
        name = forms.CharField(label="Name", help_text="As they write it.")

    page = render('{% include "_parts/form_field.html" %}', field=Form({})["name"])
    assert '<label for="id_name">Name</label>' in page
    assert 'aria-describedby="id_name_helptext id_name_error"' in page
    assert 'id="id_name_helptext">As they write it.' in page
    assert 'id="id_name_error"' in page


def test_a_curve_prints_its_figures_as_a_table_with_the_events() -> None:
    history = [(date(2026, 10, 1), 590), (date(2026, 10, 5), None), (date(2026, 10, 9), 463)]
    shown = charts.score_curve(history, events=[(date(2026, 10, 5), "Moved"), (date(2026, 10, 7), "Left <b>")])
    assert shown["rows"] == [
        ["1 Oct 2026", "59.0", "At risk", ""],
        ["5 Oct 2026", "—", "Unknown", "Moved"],
        ["9 Oct 2026", "46.3", "At risk", ""],
        ["7 Oct 2026", "", "", "Left <b>"],
    ]
    page = render("{% score_curve history events=events %}", history=history, events=[(date(2026, 10, 7), "Left <b>")])
    assert page.count("<figure") == 1
    assert "<b>" not in page


def test_charts_without_figures_print_nothing() -> None:
    source = "{% score_curve none %}{% usage_bars none %}{% usage_line none %}{% histogram none %}"
    assert render(source, none=[]).strip() == ""


def test_the_peak_of_use_is_named_with_its_day() -> None:
    shown = charts.usage_bars([(date(2026, 11, 1), 4), (date(2026, 11, 2), 41)], unit="trips")
    assert ">41 trips, 2 Nov</text>" in shown["picture"]
    assert shown["rows"] == [["1 Nov 2026", "4"], ["2 Nov 2026", "41"]]


def test_a_histogram_shows_both_counts_in_its_table() -> None:
    shown = charts.histogram([(0, 50, 3), (50, 100, 4)], after=[2, 5], before_word="version 4", after_word="this draft")
    assert shown["head"] == ["From", "To", "Version 4", "This draft"]
    assert shown["rows"] == [["0", "50", "3", "2"], ["50", "100", "4", "5"]]
    assert shown["caption"] == "grey: version 4 · line: this draft"


def test_an_interval_is_said_in_words() -> None:
    shown = charts.interval(32, 18, 46, title="NPS", compare=[("Spring", 21, -4, 46)])
    assert "<desc>NPS: +32, between +18 and +46; Spring: +21, between −4 and +46</desc>" in shown["picture"]
    assert shown["rows"] == [["NPS", "+32", "+18", "+46"], ["Spring", "+21", "−4", "+46"]]


def test_a_meter_without_data_says_so() -> None:
    assert "<title>Goal</title><desc>No data</desc>" in charts.meter(None, label="Goal")


@override_settings(STATIC_URL="/static/")
def test_an_icon_points_into_the_sprite_and_escapes_its_name() -> None:
    assert 'aria-hidden="true"><use href="/static/icons.svg#search"/></svg>' in ui.icon("search")
    assert '"><' not in ui.icon('x"><b').replace('true"><use', "")
