"""Django's PostgreSQL backend over the embedded server, which the first connection starts.

Nothing runs before somebody connects, so `manage.py help` and mypy stay without a server; and
every new connection brings back a server that was killed. Django demands this file's name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base, client
from django.db.utils import OperationalError

from crm.lib.embedded_postgres import EmbeddedPostgresError, Server, ensure_running


def _running() -> Server:
    """Start the server under settings.VAR; a failure is trouble with the database like any other."""
    try:
        server = ensure_running(settings.VAR)
    except EmbeddedPostgresError as error:
        raise OperationalError(str(error)) from error
    if server.started and server.notice:
        sys.stderr.write(f"{server.notice}\n")
    return server


class DatabaseClient(client.DatabaseClient):
    """`manage.py dbshell` with the psql that comes along."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        server = _running()
        found = {"HOST": server.host, "PORT": server.port, "USER": server.user, "PASSWORD": server.password}
        arguments, environment = super().settings_to_cmd_args_env({**settings_dict, **found}, parameters)
        return [str(server.programs / "psql"), *arguments[1:]], environment


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        server = _running()
        return {
            **super().get_connection_params(),
            "host": server.host,
            "port": server.port,
            "user": server.user,
            "password": server.password,
        }
