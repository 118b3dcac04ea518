"""Writes the portfolio's rows: one template filled per account, a tenth of what Django's own loop over it takes.

Whatever people wrote is escaped here; the text around it and the bands' shapes are markup.
"""

from collections.abc import Callable
from datetime import date
from html import escape
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.accounts.models import Account, Stage
from crm.lib.formats import grouped
from crm.templatetags.ui import (
    DASH,
    band_mark,
    band_word,
    by_hand_words,
    icon,
    money,
    number,
    points,
    signed_points,
)
from crm.templatetags.ui import day as day_words
from retention.pages.fields import BANDS
from retention.pages.listing import Row
from retention.pages.wanted import COLUMNS, Wanted

ROW = '<tr>{tick}<th scope="row"><a class="account" href="{url}">{name}</a>{why}</th>%s</tr>\n'
CELL = '<td data-label="%s"%s>{%s}</td>'


class Table:
    """Rows in the columns that are asked for. `ticks`: with a box to choose each by; `edits`: steps can be changed."""

    def __init__(self, wanted: Wanted, currency: str, day: date, *, writes: bool) -> None:
        self.currency, self.day, self.writes = currency, day, writes
        cells = "".join(_cell(key) for key in wanted.columns)
        self.text = ROW % cells
        self.columns = [(key, self.writers[key]) for key in wanted.columns]
        self.address, self.step_address = (reverse(name, args=[0]) for name in ("account", "account-step"))
        self.bands = {word: (band_mark(word), escape(capfirst(band_word(word)))) for word in BANDS}
        self.stages = {value: escape(str(label)) for value, label in Stage.choices}
        self.measures: dict[str, str] = {"": DASH}
        self.spoken = f'<span class="seen-by-readers"> {escape(_("in 28 days"))}</span>'
        self.why_query = escape(urlencode({"state": wanted.query})) if wanted.where else ""
        self.why_address = reverse("account-segments", args=[0])
        self.why_word, self.why_label = escape(_("why?")), escape(_("Why is %(name)s in the list?"))
        self.pencil = icon("pencil")
        self.tick_label, self.step_label = escape(_("Choose %(name)s")), escape(_("Change the next step of %(name)s"))

    def rows(self, rows: list[Row]) -> SafeString:
        return mark_safe("".join(map(self._row, rows)))  # noqa: S308 - every cell escapes what people wrote

    def _row(self, row: Row) -> str:
        name = escape(row.name)
        cells = {key: write(self, row, name) for key, write in self.columns}
        url = self.address.replace("0", str(row.pk))
        return self.text.format(tick=self._tick(row, name), url=url, name=name, why=self._why(row, name), **cells)

    def _why(self, row: Row, name: str) -> str:
        """The way to each condition's answer, where the list has conditions."""
        if not self.why_query:
            return ""
        url = self.why_address.replace("0", str(row.pk))
        label = self.why_label.replace("%(name)s", name)
        return f' <a class="why" href="{url}?{self.why_query}" aria-label="{label}">{self.why_word}</a>'

    def _tick(self, row: Row, name: str) -> str:
        if not self.writes:
            return ""
        label = self.tick_label.replace("%(name)s", name)
        return (
            f'<td class="tick"><input type="checkbox" name="id" value="{row.pk}" form="bulk" aria-label="{label}"></td>'
        )

    def _health(self, row: Row, _name: str) -> str:
        """What _parts/band.html prints, and the change."""
        mark, word = self.bands[row.band]
        figure = "" if row.points is None else f" {points(row.points)}"
        change = f' <span class="quiet">{signed_points(row.change)}{self.spoken}</span>' if row.change else ""
        by_hand = f' <span class="quiet">{escape(by_hand_words(row.computed))}</span>' if row.computed else ""
        health = f'<span class="band is-{row.band}">{mark}<span>{word}{figure}</span></span>'
        return f"<span>{health}{change}{by_hand}</span>"

    def _costs(self, row: Row, _name: str) -> str:
        if row.costliest not in self.measures:
            self.measures[row.costliest] = escape(_(row.costliest))
        return self.measures[row.costliest]

    def step(self, row: Row | Account, name: str) -> str:
        """The pinned line, and the way to change it where the person may."""
        words = ""
        if row.next_step:
            late = row.next_step_on is not None and row.next_step_on < self.day
            when = escape(day_words(row.next_step_on, self.day))
            words = f'{escape(row.next_step)} <span class="quiet{" is-at_risk" if late else ""}">{when}</span>'
        if not self.writes or (isinstance(row, Row) and not row.may_write):
            return f"<span>{words or DASH}</span>"
        url, label = self.step_address.replace("0", str(row.pk)), self.step_label.replace("%(name)s", name)
        return f'<span>{words}</span><a class="edit" href="{url}" hx-get="{url}" aria-label="{label}">{self.pencil}</a>'

    def _mrr(self, row: Row, _name: str) -> str:
        return escape(money(row.mrr, self.currency)) if row.is_paid else DASH

    writers: dict[str, Callable[["Table", Row, str], str]] = {
        "health": _health,
        "costs": _costs,
        "pulse": lambda self, row, _name: DASH if row.pulse is None else escape(pulse_words(row.pulse)),
        "mrr": _mrr,
        "renewal": lambda self, row, _name: escape(in_days(row.renews_on, self.day)) or DASH,
        "owner": lambda self, row, _name: escape(row.holder) or DASH,
        "next_step": step,
        "plan": lambda self, row, _name: escape(row.plans or "") or DASH,
        "seats": lambda self, row, _name: DASH if row.seats is None else escape(grouped(row.seats)),
        "last_use": lambda self, row, _name: escape(day_words(row.last_use_on, self.day)),
        "uses": lambda self, row, _name: DASH if row.uses is None else escape(grouped(row.uses)),
        "customer_since": lambda self, row, _name: escape(day_words(row.customer_since, self.day)),
        "stage": lambda self, row, _name: self.stages[row.stage],
        "segment": lambda self, row, _name: escape(row.segment) or DASH,
        "tags": lambda self, row, _name: escape(", ".join(row.tags)) or DASH,
        "external_id": lambda self, row, _name: escape(row.external_id),
    }


def pulse_words(value: int) -> str:
    return _("%(value)s of 5") % {"value": value}


def _cell(key: str) -> str:
    column = COLUMNS[key]
    label = escape(str(column.label)).replace("{", "{{").replace("}", "}}")
    return CELL % (label, f' class="{column.kind}"' if column.kind else "", key)


def in_days(on: date | None, day: date) -> str:
    """How far off a day is, always in days: "in 85 days"; empty when there is none."""
    if on is None:
        return ""
    days = (on - day).days
    return ngettext("in %(days)s day", "in %(days)s days", days) % {"days": number(days)} if days else _("today")
