"""Words and figures for templates: bands, money, dates, icons, cards. None prints as a dash."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from babel import Locale
from babel.dates import format_skeleton, format_time, format_timedelta
from babel.numbers import format_currency
from django import template
from django.contrib.messages.storage.base import Message
from django.template.context import Context
from django.template.loader import get_template
from django.templatetags.static import static
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from crm.lib import formats
from crm.lib.formats import MINUS, Count, Figure, formats_now, grouped, number_locale, word_locale

register = template.Library()

DASH = "—"
SEASON = 120

BAND_WORDS: Mapping[str, str | Promise] = {
    "thriving": pgettext_lazy("band", "thriving"),
    "steady": pgettext_lazy("band", "steady"),
    "at_risk": pgettext_lazy("band", "at risk"),
    "leaving": pgettext_lazy("band", "leaving"),
    "unknown": pgettext_lazy("band", "unknown"),
}
BAND_GLYPHS = {"thriving": "●", "steady": "◎", "at_risk": "▲", "leaving": "■", "unknown": "◌"}
# The same shapes drawn, since fonts disagree about the size of the characters.
BAND_SHAPES = {
    "thriving": '<circle cx="6" cy="6" r="5.5"/>',
    "steady": '<circle cx="6" cy="6" r="3.9" fill="none" stroke="currentColor" stroke-width="3.2"/>',
    "at_risk": '<path d="M6 .8 11.8 11H.2z"/>',
    "leaving": '<path d="M1 1h10v10H1z"/>',
    "unknown": '<circle cx="6" cy="6" r="4.7" fill="none" stroke="currentColor" stroke-width="1.6"'
    ' stroke-dasharray="2.2 1.5"/>',
}


@register.filter
def number(value: Figure | None, digits: int | None = None) -> str:
    return DASH if value is None else grouped(value, digits)


@register.filter
def counted(value: int) -> Count:
    """For `blocktranslate count`."""
    return Count(value)


@register.filter
def money(value: Decimal | int | None, currency: str) -> str:
    """An amount in its currency, with cents only where there are any: €1,240 but €2.44."""
    if value is None:
        return DASH
    return _money(Decimal(value), currency, number_locale())


@lru_cache(maxsize=8192)
def _money(value: Decimal, currency: str, locale: Locale) -> str:
    pattern = locale.currency_formats["standard"].pattern
    if value == value.to_integral_value():
        pattern = pattern.replace(".00", "")
    printed = format_currency(abs(value), currency, pattern, locale=locale, currency_digits=False)
    return (MINUS if value < 0 else "") + printed


@register.filter
def points(tenths: int | None, digits: int = 0) -> str:
    """Tenths of a point as points.

    Whole points are cut, not rounded: 79.6 stands in the band below 80 and must not be printed as 80.
    """
    if tenths is None:
        return DASH
    return grouped(Decimal(tenths) / 10, 1) if digits else str(tenths // 10)


@register.filter
def signed(value: Figure | None, digits: int | None = None) -> str:
    if value is None:
        return DASH
    printed = grouped(value, digits)
    return f"+{printed}" if value > 0 and printed.strip("0.,") else printed


@register.filter
def signed_points(tenths: int | None) -> str:
    """A change in tenths as whole points, rounded half away from zero."""
    return DASH if tenths is None else signed(Decimal(tenths) / 10, 0)


@register.filter
def percent(value: Figure | None, digits: int = 0) -> str:
    """A percentage 0..100. The gap before the sign is the house's style in English; who names a place has its own."""
    if value is None:
        return DASH
    own = formats_now().place or number_locale().language != "en"
    pattern = str(number_locale().percent_formats[None].pattern) if own else "\u00a0%"
    return grouped(value, digits) + pattern.lstrip("#,0")


@register.filter
def share(value: Figure | None, digits: int = 0) -> str:
    """A share 0..1 as a percentage."""
    return DASH if value is None else percent(Decimal(str(value)) * 100, digits)


@register.filter
def band_word(band: str | None) -> str:
    return str(BAND_WORDS[band or "unknown"])


@register.filter
def band_glyph(band: str | None) -> str:
    return BAND_GLYPHS[band or "unknown"]


@register.filter
def by_hand_words(computed: str) -> str:
    """Beside a band that somebody set: the one that the points come to."""
    return _("set by hand, computed: %(band)s") % {"band": band_word(computed)}


@register.simple_tag
def band_mark(band: str | None) -> SafeString:
    """The band's shape alone; the word beside it is what a screen reader reads."""
    return mark_safe(f'<svg viewBox="0 0 12 12" aria-hidden="true">{BAND_SHAPES[band or "unknown"]}</svg>')  # noqa: S308 - fixed shapes


@register.filter(expects_localtime=True)
def day(value: date | None, how: date | str | None = None) -> str:
    """A date as its reader writes it. `how`: "long" names the weekday; a date or instant drops the year it shares."""
    if value is None:
        return DASH
    if how == "long":
        return _skeleton("MMMMEEEEd", value, word_locale()).replace(",", "")
    same_year = isinstance(how, date) and how.year == value.year
    match formats_now().dates:
        case formats.ISO:
            return value.strftime("%Y-%m-%d")
        case formats.NUMBERS:
            return _skeleton("Md" if same_year else "yMd", value, number_locale())
    return _skeleton("MMMd" if same_year else "yMMMd", value, word_locale())


