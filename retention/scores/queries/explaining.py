"""Why a score is what it is, how it moved, what changed, and what would help most; two queries at most.

Points are tenths, coverage thousandths. Callers have checked that the reader may see the account.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from crm.lib.prepared import prepared_cursor
from crm.lib.sql_files import load
from crm.templatetags.ui import number
from retention.measures.queries import AMOUNT, CHANGE, DAYS, KINDS, PART, RATING, WAY
from retention.measures.rules import half_up
from retention.scorecards import queries as scorecards
from retention.scorecards import rules as arithmetic
from retention.scorecards.models import ScorecardMeasure
from retention.scorecards.queries import Edition
from retention.scores import rules
from retention.scores.models import Band


@dataclass(frozen=True)
class Component:
    """One measure of one judgement. `share` is of the weight that counts now, `nominal` of all weight, both 0..1.

    `contribution` and `cost` in tenths: what it brings (they add up to the score), what it keeps from 100.
    """

    key: str
    name: str
    kind: str
    unit: str
    window: int
    value: Decimal | None
    base: Decimal | None
    words: str
    points: int | None
    share: float
    nominal: float
    contribution: int
    cost: int
    band: Band
    missing: str


@dataclass(frozen=True)
class Help:
    """What would help most: the component that costs most points, a reading within reach, and its gain in tenths."""

    key: str
    name: str
    target: Decimal | None
    gain: int
    sentence: str


@dataclass(frozen=True)
class Why:
    """A judgement with everything it is made of. `day` is the row's own, at or before the day asked for."""

    account_id: int
    version_id: int
    scorecard: str
    number: int
    day: date
    revision: int
    hindsight: bool
    points: int | None
    band: Band
    coverage: int
    low: int
    high: int
    minimum_coverage: int
    limits: tuple[int, int, int]
    components: list[Component]
    help: Help | None


@dataclass(frozen=True)
class Line:
    """One reason why a score moved, in tenths. `kind`: measure, known (other measures are), others (it ranks otherwise
    among them, and reads the same) or version.
    """

    key: str
    name: str
    kind: str
    before_words: str
    after_words: str
    change: int


@dataclass(frozen=True)
class Changes:
    """What moved a score between two days; the lines add up to after − before. Unknown either day: no lines."""

    before: int | None
    after: int | None
    lines: list[Line]


@dataclass(frozen=True)
class _Row:
    version_id: int
    day: date
    revision: int
    hindsight: bool
    points: int | None
    coverage: int
    low: int
    high: int
    components: tuple[int | None, ...]
    values: tuple[Decimal | None, ...]
    bases: tuple[Decimal | None, ...]


def _row(account_id: int, day: date | None) -> _Row | None:
    with prepared_cursor() as cursor:
        cursor.execute(load(__file__, "standing_of"), {"account": account_id, "day": day, "live": False})
        found = cursor.fetchone()
    return _read(found) if found else None


def _read(found: tuple[Any, ...]) -> _Row:
    version, day, revision, hindsight, points, coverage, low, high, components, values, bases = found
    arrays = tuple(components), tuple(map(_decimal, values)), tuple(map(_decimal, bases))
    return _Row(version, day, revision, hindsight, points, coverage, low, high, *arrays)


def _decimal(value: Any) -> Decimal | None:
    # str gives a real its shortest exact digits.
    return None if value is None else Decimal(str(value))


def why(account_id: int, day: date | None = None) -> Why | None:
    """The judgement that holds on `day` (None: now) and why; None when the account was never judged by then."""
    row = _row(account_id, day)
    if row is None:
        return None
    edition = scorecards.editions([row.version_id])[row.version_id]
    components = _components(edition, row)
    return Why(
        account_id=account_id,
        version_id=row.version_id,
        scorecard=str(edition.version.scorecard),
        number=edition.version.number,
        day=row.day,
        revision=row.revision,
        hindsight=row.hindsight,
        points=row.points,
        band=Band(arithmetic.band_of(row.points, edition.card.limits)),
        coverage=row.coverage,
        low=row.low,
        high=row.high,
        minimum_coverage=edition.version.minimum_coverage,
        limits=tuple(limit * 10 for limit in edition.card.limits),  # type: ignore[arg-type]  # three in, three out
        components=components,
        help=_help(edition, row, components) if row.points is not None else None,
    )


