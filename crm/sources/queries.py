"""What we want to know about sources: what waits, how much comes in, and what was refused."""

from datetime import datetime

from django.db import connection

from crm.lib import sql_files


def oldest_waiting() -> datetime | None:
    """When the oldest batch was received that is neither drained nor parked; None when nothing waits."""
    with connection.cursor() as cursor:
        cursor.execute(sql_files.load(__file__, "oldest_waiting"))
        row = cursor.fetchone()
    return row[0] if row else None