def _skeleton(name: str, value: date, locale: Locale) -> str:
    return _day_in(name, date(value.year, value.month, value.day), locale)


@lru_cache(maxsize=4096)
def _day_in(name: str, value: date, locale: Locale) -> str:
    # Babel asks for the pattern by skeleton only for instants; a date is given a midnight of its own.
    return format_skeleton(name, datetime(value.year, value.month, value.day), locale=locale)  # noqa: DTZ001


@register.filter(expects_localtime=True)
def clock(value: datetime | None) -> str:
    """The time of day; who names a place where this language is spoken has that place's clock, else 24 hours."""
    if value is None:
        return DASH
    locale = word_locale()
    # The wide word for afternoon: the short one is English in Korean too.
    theirs = str(locale.time_formats["short"].pattern).replace("a", "aaaa")
    pattern = theirs if locale == number_locale() and formats_now().place else "HH:mm"
    return format_time(value.replace(tzinfo=None), pattern, locale=locale)


@register.filter(expects_localtime=True)
def moment(value: datetime | None, now: datetime | None = None) -> str:
    return DASH if value is None else f"{day(value, now)}, {clock(value)}"


@register.filter(expects_localtime=True)
def ago(value: date | None, now: datetime) -> str:
    """How long before or after `now`, roughly. Dates count in days, instants from minutes on."""
    if value is None:
        return DASH
    if not isinstance(value, datetime):
        return _days_ago((value - now.date()).days)
    gap = value - now
    if abs(gap) < timedelta(minutes=1):
        return _("just now")
    return format_timedelta(gap, add_direction=True, locale=word_locale())


def _days_ago(days: int) -> str:
    if days in (0, -1, 1):
        return {0: _("today"), -1: _("yesterday"), 1: _("tomorrow")}[days]
    # What lies ahead is planned for, so it is counted in days for a season; what is past may be rough.
    threshold = 18.0 if 0 < days <= SEASON else 1.5
    return format_timedelta(
        timedelta(days), granularity="day", add_direction=True, threshold=threshold, locale=word_locale()
    )


@register.filter
def initials(name: str | None) -> str:
    """Two letters of a name; a Korean name keeps its first two syllables."""
    words = (name or "").split()
    if not words:
        return "?"
    if len(words) == 1:
        return words[0][:2] if not words[0].isascii() else words[0][:2].upper()
    return (words[0][0] + words[-1][0]).upper()


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str) -> SafeString:
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("icons.svg"), name)


@register.filter
def undo(message: Message) -> dict[str, object] | None:
    """What takes back that which a message tells of: {url, fields}; None when nothing does (`offer_undo`)."""
    parts = urlsplit(message.extra_tags or "")
    return {"url": parts.path, "fields": parse_qsl(parts.query, keep_blank_values=True)} if parts.path else None


@register.simple_block_tag(takes_context=True)
def card(context: Context, content: str, **given: Any) -> SafeString:
    """A card around `content`: title, note, chip, link_url with link_text, id."""
    return _framed(context, "_parts/card.html", content, given)


@register.simple_block_tag(takes_context=True)
def note(context: Context, content: str, **given: Any) -> SafeString:
    """A tinted sentence; kind plain, warn, bad or good."""
    return _framed(context, "_parts/note.html", content, given)


def _framed(context: Context, part: str, content: str, given: Mapping[str, Any]) -> SafeString:
    # The part sees only what it is given: an outer `title` or `id` must not leak into every card.
    return mark_safe(get_template(part).render({**given, "content": content}))  # noqa: S308 - rendered by Django


KINDS_OF_LINE = {
    "mail": ("mail", gettext_lazy("Mail")),
    "call": ("phone", gettext_lazy("Call")),
    "meeting": ("users", gettext_lazy("Meeting")),
    "chat": ("message-square", gettext_lazy("Chat")),
    "ticket": ("ticket", gettext_lazy("Ticket")),
    "social": ("megaphone", gettext_lazy("Social mention")),
    "note": ("sticky-note", gettext_lazy("Note")),
    "task": ("list-checks", gettext_lazy("Task")),
    "goal": ("target", gettext_lazy("Goal")),
    "milestone": ("flag", gettext_lazy("Milestone")),
    "promise": ("handshake", gettext_lazy("Promise")),
    "signal": ("triangle-alert", gettext_lazy("Risk signal")),
    "payment": ("credit-card", gettext_lazy("Payment")),
    "pulse": ("flag", gettext_lazy("Pulse")),
    "survey": ("clipboard-list", gettext_lazy("Survey")),
}


@register.filter
def line_icon(kind: str, named: bool = True) -> SafeString:
    """The sprite icon of a timeline line, named for screen readers by its kind unless the word stands beside it."""
    name, word = KINDS_OF_LINE[kind]
    if not named:
        return icon(name)
    return format_html('{}<span class="seen-by-readers">{}</span>', icon(name), word)
