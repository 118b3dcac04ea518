"""Monthly and daily partitions of the usage tables, made when a day first needs one."""

from collections.abc import Callable, Collection, Iterable
from datetime import date, timedelta
from typing import TypeVar

from django.db import IntegrityError, connection, transaction

T = TypeVar("T")
NO_PARTITION = "23514"  # what PostgreSQL says of a row that no partition takes
_known: set[str] = set()


def month_of(day: date) -> date:
    return day.replace(day=1)


def next_month(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def ensure_months(table: str, days: Iterable[date]) -> None:
    """Make the monthly partitions that hold these days. Call it outside the transaction that fills them."""
    for month in sorted({month_of(day) for day in days}):
        _ensure(table, f"{table}_{month:%Y%m}", month, next_month(month))


def with_months(tables: Iterable[str], days: Collection[date], work: Callable[[], T]) -> T:
    """Run `work` in a transaction, the monthly partitions of these days made before it.

    Housekeeping may drop one between the two; then they are made again and the work is done once more.
    """
    for table in tables:
        ensure_months(table, days)
    try:
        with transaction.atomic():
            return work()
    except IntegrityError as error:
        if getattr(error.__cause__, "sqlstate", "") != NO_PARTITION:
            raise
    forget()
    for table in tables:
        ensure_months(table, days)
    with transaction.atomic():
        return work()


def ensure_days(table: str, days: Iterable[date]) -> None:
    """Make the daily partitions of these days."""
    for day in sorted(set(days)):
        _ensure(table, f"{table}_{day:%Y%m%d}", day, day + timedelta(days=1))


def _ensure(table: str, name: str, start: date, end: date) -> None:
    known = f"{connection.settings_dict['NAME']}.{name}"
    if known in _known:
        return
    # ATTACH takes a weaker lock on the parent than CREATE … PARTITION OF, so that readers and writers go on.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name])
        cursor.execute("SELECT to_regclass(%s)", [name])
        if cursor.fetchone() == (None,):
            cursor.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY)")
            cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}')")
    if not connection.in_atomic_block:  # a rolled back partition must not be remembered
        _known.add(known)


def forget() -> None:
    """Forget which partitions exist, after some were dropped."""
    _known.clear()


def drop(table: str, suffix: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {table}_{suffix}")
    forget()


def existing(table: str) -> list[str]:
    """The suffixes of the table's partitions (`202611` or `20261121`), oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = to_regclass(%s) ORDER BY c.relname",
            [table],
        )
        return [name.removeprefix(f"{table}_") for (name,) in cursor.fetchall()]
