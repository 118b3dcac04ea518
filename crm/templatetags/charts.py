"""Charts for templates: each prints its picture and, one click below, the same figures as a table."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from html import escape
from typing import Any

from django import template
from django.utils.safestring import mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.lib import charts
from crm.lib.charts import Estimate, Stack, Words
from crm.lib.svg import Ground, Mark
from crm.templatetags.ui import band_word, day, money, number, points, signed

register = template.Library()

Tenths = int | None
LIMITS = (40, 60, 80)
NAMES = ("leaving", "at_risk", "steady", "thriving")


def _figure(drawn: str, head: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> Mapping[str, Any]:
    # A year of days makes a long table, so its cells are joined here and not looped over by the template.
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    # crm.lib.svg escapes every word it prints, so the picture is safe as it stands.
    return {"picture": mark_safe(drawn), "head": head, "rows": rows, "body": mark_safe(body), "caption": caption}  # noqa: S308


def band_of(tenths: Tenths, limits: Sequence[int] = LIMITS) -> str:
    """The band of a score in tenths under limits in points; None is unknown."""
    if tenths is None:
        return "unknown"
    return NAMES[sum(tenths >= limit * 10 for limit in limits)]


def grounds_of(limits: Sequence[int]) -> list[Ground]:
    edges = [0, *limits, 100]
    words = {
        "leaving": _("%(band)s below %(limit)s") % {"band": band_word("leaving"), "limit": limits[0]},
        "thriving": _("%(band)s %(limit)s+") % {"band": band_word("thriving"), "limit": limits[-1]},
    }
    return [Ground(name, edges[n], edges[n + 1], words.get(name, "")) for n, name in enumerate(NAMES)]


@register.inclusion_tag("_parts/chart.html")
def score_curve(
    history: Sequence[tuple[date, Tenths]],
    events: Sequence[tuple[date, str]] = (),
    until: date | None = None,
    title: str = "",
    limits: Sequence[int] = LIMITS,
) -> Mapping[str, Any]:
    """Ledger rows (day, tenths or None) carried forward to `until`, or to the last row."""
    rows = sorted(history, key=lambda row: row[0])
    if not rows:
        return {}
    end = until or rows[-1][0]
    limits = limits or LIMITS
    past = [row for row in rows if row[0] <= end]
    if not past:
        return {}
    last = past[-1][1]
    words = Words(
        title=title or _("Health score from %(first)s to %(last)s") % {"first": day(past[0][0]), "last": day(end)},
        description=_("Points from %(first)s to %(last)s; 100 is thriving.")
        % {"first": points(past[0][1], 1), "last": points(last, 1)},
        first=day(past[0][0], end),
        last=day(end),
    )
    drawn = charts.score_curve(
        [(when, None if tenths is None else tenths / 10) for when, tenths in past],
        until=end,
        grounds=grounds_of(limits),
        marks=[Mark(*event) for event in events],
        band=band_of(last, limits),
        words=words,
    )
    happened = dict(events)
    said_of = {name: capfirst(band_word(name)) for name in (*NAMES, "unknown")}
    table = [
        [day(when), points(tenths, 1), said_of[band_of(tenths, limits)], happened.pop(when, "")]
        for when, tenths in past
    ]
    table += [[day(when), "", "", said] for when, said in sorted(happened.items()) if past[0][0] <= when <= end]
    return _figure(drawn, [_("Day"), _("Points"), _("Band"), _("Event")], table)


def _usage(days: Sequence[tuple[date, float]], title: str, unit: str, *, line: bool) -> Mapping[str, Any]:
    if not days:
        return {}
    (first, opened), (last, closed) = days[0], days[-1]
    top_day, top = max(days, key=lambda pair: pair[1])
    words = Words(
        title=title or _("Use a day"),
        description=_("%(first)s on %(first_day)s, %(last)s on %(last_day)s, most on %(top_day)s: %(top)s %(unit)s.")
        % {
            "first": number(opened),
            "first_day": day(first),
            "last": number(closed),
            "last_day": day(last),
            "top_day": day(top_day),
            "top": number(top),
            "unit": unit,
        },
        first=f"{day(first, last)}: {number(opened)}",
        last=f"{day(last, last)}: {number(closed)}",
    )
    peak = f"{number(top)} {unit}, {day(top_day, last)}" if unit else f"{number(top)}, {day(top_day, last)}"
    drawn = charts.usage(days, words=words, peak=peak, line=line)
    return _figure(drawn, [_("Day"), capfirst(unit) or _("Uses")], [[day(when), number(uses)] for when, uses in days])


@register.inclusion_tag("_parts/chart.html")
def usage_bars(days: Sequence[tuple[date, float]], title: str = "", unit: str = "") -> Mapping[str, Any]:
    return _usage(days, title, unit, line=False)


@register.inclusion_tag("_parts/chart.html")
def usage_line(days: Sequence[tuple[date, float]], title: str = "", unit: str = "") -> Mapping[str, Any]:
    return _usage(days, title, unit, line=True)


@register.inclusion_tag("_parts/chart.html")
def money_steps(
    rows: Sequence[tuple[date, Decimal | None]], until: date, currency: str, title: str = ""
) -> Mapping[str, Any]:
    """An amount of money from each day on, until the next; None: not known."""
    if not rows or until <= rows[0][0]:
        return {}
    last = rows[-1][1]
    words = Words(
        title=title,
        description=_("From %(first)s to %(last)s: %(opened)s, then %(closed)s.")
        % {
            "first": day(rows[0][0]),
            "last": day(until),
            "opened": _cents(rows[0][1], currency),
            "closed": _cents(last, currency),
        },
        first=day(rows[0][0], until),
        last=f"{day(until, until)}: {_cents(last, currency)}",
    )
    top = max((value for _day, value in rows if value is not None), default=None)
    drawn = charts.steps(
        [(when, None if value is None else float(value)) for when, value in rows],
        until=until, words=words, peak=_cents(top, currency),
    )  # fmt: skip
    return _figure(drawn, [_("From"), _("A month")], [[day(when), _cents(value, currency)] for when, value in rows])


def _cents(amount: Decimal | None, currency: str) -> str:
    return money(None if amount is None else amount.quantize(Decimal("0.01")), currency)


@register.simple_tag
def meter(tenths: Tenths, band: str | None = None, label: str = "") -> str:
    """The bar of a measure; the row around it prints the figures."""
    words = Words(label, _("No data") if tenths is None else _("%(points)s of 100 points") % {"points": points(tenths)})
    drawn = charts.meter(None if tenths is None else tenths / 10, band=band or band_of(tenths), words=words)
    return mark_safe(drawn)  # noqa: S308 - escaped by crm.lib.svg


@register.inclusion_tag("_parts/chart.html")
def histogram(
    bins: Sequence[tuple[float, float, int]],
    title: str = "",
    after: Sequence[int] = (),
    before_word: str = "",
    after_word: str = "",
) -> Mapping[str, Any]:
    """Bars (low, high, count) for what is; `after` counts in the same bins for what would be."""
    if not bins:
        return {}
    counts = [count for _low, _high, count in bins]
    words = Words(
        title=title or _("Distribution"),
        description=ngettext(
            "%(total)s in %(bins)s step from %(low)s to %(high)s.",
            "%(total)s in %(bins)s steps from %(low)s to %(high)s.",
            len(bins),
        )
        % {
            "total": number(sum(counts)),
            "bins": number(len(bins)),
            "low": number(bins[0][0]),
            "high": number(bins[-1][1]),
        },
        first=number(bins[0][0]),
        last=number(bins[-1][1]),
    )
    drawn = charts.histogram(counts, after=after, words=words)
    head = [_("From"), _("To"), capfirst(before_word) or _("Count")] + (
        [capfirst(after_word) or _("After")] if after else []
    )
    table = [[number(low), number(high), number(count)] for low, high, count in bins]
    for row, count in zip(table, after, strict=False):
        row.append(number(count))
    caption = _("grey: %(before)s · line: %(after)s") % {"before": before_word, "after": after_word} if after else ""
    return _figure(drawn, head, table, caption)


@register.inclusion_tag("_parts/chart.html")
def interval(
    value: float,
    low: float,
    high: float,
    title: str = "",
    least: float = -100,
    most: float = 100,
    label: str = "",
    compare: Sequence[tuple[str, float, float, float]] = (),
) -> Mapping[str, Any]:
    """A figure with its margin; `compare` adds lines (label, value, low, high) below it."""
    lines = [(label or title, value, low, high), *compare]
    show = signed if least < 0 else number
    said = [
        _("%(value)s, between %(low)s and %(high)s") % {"value": show(v), "low": show(a), "high": show(b)}
        for _l, v, a, b in lines
    ]
    estimates = [Estimate(name, v, a, b, text) for (name, v, a, b), text in zip(lines, said, strict=True)]
    words = Words(title or label, "; ".join(f"{e.label}: {e.words}" for e in estimates), show(least), show(most))
    drawn = charts.interval(estimates, least=least, most=most, words=words)
    table = [[name, show(v), show(a), show(b)] for name, v, a, b in lines]
    return _figure(drawn, ["", _("Value"), _("Low"), _("High")], table)


@register.inclusion_tag("_parts/chart.html")
def stacked(bars: Sequence[Stack], head: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> Mapping[str, Any]:
    """Bars of parts; `head` and `rows` are their figures in words, a row per bar."""
    if not bars:
        return {}
    said = "; ".join(f"{bar.label}: {bar.words}" for bar in bars)
    return _figure(charts.stacks(bars, words=Words(title, said)), head, rows)
