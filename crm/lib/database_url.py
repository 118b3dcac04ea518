"""Says in one sentence why the server of DATABASE_URL cannot be used."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote, urlsplit

import psycopg
from psycopg.conninfo import make_conninfo

CONNECT_SECONDS = 5
OLDEST_MAJOR = 15
UNREADABLE = (
    "DATABASE_URL cannot be read; write it like postgres://user:password@host:5432/database, "
    "with special characters of the password percent-encoded."
)
# What libpq or the server says, in lower case, and what it means for the reader.
CAUSES = (
    ("password authentication failed", 'the server refused the user "{user}" or its password'),
    ("no password supplied", 'the server wants a password for the user "{user}", and the address has none'),
    ("no pg_hba.conf entry", 'the server does not admit the user "{user}" from this machine to "{database}"'),
    ("connection refused", "nothing listens there; is the server running, and is the port right"),
    ("timeout", f"it did not answer within {CONNECT_SECONDS} seconds; is a firewall in between"),
    ("timed out", f"it did not answer within {CONNECT_SECONDS} seconds; is a firewall in between"),
    ("resolve host", "no machine of that name is known"),
    ("translate host name", "no machine of that name is known"),
    ("no such file or directory", "no server has a socket there; is it running"),
    ("too many", "the server has no connection left"),
    ("starting up", "the server is still starting; try again in a moment"),
    ("does not support ssl", "it offers no encryption, and the address asks for it"),
)


def diagnose_database_url(url: str) -> str | None:
    """None when the server can be used, else one sentence without secrets; takes at most 5 seconds or so a host."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or 5432
    except ValueError:
        return UNREADABLE
    # A "/", "?" or "#" in the password cuts the address short; nothing after it may be shown.
    if "@" not in parts.netloc and "@" in url:
        return UNREADABLE
    if parts.scheme not in {"postgres", "postgresql", "pgsql"}:
        return f'DATABASE_URL must begin with postgres://, but it begins with "{parts.scheme}".'
    name = unquote(parts.path.lstrip("/"))
    if not name:
        return "DATABASE_URL names no database; write it like postgres://user:password@host:5432/database."
    # Not parts.hostname, which is in lower case: a percent-encoded host is the folder of a socket.
    host = unquote(re.sub(r":\d*$", "", parts.netloc.rpartition("@")[2])).strip("[]")
    where = f"{host or 'the local socket'} port {port}"
    try:
        version = _server_version(parts, host, name)
    except psycopg.Error as error:
        return f"The database of DATABASE_URL at {where} cannot be used: {_cause(str(error), parts, name)}."
    if version < OLDEST_MAJOR:
        return (
            f"The database of DATABASE_URL at {where} is PostgreSQL {version}; Holdfast needs {OLDEST_MAJOR} or newer."
        )
    return None


def _server_version(parts: SplitResult, host: str, name: str) -> int:
    given = {
        "host": host or None,
        "port": parts.port,
        "user": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "dbname": name,
    }
    # The options after "?" (sslmode and the like) stay as they are.
    conninfo = make_conninfo(f"postgresql://?{parts.query}", **given, connect_timeout=CONNECT_SECONDS)
    with psycopg.connect(conninfo) as connection:
        return connection.info.server_version // 10000


def _cause(said: str, parts: SplitResult, name: str) -> str:
    user = unquote(parts.username or "")
    if f'database "{name}" does not exist' in said:
        return f'it has no database "{name}"; make it there first'
    if f'role "{user}" does not exist' in said:
        return f'it has no user "{user}"'
    for mark, meaning in CAUSES:
        if mark in said.lower():
            return meaning.format(user=user, database=name)
    # A server may speak another language: then its own words, less anything secret.
    for secret in (parts.password, unquote(parts.password or "")):
        said = said.replace(secret, "***") if secret else said
    return " ".join(said.split()).rstrip(".")
