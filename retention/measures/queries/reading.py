"""Measures of all live accounts at once: one SELECT from windows and book, put together from the kinds in use."""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, NamedTuple

from django.db import connection

from crm.lib.sql_files import load
from crm.staff.queries import installation
from crm.subscriptions import queries as subscriptions
from retention.measures.queries.kinds import KINDS, Kind
from retention.measures.queries.sparing import not_needed_sql
from retention.measures.rules import STEPS, Measure
from retention.onboarding import queries as onboarding

WRITTEN_AT = time(6, tzinfo=timezone.utc)  # noqa: UP017 - `datetime.UTC` would hide behind the names above


class Windows(NamedTuple):
    """The tables that hold the windows of the day in question."""

    events: str = "crm_window_event"
    people: str = "crm_window_person"


def known_at(day: date) -> datetime:
    """The instant by which a fact must be recorded to count for a past day: when its ledger row was due."""
    return datetime.combine(day, WRITTEN_AT)


def prepare(day: date, measures: Sequence[Measure], *, known: datetime | None, only: str = "") -> int:
    """Make the temporary tables that `readings` joins: who is judged on `day`, and what they pay for.

    `known`: count what was recorded by then, and for accounts that nobody had recorded anything of by then
    whatever is effective (imported history). `only`: a SELECT of account ids. Returns how many are judged.
    """
    reach = installation().paid_through
    book_day = min(day, reach) if reach else day
    parameters: dict[str, Any] = {"as_of": day, "day": book_day}
    end = min(day, reach + timedelta(1)) if reach else day
    for window in _priced(measures):
        parameters |= {f"start_{window}": end - timedelta(window), f"end_{window}": end}
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS paid_term, judged, plan_key, spared")
        _terms(cursor, known, only)
        cursor.execute(_population(measures, only), parameters)
        judged = int(cursor.rowcount)
        cursor.execute(load(__file__, "plan_keys"))
        spared = f"SELECT account_id, feature_id FROM ({not_needed_sql()}) AS held"
        cursor.execute(f"CREATE TEMP TABLE spared ON COMMIT DROP AS {spared}", {"day": day, "known": known})
        cursor.execute("ANALYZE judged; ANALYZE plan_key; ANALYZE spared")
    return judged


def _terms(cursor: Any, known: datetime | None, only: str) -> None:
    make = load(__file__, "paid_terms")
    if known is None:
        cursor.execute(make.replace("/*term*/", subscriptions.sql("term", only=only)), {"known": None})
        return
    within = f" AND id IN ({only})" if only else ""
    seen = "SELECT account_id FROM crm_subscriptionchange WHERE recorded_at <= %(known)s"
    had = f"SELECT id FROM crm_account WHERE id IN ({seen}){within}"
    had_not = f"SELECT id FROM crm_account WHERE id NOT IN ({seen}){within}"
    cursor.execute(make.replace("/*term*/", subscriptions.sql("term", only=had)), {"known": known})
    later = subscriptions.sql("term", only=had_not).replace("%(known)s::timestamptz", "NULL::timestamptz")
    columns = "account_id, subscription_id, from_on, until_on, plan_id, seats, mrr, term_starts, renews_on, notice_on"
    cursor.execute(f"INSERT INTO paid_term SELECT {columns} FROM ({later}) AS term", {"known": known})


def _priced(measures: Sequence[Measure]) -> list[int]:
    return sorted({measure.window for measure in measures if measure.per_price})


def _population(measures: Sequence[Measure], only: str) -> str:
    windows = _priced(measures)
    # What is paid is read of the terms that this run has already put into a table.
    state = subscriptions.state_sql(windows).replace(subscriptions.sql("term"), "SELECT * FROM paid_term")
    prices = (f",\n    CASE WHEN paid.mrr_{w} > 0 THEN paid.mrr_{w} * {w} / 28 END AS price_{w}" for w in windows)
    marks = {
        "/*paid*/": state,
        "/*price columns*/": "".join(prices),
        "/*only*/": f"AND account.id IN ({only})" if only else "",
    }
    return _marked(load(__file__, "population"), marks)


def _marked(text: str, marks: dict[str, str]) -> str:
    for mark, words in marks.items():
        text = text.replace(mark, words)
    return text


