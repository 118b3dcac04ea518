"""A visit: one request by one identity, what it wrote, and everything taken back afterwards."""

from http.cookies import SimpleCookie
from typing import Any

from django.db import connection, transaction
from django.test import Client

from tests.company import Company

GET, POST = "GET", "POST"
NOT_BUSINESS = ("django_session", "usersessions_usersession", "crm_auditrow", "crm_guesses", "crm_cache")


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

    def ask(self, method: str, url: str, data: Any = None, **more: Any) -> int:
        """The status; afterwards `wrote` names the tables written to, `records` counts new audit rows."""
        self.client.cookies = SimpleCookie(self.cookies)
        before = self.known
        try:
            with transaction.atomic():
                if method == POST:
                    response = self.client.post(url, data, **more)
                else:
                    response = self.client.generic(method, url)
                self.known = writes()
                raise Undone
        except Undone:
            changed = {table: n - before.get(table, 0) for table, n in self.known.items() if n != before.get(table, 0)}
            self.records = changed.get("crm_auditrow", 0)
            self.wrote = {table for table in changed if not table.startswith(NOT_BUSINESS)}
            self.body = response.content.decode(errors="replace")
            self.location = response.get("Location", "")
            return int(response.status_code)

    def look_again(self) -> None:
        """What was written up to here is not the next visit's."""
        self.known = writes()


class Undone(Exception):
    """Raised to take a visit back."""


def writes() -> dict[str, int]:
    """Rows inserted, changed and deleted so far in this transaction, by table; also what was rolled back since."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables "
            "WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"
        )
        return dict(cursor.fetchall())