def _components(edition: Edition, row: _Row) -> list[Component]:
    card = edition.card
    brought, kept = arithmetic.contributions(card, row.components), arithmetic.costs(card, row.components)
    shares = arithmetic.shares(card, row.components)
    return [
        Component(
            key=measure.key,
            name=measure.label,
            kind=measure.kind,
            unit=_(measure.unit) if measure.unit else "",
            window=measure.window,
            value=value,
            base=base,
            words=reading_words(measure, value, base, edition.currency),
            points=tenths,
            share=float(share),
            nominal=float(nominal),
            contribution=contribution,
            cost=cost,
            band=Band(arithmetic.band_of(tenths, card.limits)),
            missing="" if tenths is not None else missing_words(measure, value, base),
        )
        for measure, value, base, tenths, share, nominal, contribution, cost in zip(
            edition.measures, row.values, row.bases, row.components, shares, edition.nominal_shares, brought, kept,
            strict=True,
        )
    ]  # fmt: skip


# --- words ---------------------------------------------------------------------------------------------------


def _figure(value: Decimal) -> str:
    """Three significant digits, but never fewer than the whole number."""
    places = max(0, 2 - value.adjusted()) if value else 0
    rounded = round(value, min(places, 6)).normalize()
    return number(rounded, max(0, -int(rounded.as_tuple().exponent)))


def _whole(value: Decimal) -> str:
    return number(value, 0)


# What the product's own measures count, for the one that there may be.
ONE = {
    "key features": gettext_noop("key feature"), "active people": gettext_noop("active person"),
    "uses": gettext_noop("use"), "key features unused": gettext_noop("key feature unused"),
    "milestones due": gettext_noop("milestone due"), "conversations open": gettext_noop("conversation open"),
    "conversations late": gettext_noop("conversation late"), "promises overdue": gettext_noop("promise overdue"),
    "invoices unsettled": gettext_noop("invoice unsettled"),
}  # fmt: skip


def _unit(measure: ScorecardMeasure, count: Decimal) -> str:
    """What is counted, by how many there are: "1 key feature", "2 key features"."""
    unit = measure.unit or KINDS[measure.kind].unit
    return _(ONE.get(unit, unit) if count == 1 else unit) if unit else ""


def reading_words(measure: ScorecardMeasure, value: Decimal | None, base: Decimal | None, currency: str) -> str:
    """A reading as people say it: "9 of 25 active people", "41 uses per EUR 100", "−18 %"; empty when unknown."""
    if value is None:
        return ""
    style = KINDS[measure.kind].words
    counted = base if style == PART and base is not None else value
    unit = _unit(measure, value * 100 if measure.per_price else counted)
    if measure.per_price:
        figures = {"amount": _figure(value * 100), "unit": unit, "currency": currency}
        return _("%(amount)s %(unit)s per %(currency)s 100") % figures
    if style == PART and base is not None:
        return _("%(part)s of %(whole)s %(unit)s") % {"part": _whole(value * base), "whole": _whole(base), "unit": unit}
    if style == RATING:
        rating = {"value": _figure(value), "n": number(int(base or 0))}
        said = ngettext("%(value)s of 10, by %(n)s person", "%(value)s of 10, by %(n)s people", int(base or 0))
        return said % rating
    if style == WAY:
        way = {"share": _whole(value * 100), "n": number(int(base or 0))}
        said = ngettext("%(share)s %% of the way, %(n)s goal", "%(share)s %% of the way, %(n)s goals", int(base or 0))
        return said % way
    if style == CHANGE:
        return f"{'−' if value < 0 else '+'}{_whole(abs(value) * 100)} %"
    if style == DAYS:
        return _days(int(value), measure.window)
    assert style in (AMOUNT, PART), f"No words for a reading of style {style}."
    return f"{_figure(value)} {unit}".strip()


def _days(days: int, window: int) -> str:
    if days >= window:
        return _("%(window)s days or more") % {"window": window}
    return ngettext("%(days)s day ago", "%(days)s days ago", days) % {"days": number(days)}


def missing_words(measure: ScorecardMeasure, value: Decimal | None, base: Decimal | None) -> str:
    """Why a measure has no points."""
    if value is not None:
        return _("fewer than 50 accounts to compare with")
    kind = KINDS[measure.kind]
    if base is None and measure.per_price:
        return _("no price in the reporting currency")
    return str(kind.without_base) if base is None and kind.base != "NULL" else str(kind.without_reading)


def _help(edition: Edition, row: _Row, components: list[Component]) -> Help | None:
    """The costliest component first; where it cannot be said what would help there, the next."""
    costly = sorted((n for n, part in enumerate(components) if part.cost > 0), key=lambda n: (-components[n].cost, n))
    for place in costly:
        measure, part = edition.measures[place], components[place]
        counted = KINDS[measure.kind].words in (PART, AMOUNT, DAYS)
        target = rules.target(edition.card, row.components, place, base=part.base, whole=counted)
        if target is not None:
            sentence = _help_words(edition, measure, part, target)
            return Help(part.key, part.name, target.value, target.gain, sentence)
    return None