def has_usage(day: date) -> bool:
    """Whether any usage at all is known before the day; without it, usage is missing rather than zero."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM crm_usage_day WHERE day < %s)", [day])
        return bool(cursor.fetchall()[0][0])


def readings(
    measures: Sequence[Measure],
    *,
    minimum_tenure: int,
    windows: Windows = Windows(),  # noqa: B008 - immutable
    usage_known: bool = True,
    only: str = "",
) -> str:
    """SELECT account_id, values, bases of everyone in `judged`; parameters %(as_of)s and %(known)s (as `prepare`, which
    must have run)."""
    aggregates, selects, joins, values, figures = "", "", "", [], []
    for n, measure in enumerate(measures, 1):
        kind, fragment = KINDS[measure.kind], _fragment(measure, windows, only)
        if kind.is_aggregate:
            aggregates += f",\n        {fragment} AS found_{n}"
            found = f"by_feature.found_{n}"
        else:
            selects += f", found_{n} AS (\n{fragment}\n)"
            joins += f"\nLEFT JOIN found_{n} ON found_{n}.account_id = judged.account_id"
            found = f"found_{n}.found"
        figures += [f"{found} AS found_{n}", f"({_base(measure, kind, select=f'found_{n}')})::numeric AS base_{n}"]
        values.append(_reading(measure, kind, n, minimum_tenure if usage_known or not kind.of_usage else None))
    spares = _spares()
    columns = sorted(set(re.findall(r"\bused\.((?:uses|before|amount|amount_before)_\d+)", aggregates)))
    marks = {
        "/*window sums*/": "".join(f", sum(used.{column}){_whole(column)}" for column in columns),
        "/*window columns*/": "".join(f", used.{column}" for column in columns),
        "/*events*/": windows.events,
        "/*changed*/": f"AND used.account_id IN ({only})" if only else "",
        "/*aggregates*/": aggregates,
        "/*selects*/": selects,
        "/*values*/": ",\n    ".join(values),
        "/*bases*/": ", ".join(f"judged.base_{n}" for n in range(1, len(values) + 1)),
        "/*figures*/": _less_spared(", ".join(figures), spares),
        "/*joins*/": joins + (SPARED_OF_PLAN if spares else ""),
        "/*but spared*/": NOT_SPARED if spares else "",
    }
    return _marked(load(__file__, "readings"), marks)


# Only where somebody has marked anything: the pass over the windows is the longest part of a run.
NOT_SPARED = " AND (judged.account_id, used.feature_id) NOT IN (SELECT account_id, feature_id FROM spared)"
SPARED_OF_PLAN = """
LEFT JOIN (
    SELECT held.account_id, plan.plan_set, count(*) AS features
    FROM spared AS held JOIN plan_key AS plan USING (feature_id)
    GROUP BY held.account_id, plan.plan_set
) AS less ON less.account_id = judged.account_id AND less.plan_set = judged.plan_set"""


def _spares() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM spared)")
        return bool(cursor.fetchall()[0][0])


def _less_spared(text: str, spares: bool) -> str:
    """Of the plan's key features, those that the account needs; none: as if the plan had none."""
    less = "nullif(included.features - coalesce(less.features, 0), 0)"
    return text.replace("included.features", less) if spares else text


def _whole(column: str) -> str:
    """Sums of whole numbers stay whole; PostgreSQL would widen them."""
    return "" if column.startswith("amount") else "::bigint"


def _fragment(measure: Measure, windows: Windows, only: str) -> str:
    kind = KINDS[measure.kind]
    size = "amount" if measure.counts_amount else "uses"
    before = "amount_before" if measure.counts_amount else "before"
    chosen = "used.feature_id IS NOT NULL" if measure.feature is None else f"used.feature_id = {measure.feature:d}"
    marks = {
        "/*size*/": f"{size}_{measure.window}",
        "/*size before*/": f"{before}_{measure.window}",
        "/*unit*/": " / 1000000" if measure.counts_amount else "",
        "/*chosen*/": chosen,
        "/*if chosen*/": f" FILTER (WHERE {chosen})" if measure.feature is not None else "",
        "/*people*/": windows.people,
        "/*events*/": windows.events,
        "/*and only*/": f"AND used.account_id IN ({only})" if only else "",
        "/*theirs*/": f"AND held.account_id IN ({_with_merged(only)})" if only else "",
        "/*waiting*/": WAITING.replace("/*recorded*/", _recorded("crm_conversation")),
        "/*troubles*/": _troubles(only),
        "/*onboarding*/": onboarding.sql("standing", only=only).replace("%(day)s", "%(as_of)s"),
        "/*w*/": str(measure.window),
        "/*threshold*/": str(measure.threshold or 1),
        "/*valid*/": str(kind.valid_days if measure.valid_days is None else measure.valid_days),
        "/*trait*/": str(measure.trait or 0),
    }
    text = load(__file__, f"kind_{kind.fragment or measure.kind}")
    text = _marked("\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--")), marks)
    return re.sub(r"/\*recorded (\w+)\*/", lambda found: _recorded(found[1]), text)


