"""The six charts: figures and words in, one SVG text out. Points and shares of the scale are plain floats."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

from crm.lib import svg
from crm.lib.svg import Frame, Ground, Mark

FOOT = 18  # room for the words under a plot
HEAD = 16  # room for the word over the highest bar


@dataclass(frozen=True)
class Words:
    """What a chart says beside its picture: name, sentence for screen readers, and the two ends of its axis."""

    title: str
    description: str
    first: str = ""
    last: str = ""


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval, in the units of the scale."""

    label: str
    value: float
    low: float
    high: float
    words: str


def _foot(words: Words, y: float) -> str:
    ends = (svg.text(0, y, words.first), svg.text(1, y, words.last, anchor="end"))
    return "".join(end for word, end in zip((words.first, words.last), ends, strict=True) if word)


def score_curve(
    rows: Sequence[tuple[date, float | None]],
    *,
    until: date,
    grounds: Sequence[Ground],
    marks: Sequence[Mark],
    band: str,
    words: Words,
    height: float = 112,
) -> str:
    """Points 0..100 over bands, one value a day, carried forward from the rows of the ledger; None leaves a gap.

    `band` colours the last day's dot; without a known last day there is no dot.
    """
    days = svg.carried(rows, until)
    first = days[0][0] if days else until
    frame = Frame(first, until, 0, 100, height)
    labels, taken = _ground_labels(grounds, frame)
    known = [mark for mark in marks if first <= mark.day <= until]
    drawn = [svg.ground_rects(grounds, frame), labels, svg.mark_lines(svg.placed(known, frame, taken), frame)]
    lines = svg.runs(days)
    drawn.append(
        svg.stretched(
            [svg.path([(frame.across(d), frame.down(v)) for d, v in run]) for run in lines if len(run) > 1], height
        )
    )
    # A single known day has no length to draw a line along.
    drawn += [_dot(frame, *run[0], kind="dot", radius=1.5) for run in lines if len(run) == 1]
    if days and days[-1][1] is not None:
        drawn.append(_dot(frame, until, days[-1][1], kind=f"fill-{band}", radius=4))
    drawn.append(_foot(words, height + 14))
    return svg.picture(drawn, height=height + FOOT, title=words.title, description=words.description)


def _ground_labels(grounds: Sequence[Ground], frame: Frame) -> tuple[str, list[tuple[float, float]]]:
    """Words of the bands at the left, and the spans of the lowest row that they use."""
    drawn, taken = [], []
    for ground in grounds:
        if not ground.label:
            continue
        lowest = ground.low <= frame.low
        drawn.append(
            svg.text(0, frame.down(ground.low) - 5 if lowest else frame.down(ground.high) + 12, ground.label, shift=4)
        )
        if lowest:
            taken.append((0.0, svg.width_of(ground.label) + 12))
    return "".join(drawn), taken


def _dot(frame: Frame, day: date, value: float, *, kind: str, radius: float) -> str:
    across = svg.percent(frame.across(day))
    return (
        f'<circle class="{escape(kind)}" cx="{across}" cy="{svg.number(frame.down(value))}" r="{svg.number(radius)}"/>'
    )


def usage(
    days: Sequence[tuple[date, float]], *, words: Words, peak: str, line: bool = False, height: float = 72
) -> str:
    """Daily amounts as bars or as a line, weekly ticks on Mondays, the highest day named by `peak`."""
    if not days:
        return svg.picture([], height=HEAD, title=words.title, description=words.description)
    top = max(value for _, value in days)
    slot = 1 / len(days)
    frame = Frame(days[0][0], days[-1][0], 0, max(top, 1), height, HEAD)
    middles = [((n + 0.5) * slot, frame.down(value)) for n, (_, value) in enumerate(days)]
    floor = HEAD + height
    inner = [svg.path(middles, "line accent-line")] if line else [_bars([value for _, value in days], frame)]
    drawn = [svg.stretched(inner, floor), _axis(floor)]
    drawn += [_tick((n + 0.5) * slot, floor) for n, (day, _) in enumerate(days) if day.weekday() == 0]
    if top > 0:
        x = next(middle[0] for middle, (_, value) in zip(middles, days, strict=True) if value == top)
        anchor = "end" if x > 0.75 else "start" if x < 0.25 else "middle"
        drawn.append(svg.text(x, HEAD - 5, peak, anchor=anchor, kind="strong"))
    drawn.append(_foot(words, floor + 18))
    return svg.picture(drawn, height=floor + FOOT + 4, title=words.title, description=words.description)


def steps(
    rows: Sequence[tuple[date, float | None]], *, until: date, words: Words, peak: str, height: float = 72
) -> str:
    """An amount that holds from each day on until the next, as a stepped line from zero; None leaves a gap.

    `peak` names the highest step.
    """
    first = rows[0][0]
    top = max((value for _, value in rows if value is not None), default=0)
    frame = Frame(first, until, 0, max(top, 1), height, HEAD)
    floor = HEAD + height
    ends = [day for day, _ in rows[1:]] + [until]
    runs: list[list[tuple[float, float]]] = [[]]
    for (day, value), end in zip(rows, ends, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1] += [(frame.across(day), frame.down(value)), (frame.across(end), frame.down(value))]
    drawn = [svg.stretched([svg.path(run) for run in runs if run], floor), _axis(floor)]
    if top > 0:
        x = next(frame.across(day) for day, value in rows if value == top)
        anchor = "end" if x > 0.75 else "start"
        drawn.append(svg.text(x, HEAD - 5, peak, anchor=anchor, kind="strong"))
    drawn.append(_foot(words, floor + 14))
    return svg.picture(drawn, height=floor + FOOT, title=words.title, description=words.description)


