"""What a child process of a test needs in order to work on that test's own database."""

import os
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection


def own_database() -> dict[str, str]:
    """The environment of this process, with the test's database in place of the installation's."""
    name = connection.settings_dict["NAME"]
    if not settings.DATABASE_URL:
        return {**os.environ, "HOLDFAST_VAR": str(settings.VAR), "HOLDFAST_DATABASE": name}
    url = urlunsplit(urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}"))
    return {**os.environ, "HOLDFAST_VAR": str(settings.VAR), "DATABASE_URL": url, "DEBUG": "1"}
