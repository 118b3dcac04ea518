#!/usr/bin/env python
"""Every command of Holdfast starts here; `manage.py help` lists them."""

import os
import sys


def main() -> None:
    """Run the command; wrong settings, and a database that is away or empty, end it with one sentence.

    With --traceback all is told.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import InterfaceError, OperationalError, ProgrammingError
    from psycopg.errors import UndefinedColumn, UndefinedTable

    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, OperationalError, InterfaceError) as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(said(error))
    except ProgrammingError as error:
        if "--traceback" in sys.argv or not isinstance(error.__cause__, UndefinedTable | UndefinedColumn):
            raise
        words = str(error).splitlines()[0]
        sys.exit(f"The database is not set up for this version ({words}): run manage.py migrate, or manage.py up.")


def said(error: Exception) -> str:
    """The error as a sentence; for a database of one's own, with what may be wrong about its address."""
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    from crm.lib.database_url import diagnose_database_url

    if isinstance(error, ImproperlyConfigured):
        return str(error)
    trouble = diagnose_database_url(settings.DATABASE_URL) if settings.DATABASE_URL else None
    return trouble or f"The database failed: {' '.join(str(error).split())}"


if __name__ == "__main__":
    main()