def _bars(values: Sequence[float], frame: Frame, gap: float = 0.2) -> str:
    slot = 1000 / len(values)
    floor = frame.top + frame.height
    bars = [
        f'<rect x="{svg.number((n + gap / 2) * slot)}" y="{svg.number(frame.down(value))}"'
        f' width="{svg.number(slot * (1 - gap))}" height="{svg.number(floor - frame.down(value))}"/>'
        for n, value in enumerate(values)
        if value > 0
    ]
    return f'<g class="bars">{"".join(bars)}</g>'


def _axis(y: float) -> str:
    return f'<line class="axis" x1="0" x2="100%" y1="{svg.number(y)}" y2="{svg.number(y)}"/>'


def _tick(x: float, y: float) -> str:
    across = svg.percent(x)
    return f'<line class="axis" x1="{across}" x2="{across}" y1="{svg.number(y)}" y2="{svg.number(y + 4)}"/>'


def meter(points: float | None, *, band: str, words: Words) -> str:
    """A bar of 0..100 points; without points the empty groove alone."""
    groove = '<rect class="fill-sunk" width="100%" height="8" rx="4"/>'
    share = 0.0 if points is None else min(max(points, 0.0), 100.0) / 100
    filled = f'<rect class="fill-{escape(band)}" width="{svg.percent(share)}" height="8" rx="4"/>' if share else ""
    return svg.picture([groove, filled], height=8, title=words.title, description=words.description, kind="meter")


def histogram(counts: Sequence[int], *, after: Sequence[int] = (), words: Words, height: float = 88) -> str:
    """Bars for what is and a stepped line for what would be, both over the same bins from the left."""
    if after and len(after) != len(counts):
        raise ValueError(f"Both distributions need the same bins, but there are {len(counts)} and {len(after)}.")
    most = max([*counts, *after, 1])
    frame = Frame(date.min, date.min, 0, most, height, HEAD)
    floor = HEAD + height
    inner = [_bars(counts, frame)] if counts else []
    if after:
        slot = 1 / len(after)
        steps = [(x * slot, frame.down(count)) for n, count in enumerate(after) for x in (n, n + 1)]
        inner.append(svg.path(steps, "line accent-line"))
    drawn = [svg.stretched(inner, floor), _axis(floor)]
    if any(counts):
        tallest = max(range(len(counts)), key=lambda n: counts[n])
        over = min(frame.down(counts[tallest]), frame.down(after[tallest]) if after else floor)
        drawn.append(svg.text((tallest + 0.5) / len(counts), over - 5, str(counts[tallest]), anchor="middle"))
    drawn.append(_foot(words, floor + 14))
    return svg.picture(drawn, height=floor + FOOT, title=words.title, description=words.description)


def interval(estimates: Sequence[Estimate], *, least: float, most: float, words: Words) -> str:
    """A point with its whisker on a scale from least to most, one line per estimate, zero marked when inside."""
    row = 38
    reach = most - least

    def across(value: float) -> float:
        return min(max((value - least) / reach, 0.0), 1.0)

    floor = row * len(estimates)
    drawn = [_axis(floor)]
    if least < 0 < most:
        zero = svg.percent(across(0))
        drawn.append(f'<line class="mark" x1="{zero}" x2="{zero}" y1="0" y2="{floor}"/>')
        drawn.append(svg.text(across(0), floor + 14, "0", anchor="middle"))
    for n, estimate in enumerate(estimates):
        top, y = n * row, n * row + 26
        low, high = svg.percent(across(estimate.low)), svg.percent(across(estimate.high))
        drawn.append(svg.text(0, top + 11, estimate.label, kind="halo"))
        drawn.append(svg.text(1, top + 11, estimate.words, anchor="end", kind="strong halo"))
        drawn.append(f'<line class="whisker" x1="{low}" x2="{high}" y1="{y}" y2="{y}"/>')
        drawn += [f'<line class="whisker" x1="{x}" x2="{x}" y1="{y - 4}" y2="{y + 4}"/>' for x in (low, high)]
        drawn.append(f'<circle class="fill-accent" cx="{svg.percent(across(estimate.value))}" cy="{y}" r="5"/>')
    drawn.append(_foot(words, floor + 14))
    return svg.picture(drawn, height=floor + FOOT, title=words.title, description=words.description)


@dataclass(frozen=True)
class Stack:
    """One bar made of parts: what it is, its total in words, and (class of colour, value) from left to right."""

    label: str
    words: str
    parts: Sequence[tuple[str, float]]


def stacks(bars: Sequence[Stack], *, words: Words) -> str:
    """Bars beneath their labels on one scale from zero, each part in its colour, parted by a gap."""
    row, thick = 40, 12
    most = max([sum(value for _, value in bar.parts) for bar in bars] + [1])
    drawn = []
    for n, bar in enumerate(bars):
        top, x = n * row, 0.0
        drawn.append(svg.text(0, top + 12, bar.label))
        drawn.append(svg.text(1, top + 12, bar.words, anchor="end", kind="strong"))
        for kind, value in bar.parts:
            wide = value / most
            place = f'x="{svg.percent(x)}" y="{top + 19}" width="{svg.percent(max(wide - 0.003, 0))}" height="{thick}"'
            if value > 0:
                drawn.append(f'<rect class="fill-{escape(kind)}" {place} rx="2"/>')
            x += wide
    return svg.picture(drawn, height=row * len(bars), title=words.title, description=words.description)
