"""Rows on their way into a table: copied into a temporary one, from where one statement takes them over."""

from collections.abc import Iterable

from django.db.backends.utils import CursorWrapper


def fill(cursor: CursorWrapper, table: str, columns: str, lines: Iterable[str]) -> None:
    """Make the temporary table anew and COPY lines of COPY's text format into it (tabs, `\\N`, a line end each).

    It lasts until the transaction ends. The lines must need no escaping: numbers, days and booleans.
    """
    cursor.execute(
        f"SET LOCAL client_min_messages = warning; DROP TABLE IF EXISTS pg_temp.{table};"
        f" CREATE TEMP TABLE {table} ({columns}) ON COMMIT DROP"
    )
    with cursor.copy(f"COPY {table} FROM STDIN") as copy:
        copy.write("".join(lines))
