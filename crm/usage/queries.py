"""What usage tells: sums over windows, for all accounts at once."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Sum
from django.db.models.functions import TruncDate, TruncMonth

from crm.fills.models import Fill
from crm.lib import partitions
from crm.lib.sql_files import load
from crm.sources.models import InboxBatch
from crm.sources.queries import oldest_waiting
from crm.sources.rules import Envelope, Event, once, read_batch
from crm.usage.models import CountedDay, MonthlyTotal, UsageDay, WaitingEvent
from crm.usage.rules import TOTAL_OF

# --- totals beside events ----------------------------------------------------------------------------------


def events_in_totals(asked: Mapping[tuple[int, int, date], date]) -> dict[tuple[int, int, date], date]:
    """Of (account, feature, month) → through those in which events of the feature are counted, with the first day."""
    accounts, features, months = zip(*asked, strict=True) if asked else ((), (), ())
    values: dict[str, Any] = {"accounts": list(accounts), "features": list(features), "months": list(months)}
    values |= {"throughs": list(asked.values()), "total_of": TOTAL_OF}
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "events_in_totals"), values)
        return {(account, feature, month): first for account, feature, month, first in cursor.fetchall()}


def totals_of(accounts: Iterable[int]) -> dict[tuple[int, int], list[tuple[date, date]]]:
    """(account, feature) → the (first, last) days that monthly totals of it cover."""
    found: dict[tuple[int, int], list[tuple[date, date]]] = {}
    rows = MonthlyTotal.objects.system("usage is counted once").filter(account__in=set(accounts))
    for account, feature, month, through in rows.values_list("account", "event__feature", "month", "through"):
        found.setdefault((account, feature), []).append((month, through))
    return found


class Both(NamedTuple):
    """A month of an account in which a total and events of one feature would both count."""

    event: str
    feature: str
    account: str
    month: date


def totals_over_events(events: Iterable[int]) -> Both | None:
    """A case of it among these event names, if there is one."""
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "totals_over_events"), {"events": list(events), "total_of": TOTAL_OF})
        found = cursor.fetchone()
    return Both(*found) if found else None


# --- windows -----------------------------------------------------------------------------------------------

WINDOWS = (7, 28, 84)
STAGE = "windows_day"


class Stand(NamedTuple):
    """The day that the window tables are as of, and which windows they hold. None: never built."""

    day: date | None
    windows: frozenset[int]


def windows_stand() -> Stand:
    """Read from the rows themselves which windows were summed; empty tables hold them all."""
    row = Fill.objects.filter(stage=STAGE).values_list("through_at", flat=True).first()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT uses_7 IS NOT NULL, uses_28 IS NOT NULL, uses_84 IS NOT NULL FROM crm_window_event LIMIT 1"
        )
        held = cursor.fetchone() or (True, True, True)
    return Stand(row.date() if row else None, frozenset(w for w, is_held in zip(WINDOWS, held, strict=True) if is_held))


def _sum(column: str, name: str, when: str, *, kind: str) -> str:
    # Most events sum nothing, so their zeros are left out before the costly numeric addition.
    some = f" AND {column} <> 0" if kind != "bigint" else ""
    return f"coalesce(sum({column}) FILTER (WHERE {when}{some}), 0)::{kind} AS {name},"


def _event_sums(windows: Iterable[int]) -> str:
    lines = []
    for w in WINDOWS:
        now, before = f"day >= %(day)s::date - {w}", f"day >= %(day)s::date - {2 * w} AND day < %(day)s::date - {w}"
        for column, kind in (("uses", "bigint"), ("amount", "numeric(30, 0)")):
            names = (f"uses_{w}", f"before_{w}") if column == "uses" else (f"amount_{w}", f"amount_before_{w}")
            for name, when in zip(names, (now, before), strict=True):
                lines.append(_sum(column, name, when, kind=kind) if w in windows else f"NULL::{kind} AS {name},")
    return "\n    ".join(lines)


def _people_sums(windows: Iterable[int]) -> str:
    lines = (
        _sum("uses", f"uses_{w}", f"day >= %(day)s::date - {w}", kind="bigint")
        if w in windows
        else f"NULL::bigint AS uses_{w},"
        for w in WINDOWS
    )
    return "\n    ".join(lines)


def _aliased_sums(windows: Iterable[int]) -> str:
    lines = (f"sum(uses_{w})::bigint AS uses_{w}," if w in windows else f"NULL::bigint AS uses_{w}," for w in WINDOWS)
    return "\n    ".join(lines)


def _filled(name: str, table: str, sums: str, reach: int, redone: bool) -> str:
    """The statement over everyone's days, or over those of the redone accounts."""
    days = (
        f"window_redo AS redo JOIN {table} AS used ON used.account_id = redo.member_id"
        if redone
        else f"{table} AS used"
    )
    marks = {
        "/*account*/": "redo.account_id" if redone else "used.account_id",
        "/*sums*/": sums,
        "/*days*/": days,
        "/*reach*/": str(reach),
    }
    text = load(__file__, name)
    for mark, words in marks.items():
        text = text.replace(mark, words)
    return text


