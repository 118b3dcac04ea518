"""What stands in the database, table by table: rows and a digest over them."""

from django.db import connection

from crm.backups.rules import Table
from crm.lib.sql_files import load


def tables() -> list[str]:
    """Names of our tables; partitions count as part of theirs."""
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "tables"))
        return [name for (name,) in cursor.fetchall()]


def digests(names: list[str]) -> dict[str, Table]:
    """Reads every row; the digest is a sum over rows, so that their order does not matter."""
    return {name: digest(name) for name in names}


def digest(name: str) -> Table:
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "digest").replace("the_table", connection.ops.quote_name(name)))
        rows, total = cursor.fetchone()
        return Table(rows, f"{int(total) % 2**64:016x}")
