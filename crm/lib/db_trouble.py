"""Telling a database that is away for the moment from a request that is wrong for ever."""

from django.db import InterfaceError, OperationalError

# Read-only server, disk full, statement timeout, lock timeout, too many connections, shutting down, starting up.
TROUBLE = ("25006", "53100", "57014", "55P03", "53300", "57P01", "57P02", "57P03")


def is_trouble(error: BaseException) -> bool:
    """Whether the database is to blame for the moment, rather than the request for ever."""
    state = getattr(error.__cause__, "sqlstate", None)
    if state is not None:
        return state in TROUBLE or state.startswith("08")
    return isinstance(error, (OperationalError, InterfaceError))