def _help_words(edition: Edition, measure: ScorecardMeasure, part: Component, target: rules.Target) -> str:
    gain = number(half_up(target.gain, 10))
    if target.value is None:
        best = {"share": number(100 - target.worth // 10), "name": part.name, "gain": gain}
        return _("%(name)s among the best %(share)s %% of accounts is worth +%(gain)s") % best
    if KINDS[measure.kind].words == PART and part.base is not None:
        count = (target.value * part.base).quantize(Decimal(1), ROUND_HALF_UP)
        figures = {"count": _whole(count), "unit": _unit(measure, count), "gain": gain}
        return _("Back to %(count)s %(unit)s is worth +%(gain)s") % figures
    reading = reading_words(measure, target.value, part.base, edition.currency)
    return _("%(name)s at %(reading)s is worth +%(gain)s") % {"name": part.name, "reading": reading, "gain": gain}


# --- over time -----------------------------------------------------------------------------------------------


def history(account_id: int, start: date, end: date) -> list[tuple[date, int | None]]:
    """The ledger's rows in [start, end], the one that holds on `start` first; None: unknown from that day on."""
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "history"), {"account": account_id, "start": start, "end": end})
        return list(cursor.fetchall())


def changed_since(account_id: int, day1: date, day2: date) -> Changes | None:
    """What moved the score from `day1` to `day2`; None when it was not judged by then.

    From the current score's day on it is the one that holds now, as the account's page shows it, also where the ledger
    of the day is older.
    """
    text = load(__file__, "standing_of")
    both = " UNION ALL ".join(f"({text.replace('%(day)s', f'%({name})s')})" for name in ("day1", "day2"))
    with connection.cursor() as cursor:
        cursor.execute(both, {"account": account_id, "day1": day1, "day2": day2, "live": True})
        rows = [_read(found) for found in cursor.fetchall()]
    if len(rows) < 2:
        return None
    before, after = sorted(rows, key=lambda row: row.day)
    if before.points is None or after.points is None:
        return Changes(before.points, after.points, [])
    editions = scorecards.editions([before.version_id, after.version_id])
    return Changes(
        before.points, after.points, _lines(editions[before.version_id], before, editions[after.version_id], after)
    )


def _lines(was: Edition, before: _Row, now: Edition, after: _Row) -> list[Line]:
    moved = rules.differences(
        rules.Judged(was.card, before.components, before.values), rules.Judged(now.card, after.components, after.values)
    )
    # The same key may read something else in another version or scorecard.
    alike = {m.key: m for m in now.card.measures}
    old = {
        measure.key: reading_words(measure, value, base, was.currency)
        for measure, spec, value, base in zip(was.measures, was.card.measures, before.values, before.bases, strict=True)
        if spec.key in alike and rules.reads_alike(spec, alike[spec.key])
    }
    lines = []
    for measure, value, base in zip(now.measures, after.values, after.bases, strict=True):
        if measure.key in moved:
            words = reading_words(measure, value, base, now.currency)
            change = moved[measure.key]
            lines.append(Line(measure.key, measure.label, "measure", old.get(measure.key, ""), words, change))
    names = {
        rules.KNOWN: _("Other measures are known"),
        rules.OTHERS: _("Others that it is compared with changed, came or left"),
        rules.VERSION: _("The scorecard changed"),
    }
    return lines + [Line(key, name, key, "", "", moved[key]) for key, name in names.items() if key in moved]


# --- for all accounts ----------------------------------------------------------------------------------------


def points_on(day: date, accounts: Collection[int] | None = None) -> list[tuple[int, int | None, int]]:
    """(account, tenths of points, band) of all accounts (or these) on a day, by account."""
    parameters: dict[str, Any] = {"day": day, "accounts": None if accounts is None else list(accounts)}
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "scores_on"), parameters)
        return list(cursor.fetchall())


def score_on(day: date, accounts: Collection[int] | None = None) -> dict[int, int | None]:
    """Tenths of points by account on a day; no key: never judged by then."""
    return {account: points for account, points, _band in points_on(day, accounts)}


def costliest_names(version_ids: Iterable[int]) -> dict[tuple[int, int], str]:
    """(version, place from 1) → the measure's name, for lists that say what costs most."""
    rows = ScorecardMeasure.objects.filter(version__in=set(version_ids))
    return {(row.version_id, row.position): row.label for row in rows}
