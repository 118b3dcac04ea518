"""Charts as SVG text: geometry only, no Django, no clock, no colours.

Across, positions are shares of the width, so that a chart fills any column while its words keep their size;
down, they are pixels. Lines are drawn in an inner picture that is stretched sideways with an unscaled pen.
Colour comes through class names. Every word is escaped here, so the result is safe to print as it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape
from unicodedata import east_asian_width

# The narrowest column a chart is drawn in: labels that do not collide here collide nowhere.
NARROW = 300
LETTER = 5.8
LINE = 14


@dataclass(frozen=True)
class Ground:
    """A pale band between two values of the vertical scale, with its word or none."""

    name: str
    low: float
    high: float
    label: str = ""


@dataclass(frozen=True)
class Mark:
    """A day on which something happened, and the words for it."""

    day: date
    words: str


@dataclass(frozen=True)
class Frame:
    """Maps days to 0..1 across and values to pixels down, inside a plot of `height` pixels."""

    first: date
    last: date
    low: float
    high: float
    height: float
    top: float = 0

    def across(self, day: date) -> float:
        days = (self.last - self.first).days
        return 1.0 if days == 0 else (day - self.first).days / days

    def down(self, value: float) -> float:
        reach = self.high - self.low
        share = 0.0 if reach == 0 else (value - self.low) / reach
        return self.top + self.height * (1 - min(max(share, 0.0), 1.0))


def number(value: float) -> str:
    """Print a coordinate with at most two decimals and no trailing zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


def percent(share: float) -> str:
    return f"{number(share * 100)}%"


def width_of(words: str) -> float:
    """Estimate the width of a label in pixels; wide letters such as Hangul count double."""
    return sum(LETTER * (2 if east_asian_width(letter) in "WF" else 1) for letter in words)


def text(x: float, y: float, words: str, *, anchor: str = "start", kind: str = "", shift: float = 0) -> str:
    """One label. `x` is a share of the width, `y` the baseline, `shift` pixels sideways."""
    more = (f' class="{kind}"' if kind else "") + (f' dx="{number(shift)}"' if shift else "")
    return f'<text x="{percent(x)}" y="{number(y)}" text-anchor="{anchor}"{more}>{escape(words)}</text>'


def picture(parts: Iterable[str], *, height: float, title: str, description: str, kind: str = "") -> str:
    """Wrap drawn parts as one image that a screen reader names by its title and describes by its sentence."""
    of_kind = f' class="{kind}"' if kind else ""
    return (
        f'<svg{of_kind} role="img" width="100%" height="{number(height)}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>{''.join(parts)}</svg>"
    )


def stretched(parts: Iterable[str], height: float) -> str:
    """An inner picture of 1000 units across whatever the real width is."""
    return (
        f'<svg width="100%" height="{number(height)}" viewBox="0 0 1000 {number(height)}"'
        f' preserveAspectRatio="none">{"".join(parts)}</svg>'
    )


def path(points: Sequence[tuple[float, float]], kind: str = "line") -> str:
    """A line through (share across, pixels down)."""
    steps = " L".join(f"{number(x * 1000)} {number(y)}" for x, y in points)
    return f'<path class="{kind}" d="M{steps}"/>'


def carried(rows: Iterable[tuple[date, float | None]], until: date) -> list[tuple[date, float | None]]:
    """Fill the days between ledger rows: the value on a day is that of the last row at or before it."""
    known = sorted((row for row in rows if row[0] <= until), key=lambda row: row[0])
    days: list[tuple[date, float | None]] = []
    ends = [row[0] for row in known[1:]] + [until + timedelta(1)]
    for (day, value), following in zip(known, ends, strict=False):
        days += [(day + timedelta(n), value) for n in range((following - day).days)]
    return days


def runs(days: Iterable[tuple[date, float | None]]) -> list[list[tuple[date, float]]]:
    """Split a series where the value is unknown, so that no line is drawn through the gap."""
    found: list[list[tuple[date, float]]] = [[]]
    for day, value in days:
        if value is None:
            found.append([])
        else:
            found[-1].append((day, value))
    return [run for run in found if run]


def placed(
    marks: Sequence[Mark], frame: Frame, taken: Sequence[tuple[float, float]] = ()
) -> list[tuple[Mark, float, str, int]]:
    """Seat the words of the marks in rows, counted from the bottom, so that none covers another.

    Gives (mark, share across, text anchor, row). `taken` are pixel spans of the lowest row already in use.
    """
    rows: list[list[tuple[float, float]]] = [list(taken)]
    seats = []
    for mark in sorted(marks, key=lambda mark: mark.day):
        x = frame.across(mark.day)
        wide = width_of(mark.words) + 8
        # Words stand on the roomier side of their dotted line.
        anchor = "end" if x > 0.5 else "start"
        span = (x * NARROW - wide, x * NARROW) if anchor == "end" else (x * NARROW, x * NARROW + wide)
        row = next((n for n, used in enumerate(rows) if all(span[1] <= a or span[0] >= b for a, b in used)), len(rows))
        if row == len(rows):
            rows.append([])
        rows[row].append(span)
        seats.append((mark, x, anchor, row))
    return seats


def mark_lines(seats: Sequence[tuple[Mark, float, str, int]], frame: Frame) -> str:
    """Dotted verticals with their words."""
    drawn = []
    floor = frame.top + frame.height
    for mark, x, anchor, row in seats:
        side = -4 if anchor == "end" else 4
        across = percent(x)
        drawn.append(f'<line class="mark" x1="{across}" x2="{across}" y1="{number(frame.top)}" y2="{number(floor)}"/>')
        drawn.append(text(x, floor - 5 - row * LINE, mark.words, anchor=anchor, kind="halo", shift=side))
    return "".join(drawn)


def ground_rects(grounds: Iterable[Ground], frame: Frame) -> str:
    drawn = []
    for ground in grounds:
        top, floor = frame.down(ground.high), frame.down(ground.low)
        place = f'width="100%" y="{number(top)}" height="{number(floor - top)}"'
        drawn.append(f'<rect class="ground fill-{escape(ground.name)}" {place}/>')
    return "".join(drawn)