def middle_account() -> int:
    """The id that parts the accounts into halves of equal number, for `window_people`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY id), 0) FROM crm_account")
        return int(cursor.fetchall()[0][0])


def window_events(windows: frozenset[int], *, redone: bool = False) -> str:
    """SELECT of the event windows as of %(day)s; `redone`: only of the accounts in the table window_redo."""
    return _filled("window_events", "crm_usage_day", _event_sums(windows), 2 * max(windows), redone)


def window_people(windows: frozenset[int], *, redone: bool = False, aliases: bool = True) -> str:
    """SELECT of the people's windows, as `window_events`. `aliases` False skips same_as where nobody has one.

    Of everyone, %(middle)s is wanted too, from `middle_account`: two halves of the accounts are summed side by side by
    two workers, since a person has too few days for the usual parallel plan, which merges the sums afterwards, to gain.
    """
    counted = _filled("window_people", "crm_person_day", _people_sums(windows), max(windows), redone)
    if not redone:
        halves = (counted.replace("/*half*/", f"AND used.account_id {side} %(middle)s") for side in ("<", ">="))
        counted = " UNION ALL ".join(f"({half})" for half in halves)
    if not aliases:
        return counted
    marked = load(__file__, "window_aliases").replace("/*people*/", counted)
    return marked.replace("/*sums*/", _aliased_sums(windows))


def has_aliases() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM crm_person WHERE same_as_id IS NOT NULL)")
        return bool(cursor.fetchall()[0][0])


# --- from raw batches to days ------------------------------------------------------------------------------

_DAY = timedelta(days=1)
LAG = timedelta(seconds=60)  # more than the longest transaction that stores a batch


def drained_through(at: datetime) -> datetime:
    """The instant up to which everything received has been counted: the pipeline goes no further."""
    waits = oldest_waiting()
    return min(at - LAG, waits) if waits else at - LAG


def releasable() -> tuple[set[int], set[str]]:
    """People and named groups whose waiting events can be counted by now."""
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "releasable"))
        rows = cursor.fetchall()
    return {person for person, _group in rows if person is not None}, {group for _person, group in rows if group}


def waiting_days() -> list[date]:
    """The UTC days of the events that wait for their account."""
    days = WaitingEvent.objects.annotate(day=TruncDate("at", tzinfo=UTC)).values_list("day", flat=True)
    return list(days.order_by("day").distinct())


class RawIncomplete(RuntimeError):
    """The raw batches no longer hold all events that were counted into a day."""


def events_on(day: date) -> list[Event]:
    """The good events of a UTC day, each once, read again from the raw batches that fed it.

    Raises RawIncomplete when an import fed the day too, or a batch that did has been dropped.
    """
    row = CountedDay.objects.filter(day=day).first()
    if row is None:
        return []
    if row.without_raw or row.first_received_on is None or row.last_received_on is None:
        raise RawIncomplete(f"Events of {day} from an import, which keeps no raw batches: {row.without_raw}.")
    first, last = row.first_received_on, row.last_received_on
    if f"{first:%Y%m%d}" not in partitions.existing("crm_inbox_batch"):
        raise RawIncomplete(f"Events of {day} were received on {first}, and the batches of that day were dropped.")
    # A day earlier as well: a repeat may come after midnight, and only the first one counted.
    rows = InboxBatch.objects.filter(received_on__range=(first - _DAY, last), drained_at__isnull=False)
    fields = rows.order_by("received_at", "id").values_list("source_id", "id", "received_at", "call", "body")
    events = (event for row in fields.iterator(chunk_size=50) for event in _read(*row))
    return [event for event in once(events).values() if event.at.date() == day]


def _read(source_id: int, batch_id: int, received_at: datetime, call: str, body: bytes | memoryview) -> list[Event]:
    return read_batch(bytes(body), Envelope(source_id, batch_id, received_at, call, None))[0]


def uses_on(day: date) -> int:
    """Events in the roll-ups of a day, of all accounts."""
    return int(UsageDay.objects.filter(day=day).aggregate(uses=Sum("uses"))["uses"] or 0)


def old_months(before: datetime) -> list[date]:
    """Months of person days that ended before then and have taken no event since."""
    months = [datetime.strptime(f"{suffix}+0000", "%Y%m%z").date() for suffix in partitions.existing("crm_person_day")]
    ended = [month for month in months if partitions.next_month(month) <= before.date()]
    fed = CountedDay.objects.filter(last_counted_at__gte=before).annotate(month=TruncMonth("day"))
    return sorted(set(ended) - set(fed.values_list("month", flat=True)))
