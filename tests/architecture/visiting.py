"""A visit: one request by one identity, what it wrote, and everything taken back afterwards."""

import re
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

from django.db import connection, transaction
from django.test import Client

from tests.company import Company

GET, POST, HEAD = "GET", "POST", "HEAD"
OTHERS = ("PUT", "PATCH", "DELETE", "TRACE")  # methods that nothing of ours answers
NOT_BUSINESS = ("django_session", "usersessions_usersession", "crm_auditrow", "crm_guesses", "crm_cache")
# Statements that write nothing; after a request of these alone, the tables need not be asked.
_HARMLESS = re.compile(r"\s*(SELECT|SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO|SET)\b(?!.*\bFOR UPDATE\b)", re.DOTALL)


class Visitor:
    """One identity with its cookies; "-" is nobody. Nothing of a visit stays."""

    def __init__(self, made: Company, who: str, **client: Any) -> None:
        self.client = Client(raise_request_exception=False, **client)
        if who != "-":
            self.client.force_login(made.users[who])
        self.cookies = self.client.cookies.output(header="", sep=";")
        self.wrote: set[str] = set()
        self.records = 0
        self.body = self.location = ""
        self.known: dict[str, int] = writes()
        self.quiet = True

    def ask(self, method: str, url: str, data: Any = None, **more: Any) -> int:
        """The status; afterwards `wrote` names the tables written to, `records` counts new audit rows."""
        self.client.cookies = SimpleCookie(self.cookies)
        before, self.quiet = self.known, True
        try:
            with transaction.atomic():
                with connection.execute_wrapper(self._listen):
                    if method == POST and not isinstance(data, bytes):
                        response = self.client.post(url, data, **more)
                    else:
                        response = self.client.generic(method, url, data or b"", **more)
                    self.body = response.getvalue().decode(errors="replace")
                if not self.quiet:
                    self.known = writes()
                raise Undone
        except Undone:
            changed = {table: n - before.get(table, 0) for table, n in self.known.items() if n != before.get(table, 0)}
            self.records = changed.get("crm_auditrow", 0)
            self.wrote = {table for table in changed if not table.startswith(NOT_BUSINESS)}
            self.location = response.get("Location", "")
            return int(response.status_code)

    def _listen(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self.quiet = self.quiet and _HARMLESS.match(sql) is not None
        return execute(sql, params, many, context)

    def look_again(self) -> None:
        """What was written up to here is not the next visit's."""
        self.known = writes()


class Undone(Exception):
    """Raised to take a visit back."""


def writes() -> dict[str, int]:
    """Rows inserted, changed and deleted so far in this transaction, by table; also what was rolled back since.

    What pg_stat_xact_user_tables counts, asked in a third of its time.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, n FROM pg_class CROSS JOIN LATERAL (SELECT pg_stat_get_xact_tuples_inserted(oid)"
            " + pg_stat_get_xact_tuples_updated(oid) + pg_stat_get_xact_tuples_deleted(oid)) AS written (n)"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND n > 0"
        )
        return dict(cursor.fetchall())