# In which it is our turn: as it stands, or as its entries say for a past day. Closings leave no other trace.
WAITING = """CASE WHEN %(known)s::timestamptz IS NULL THEN held.state = 'open' ELSE
    held.began_at <= %(known)s AND (held.closed_at IS NULL OR held.closed_at > %(known)s) AND held.channel <> 'note'
    AND (SELECT said.inbound FROM crm_entry AS said WHERE said.conversation_id = held.id AND said.at <= %(known)s
        ORDER BY said.at DESC, said.id DESC LIMIT 1)
    AND /*recorded*/ END"""
_KNOWN = "(%(known)s::timestamptz IS NULL OR held.recorded_at <= %(known)s)"


def _recorded(table: str) -> str:
    """Rows that were recorded by then; of an account of which none was, whatever is effective (imported history)."""
    early = f"SELECT account_id FROM {table} WHERE recorded_at <= %(known)s"
    return f"{_KNOWN[:-1]} OR held.account_id NOT IN ({early}))"


def _with_merged(only: str) -> str:
    return (
        f"SELECT id FROM crm_account WHERE id IN ({only})"
        f" UNION ALL SELECT id FROM crm_account WHERE merged_into_id IN ({only})"
    )


def _troubles(only: str) -> str:
    text = subscriptions.troubles_sql(only).replace("%(day)s", "%(as_of)s")
    return text.replace(_KNOWN, _recorded("crm_payment"))


def _tenure(measure: Measure, kind: Kind) -> str:
    return f"greatest(least(judged.tenure, {measure.window}), 1)" if kind.of_usage else str(measure.window)


def _base(measure: Measure, kind: Kind, *, select: str) -> str:
    if measure.per_price:
        return f"judged.price_{measure.window} * {measure.window} / {_tenure(measure, kind)}"
    return kind.base.replace("{select}", select)


def _reading(measure: Measure, kind: Kind, n: int, minimum_tenure: int | None) -> str:
    """What is read at place `n`, over what was found and its base. What reads use is missing without known usage."""
    if minimum_tenure is None:
        return "NULL"
    w, base = measure.window, f"judged.base_{n}"
    reading = f"({kind.reading}) / base" if measure.per_price else kind.reading
    value = (
        reading.format(w=w, tenure=_tenure(measure, kind)).replace("found", f"judged.found_{n}").replace("base", base)
    )
    condition = f"judged.tenure >= {max(minimum_tenure, kind.periods * w)}" if kind.of_usage else "TRUE"
    if measure.per_price or kind.base != "NULL":
        # Said aloud, since least() passes over a null.
        condition += f" AND {base} IS NOT NULL"
    return f"CASE WHEN {condition} THEN round(({value})::numeric, 9) END"


def points_sql(measure: Measure, value: str) -> str:
    """Tenths of points of the column `value` on a linear or stepped scale, as rules.points computes them."""
    if measure.scale == STEPS:
        first = _tenths(measure.steps[0][1])
        rungs = " ".join(f"WHEN {value} >= {limit} THEN {_tenths(worth)}" for limit, worth in reversed(measure.steps))
        return f"CASE WHEN {value} IS NULL THEN NULL {rungs} ELSE {first} END"
    red, green = measure.red, measure.green
    if green > red:
        beyond, done, way = (">=", "<="), f"({value} - {red})", green - red
    else:
        beyond, done, way = ("<=", ">="), f"({red} - {value})", red - green
    return (
        f"CASE WHEN {value} {beyond[0]} {green} THEN 1000 WHEN {value} {beyond[1]} {red} THEN 0"
        f" WHEN {value} IS NOT NULL THEN div(2000 * {done} + {way}, {2 * way})::int END"
    )


def _tenths(worth: Any) -> int:
    return int((worth * 20 + 1) // 2)


def percentile_sql(measure: Measure, value: str, *, known: str) -> str:
    """Tenths of points of the column `value` among all rows, as rules.percentiles; `known`: how many have one."""
    order = f"OVER (ORDER BY {value} {'DESC NULLS LAST' if measure.red > measure.green else 'ASC NULLS LAST'})"
    # rank − 1 are below, and count(*) up to here − rank are equal: 2 × below + equals = rank + count − 2.
    return (
        f"CASE WHEN {value} IS NOT NULL AND {known} >= 50 THEN"
        f" ((2000 * (rank() {order} + count(*) {order} - 2) + 2 * ({known} - 1)) / (4 * ({known} - 1)))::int END"
    )
