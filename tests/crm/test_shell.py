"""What holds for every page: colours that can be read, no inline style or script, few bytes."""

import gzip
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template, render_to_string

ROOT = Path(settings.BASE_DIR)
STATIC = ROOT / "static"
TOKENS = (STATIC / "css/tokens.css").read_text()
PAIRS = {
    name: {"light": light, "dark": dark}
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", TOKENS)
}
HEALTH = ["thriving", "steady", "at-risk", "leaving", "unknown-word"]
GROUNDS = ["paper", "card", "sunk"]
TINTS = ["tint-accent", "tint-good", "tint-warn", "tint-bad"]
READ = [(word, ground) for word in ["ink", "second", "accent", *HEALTH] for ground in GROUNDS]
READ += [(word, tint) for word in ["ink", "second"] for tint in TINTS]
READ += [("on-accent", "accent"), ("accent", "tint-accent")]


def channels(colour: str) -> list[float]:
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def luminance(channel_values: list[float]) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channel_values)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: list[float], other: list[float]) -> float:
    """WCAG 2 contrast of two colours given as channels 0..1."""
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_of_black_and_white_is_twenty_one() -> None:
    assert contrast(channels("#000000"), channels("#ffffff")) == pytest.approx(21)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("word", "ground"), READ)
def test_every_word_can_be_read_on_every_ground_it_stands_on(theme: str, word: str, ground: str) -> None:
    assert contrast(channels(PAIRS[word][theme]), channels(PAIRS[ground][theme])) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("band", ["thriving", "steady", "at-risk", "leaving", "unknown"])
def test_words_in_a_chart_can_be_read_on_its_pale_bands(theme: str, band: str) -> None:
    opacity = 0.1
    pale = [
        opacity * over + (1 - opacity) * under
        for over, under in zip(channels(PAIRS[band][theme]), channels(PAIRS["card"][theme]), strict=True)
    ]
    assert contrast(channels(PAIRS["second"][theme]), pale) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("band", ["thriving", "steady", "at-risk", "leaving", "unknown"])
def test_every_shape_of_health_stands_out_from_every_ground(theme: str, band: str) -> None:
    assert min(contrast(channels(PAIRS[band][theme]), channels(PAIRS[ground][theme])) for ground in GROUNDS) >= 3


def test_every_colour_used_in_a_sheet_is_a_token() -> None:
    used = set()
    for sheet in (STATIC / "css").glob("*.css"):
        used |= set(re.findall(r"var\(--([\w-]+)\)", sheet.read_text()))
    assert used - set(re.findall(r"--([\w-]+):", TOKENS)) == set()


@pytest.mark.parametrize("path", sorted((ROOT / "templates").rglob("*.html")), ids=lambda path: path.name)
def test_no_template_of_the_site_needs_an_exception_from_the_content_policy(path: Path) -> None:
    if "emails" in path.parts:
        pytest.skip("mail clients need inline styles")
    markup = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", "", path.read_text())
    assert re.findall(r"\sstyle=|<style|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:", markup) == []


def test_a_first_visit_without_charts_of_the_browser_weighs_under_a_hundred_kilobytes() -> None:
    page = render_to_string("base.html", {"theme": "dark"})
    files = set(re.findall(r'(?:href|src)="/?static/([^"#]+)', page))
    assert len(files) == 9
    bodies = [(STATIC / re.sub(r"\.[0-9a-f]{12}(\.\w+)$", r"\1", name)).read_bytes() for name in files]
    bodies += [page.encode()]
    assert sum(len(gzip.compress(body)) for body in bodies) < 40_000


def test_the_theme_is_rendered_by_the_server() -> None:
    assert 'data-theme="dark"' in render_to_string("base.html", {"theme": "dark"})
    assert '<meta name="color-scheme" content="dark">' in render_to_string("base.html", {"theme": "dark"})
    assert '<meta name="color-scheme" content="light dark">' in render_to_string("base.html", {"theme": '"><x'})
    assert '"><x' not in render_to_string("base.html", {"theme": '"><x'})


def test_customers_see_no_script_and_leave_no_trace() -> None:
    page = render_to_string("base_public.html")
    assert "<script" not in page
    assert '<meta name="robots" content="noindex, nofollow">' in page
    assert '<meta name="referrer" content="no-referrer">' in page


@pytest.mark.parametrize("code", [400, 403, 404, 500, 503])
def test_pages_for_errors_render_without_a_request(code: int) -> None:
    assert get_template(f"{code}.html").render().count("<h1>") == 1


def test_the_script_stays_small() -> None:
    assert len((STATIC / "holdfast.js").read_text().splitlines()) < 150
