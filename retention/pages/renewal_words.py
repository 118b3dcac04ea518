"""What the renewals page says: one row per renewal, and the sums of its months and owners."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from babel.dates import format_skeleton
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from crm.accounts.models import Account
from crm.lib.charts import Stack
from crm.lib.formats import word_locale
from crm.staff.models import User
from crm.staff.queries import ground_of
from crm.templatetags.ui import day as day_words
from crm.templatetags.ui import money, number, share
from retention.forecasts.models import Category, Forecast
from retention.forecasts.queries import Renewal, Total
from retention.forecasts.rules import ENOUGH, JUDGED_DAYS, SOON_DAYS, Record, came_true
from retention.pages.table import in_days
from retention.scores.models import Band

# What is foreseen and what came share five tones, so that a month reads as one bar. They are drawn in this order.
TONES = ("thriving", "steady", "at_risk", "leaving", "unknown")
TONE_OF = {
    "grows": "thriving", "expanded": "thriving", "renews": "steady", "renewed": "steady", "at_risk": "at_risk",
    "contracted": "at_risk", "leaves": "leaving", "churned": "leaving",
}  # fmt: skip
CENT = Decimal("0.01")


def tone_words() -> dict[str, str]:
    return {
        "thriving": _("grows"),
        "steady": _("renews"),
        "at_risk": pgettext("renewal", "at risk or less"),
        "leaving": _("leaves"),
        "unknown": _("no forecast"),
    }


def outcome_words() -> dict[str, str]:
    return {
        "renewed": _("Renewed"),
        "expanded": _("Grew"),
        "contracted": _("Renewed for less"),
        "churned": _("Left"),
        "unknown": _("Went on; no exchange rate"),
    }


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT)


class RowWriter:
    """Puts a renewal into a row of the table."""

    def __init__(self, day: date, currency: str, history: Mapping[tuple[int, date], list[Forecast]]) -> None:
        self.day, self.currency, self.history = day, currency, history

    def row(self, due: Renewal, account: Account, *, may: bool) -> dict[str, Any]:
        holder = account.owner or account.pool
        history = self.history.get(due.key, [])
        return {
            "key": f"{due.account_id}-{due.renews_on}",
            "name": due.name,
            "url": reverse("account", args=[due.account_id]),
            "band": Band(due.band).word,
            "computed": "" if due.computed_band is None else Band(due.computed_band).word,
            "points": due.points,
            "renews": day_words(due.renews_on, self.day),
            "in": in_days(due.renews_on, self.day) if due.renews_on >= self.day else "",
            "notice": "" if due.outcome else self._notice(due.notice_on),
            "soon": not due.outcome and due.notice_on is not None and due.notice_on <= self._soon(),
            "amount": self.price(due.mrr) if due.mrr is not None else _("no exchange rate"),
            "year": self.year(due.mrr),
            "lines": _lines(due.lines),
            "holder": holder.name if holder else _("nobody"),
            "tone": TONE_OF.get(due.outcome or due.category, "unknown"),
            "category": Category(due.category).label if due.category else "",
            "expected": self._expected(due),
            "said": [self.said(row) for row in history],
            "outcome": self._outcome(due),
            "judged": self._judged(due) if due.outcome else "",
            "form_url": reverse("forecast", args=[due.account_id, due.renews_on]) if may and not due.outcome else "",
        }

    def price(self, mrr: Decimal) -> str:
        return _("%(mrr)s a month") % {"mrr": money(cents(mrr), self.currency)}

    def year(self, mrr: Decimal | None) -> str:
        return "" if mrr is None else _("%(arr)s a year") % {"arr": money(cents(mrr * 12), self.currency)}

    def _soon(self) -> date:
        return date.fromordinal(self.day.toordinal() + SOON_DAYS)

    def _notice(self, on: date | None) -> str:
        if on is None:
            return ""
        words = {"day": day_words(on, self.day), "in": in_days(on, self.day)}
        if on < self.day:
            return _("passed %(day)s") % words
        return _("by %(day)s, %(in)s") % words if on <= self._soon() else _("by %(day)s") % words

    def _expected(self, due: Renewal) -> str:
        """The amount that is expected, where it differs from what is paid."""
        if due.expected is None or due.expected == due.mrr or due.category == Category.LEAVES:
            return ""
        return self.price(due.expected)

    def said(self, row: Forecast) -> dict[str, str]:
        """One forecast of the history: what, by whom, when, why."""
        what = str(row.get_category_display()) if row.category else _("taken back")
        if row.mrr is not None and row.category in (Category.GROWS, Category.AT_RISK):
            what = f"{what}, {_('%(mrr)s a month') % {'mrr': money(cents(row.mrr), row.currency)}}"
        return {"what": what, "who": f"{row.by.name}, {day_words(row.at, self.day)}", "why": row.reason}

    def _outcome(self, due: Renewal) -> str:
        if not due.outcome:
            return ""
        words = outcome_words()[due.outcome]
        moved = due.outcome in ("expanded", "contracted") and due.after is not None
        return f"{words}: {self.price(due.after)}" if moved and due.after is not None else words

    def _judged(self, due: Renewal) -> str:
        """What had been foreseen a month before, and whether it came so."""
        if not due.stood:
            return _("no forecast %(horizon)s days before") % {"horizon": JUDGED_DAYS}
        words = {"horizon": JUDGED_DAYS, "what": Category(due.stood).label}
        right = came_true(due.stood, due.outcome)
        if right is None:
            return _("foreseen %(horizon)s days before: %(what)s") % words
        if right:
            return _("as foreseen %(horizon)s days before: %(what)s") % words
        return _("otherwise than foreseen %(horizon)s days before: %(what)s") % words


def _lines(n: int) -> str:
    return ngettext("%(n)s line", "%(n)s lines", n) % {"n": number(n)} if n > 1 else ""


@dataclass
class Sums:
    """MRR and number of renewals, as a whole and by tone."""

    renewals: int = 0
    unpriced: int = 0
    mrr: Decimal = Decimal(0)
    expected: Decimal = Decimal(0)
    by_tone: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(TONES, Decimal(0)))

    def add(self, total: Total) -> None:
        self.renewals += total.renewals
        self.unpriced += total.unpriced
        self.mrr += total.mrr
        self.expected += total.after if total.outcome else total.expected
        self.by_tone[TONE_OF.get(total.outcome or total.category, "unknown")] += total.mrr


class Sheet:
    """The totals of a page: by month, by owner, and in words. `records` None: too many to judge."""

    def __init__(self, totals: Iterable[Total], records: Mapping[int, Record] | None, user: User, day: date) -> None:
        self.totals, self.records, self.user, self.day = list(totals), records, user, day
        owners = {total.owner_id for total in self.totals if total.owner_id}
        self.names = {row.pk: row.name for row in User.objects.filter(pk__in=owners)}
        self.all = self._sums(lambda total: None).get(None, Sums())
        self.currency = ground_of(user).installation.currency

    def _sums(self, key: Callable[[Total], Any]) -> dict[Any, Sums]:
        found: dict[Any, Sums] = defaultdict(Sums)
        for total in self.totals:
            found[key(total)].add(total)
        return dict(found)

    def months(self) -> list[tuple[str, Sums]]:
        months = self._sums(lambda total: total.month)
        return [(month_words(month), months[month]) for month in sorted(months)]

    def bars(self) -> dict[str, Any]:
        """The months for the chart, and the same figures as a table."""
        months, words = self.months(), tone_words()
        tones = [capfirst(words[tone]) for tone in TONES]
        return {
            "bars": [
                Stack(name, self.price(sums.mrr), [(tone, float(sums.by_tone[tone])) for tone in TONES])
                for name, sums in months
            ],
            "head": [_("Month"), _("Renewals"), _("A month"), _("Expected"), *tones],
            "rows": [[name, *self._cells(sums)] for name, sums in months],
        }

    def _cells(self, sums: Sums) -> list[str]:
        amounts = [sums.mrr, sums.expected, *(sums.by_tone[tone] for tone in TONES)]
        return [number(sums.renewals), *(money(cents(amount), self.currency) for amount in amounts)]

    def price(self, mrr: Decimal) -> str:
        return _("%(mrr)s a month") % {"mrr": money(cents(mrr), self.currency)}

    def legend(self) -> list[tuple[str, str, str]]:
        """What each colour means, with its sum; what is zero is left out."""
        words = tone_words()
        found = [(tone, self.all.by_tone[tone]) for tone in TONES]
        return [(tone, words[tone], money(cents(amount), self.currency)) for tone, amount in found if amount]

    def owners(self) -> list[tuple[str, list[str], str]]:
        """Owners by what they have to renew, with how their forecasts have come true."""
        found = self._sums(lambda total: total.owner_id)
        ordered = sorted(found.items(), key=lambda pair: (-pair[1].mrr, pair[0] or 0))
        return [(self._name(pk), self._cells(sums), self._record(pk)) for pk, sums in ordered]

    def _record(self, pk: int | None) -> str:
        if self.records is None:
            return _("shown for a team or one person")
        return record_words(self.records.get(pk or 0))

    def _name(self, pk: int | None) -> str:
        return self.names.get(pk, "") if pk else _("nobody")

    def own_record(self) -> str:
        return self._record(self.user.pk)

    def facts(self) -> list[str]:
        """The line below the heading; what is zero is left out."""
        silent = sum(total.renewals for total in self.totals if not total.category and not total.outcome)
        notices = sum(total.notices for total in self.totals)
        words = [
            (self.all.renewals, ngettext("%(n)s renewal", "%(n)s renewals", self.all.renewals)),
            (silent, ngettext("%(n)s without a forecast", "%(n)s without a forecast", silent)),
            (notices, ngettext("%(n)s notice day within 30 days", "%(n)s notice days within 30 days", notices)),
            (self.all.unpriced, ngettext("%(n)s without an exchange rate, not in the sums",
                                         "%(n)s without an exchange rate, not in the sums", self.all.unpriced)),
        ]  # fmt: skip
        return [text % {"n": number(n)} for n, text in words if n]


def record_words(record: Record | None) -> str:
    """How somebody's forecasts of the last year came true, in words."""
    if record is None or not record.judged:
        return _("none judged yet")
    counts = {"right": record.right, "n": record.judged, "least": ENOUGH}
    if not record.is_enough:
        return _("%(right)s of %(n)s came as foreseen; not enough data below %(least)s") % counts
    return _("%(right)s of %(n)s came as foreseen (%(share)s)") % (counts | {"share": share(record.share)})


def month_words(month: date) -> str:
    # Babel asks for the pattern by skeleton only for instants.
    return str(format_skeleton("yMMMM", datetime(month.year, month.month, 1), locale=word_locale()))  # noqa: DTZ001
