"""Rebuilding the windows for a new day, and redoing them for accounts whose facts changed."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.fills.models import Fill
from crm.usage import queries

EVENTS, PEOPLE = "crm_window_event", "crm_window_person"
# Accounts that were merged and those that took their place: the plain rebuild counts each for itself.
_MERGED = """INSERT INTO window_redo SELECT id, coalesce(merged_into_id, id) FROM crm_account
    WHERE merged_into_id IS NOT NULL
        OR id IN (SELECT merged_into_id FROM crm_account WHERE merged_into_id IS NOT NULL)"""
_THESE = """INSERT INTO window_redo SELECT id, coalesce(merged_into_id, id) FROM crm_account
    WHERE coalesce(merged_into_id, id) IN (
        SELECT coalesce(merged_into_id, id) FROM crm_account WHERE id = ANY(%(accounts)s))"""


def lock_windows(cursor: CursorWrapper) -> None:
    """Wait until nobody else writes the windows, keep others waiting, and take the time that long work needs."""
    cursor.execute(
        "SET LOCAL statement_timeout = '30min'; SET LOCAL lock_timeout = '10min'; SET LOCAL work_mem = '256MB';"
        " SET LOCAL maintenance_work_mem = '256MB';"
        " SET LOCAL jit = off; SELECT pg_advisory_xact_lock(hashtext('crm windows')); SET LOCAL lock_timeout = '30s'"
    )


@transaction.atomic
def roll_windows(day: date, *, windows: frozenset[int], at: datetime, by: Actor, again: bool = False) -> str:
    """Rebuild all windows as of `day` and put them in place of the old ones; returns what was done.

    Nothing happens when they stand at that day, or later, with these windows, unless `again`. Dirty marks stay: whoever
    judges the accounts clears them.
    """
    wanted = windows or frozenset({28})
    with connection.cursor() as cursor:
        lock_windows(cursor)
        stand = queries.windows_stand()
        if not again and stand.day is not None and (stand.day > day or (stand.day == day and wanted <= stand.windows)):
            return f"Windows stand at {stand.day}."
        _build(cursor, day, wanted, f"{EVENTS}_fresh", f"{PEOPLE}_fresh", how="CREATE TABLE")
        _swap(cursor, EVENTS, "event_id")
        _swap(cursor, PEOPLE, "person_id")
    stood = {"through_at": datetime.combine(day, time(), UTC), "started_at": at, "finished_at": at}
    Fill.objects.update_or_create(stage=queries.STAGE, defaults=stood)
    audit.record("windows.rebuilt", ("windows", str(day)), at=at, by=by, after={"windows": sorted(wanted)})
    return f"Windows were rebuilt as of {day}."


def _build(cursor: CursorWrapper, day: date, windows: frozenset[int], events: str, people: str, *, how: str) -> None:
    # CREATE TABLE AS, because an INSERT … SELECT never runs on parallel workers.
    # Days are summed side by side only when starting workers, and hearing from them, seems to cost nothing.
    # In order, so that what reads the windows finds an account's rows together.
    values: dict[str, date | int] = {"day": day, "middle": queries.middle_account()}
    cursor.execute("SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0")
    cursor.execute(f"{how} {events} AS {queries.window_events(windows)} ORDER BY account_id, event_id", values)
    cursor.execute("SET LOCAL parallel_tuple_cost TO DEFAULT")
    aliases = queries.has_aliases()
    people_rows = queries.window_people(windows, aliases=aliases)
    cursor.execute(f"{how} {people} AS {people_rows} ORDER BY account_id, person_id", values)
    cursor.execute("CREATE TEMP TABLE window_redo (member_id bigint, account_id bigint)")
    cursor.execute(_MERGED)
    if cursor.rowcount:
        _redo(cursor, day, windows, events, people)
    cursor.execute("DROP TABLE window_redo")
    # What the planner wants to know of them, one row in ten of the usual sample tells.
    cursor.execute(f"SET LOCAL default_statistics_target = 10; ANALYZE {events}; ANALYZE {people}")
    cursor.execute("RESET default_statistics_target")


def _redo(cursor: CursorWrapper, day: date, windows: frozenset[int], events: str, people: str) -> None:
    """Replace the rows of the accounts in window_redo, and of whatever was merged into them."""
    # A few accounts' days are found by key, wherever they lie; reading every day of everyone would take longer.
    cursor.execute("ANALYZE window_redo; SET LOCAL random_page_cost = 1.1")
    for table, rows in (
        (events, queries.window_events(windows, redone=True)),
        (people, queries.window_people(windows, redone=True, aliases=queries.has_aliases())),
    ):
        cursor.execute(f"DELETE FROM {table} WHERE account_id IN (SELECT member_id FROM window_redo)")
        cursor.execute(f"INSERT INTO {table} {rows}", {"day": day})


def _swap(cursor: CursorWrapper, table: str, second: str) -> None:
    cursor.execute(
        f"ALTER TABLE {table}_fresh ALTER last_day SET NOT NULL,"
        f" ADD CONSTRAINT {table}_fresh_pkey PRIMARY KEY (account_id, {second});"
        f" DROP TABLE {table}; ALTER TABLE {table}_fresh RENAME TO {table};"
        f" ALTER INDEX {table}_fresh_pkey RENAME TO {table}_pkey"
    )


@transaction.atomic
def redo_windows(accounts: Collection[int]) -> int:
    """Redo the windows of these accounts, merged ones for the account in their place; returns how many accounts.

    Part of a run that records itself. Windows that were never built stay empty.
    """
    stand = queries.windows_stand()
    if stand.day is None or not accounts:
        return 0
    with connection.cursor() as cursor:
        lock_windows(cursor)
        cursor.execute("CREATE TEMP TABLE window_redo (member_id bigint PRIMARY KEY, account_id bigint)")
        cursor.execute(_THESE, {"accounts": list(accounts)})
        redone = int(cursor.rowcount)
        _redo(cursor, stand.day, stand.windows, EVENTS, PEOPLE)
        cursor.execute("DROP TABLE window_redo")
    return redone


def windows_of(day: date, *, windows: frozenset[int], events: str, people: str) -> None:
    """Build the windows of another day from the days themselves, as temporary tables of these names."""
    with connection.cursor() as cursor:
        _build(cursor, day, windows or frozenset({28}), events, people, how="CREATE TEMP TABLE")


def dirty_accounts() -> dict[int, int]:
    """Account id → mark of every account whose facts changed; give it back to `clear_dirty` when they are counted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT account_id, mark FROM crm_dirtyaccount")
        return dict(cursor.fetchall())


def clear_dirty(captured: dict[int, int]) -> None:
    """Forget exactly these marks: an account that was marked again meanwhile stays dirty."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM crm_dirtyaccount AS held"
            " USING unnest(%(accounts)s::bigint[], %(marks)s::bigint[]) AS done (account_id, mark)"
            " WHERE held.account_id = done.account_id AND held.mark = done.mark",
            {"accounts": list(captured), "marks": list(captured.values())},
        )
