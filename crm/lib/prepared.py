"""Statements that PostgreSQL plans once for a connection: for pages whose statements take longer to plan than to run.

Django puts values into the text of a statement, so that each request brings another one, which is read and planned
anew. A cursor from here sends text and values apart, and the server keeps one plan for all values (`plan_cache_mode`
in the settings; PostgreSQL's manual, PREPARE, Notes). So this is for statements about one row and what hangs on it,
whatever its values: not for lists of ids, sometimes one and sometimes thousands, and not for words that are looked for.

Columns are to be named. A plan whose columns have changed (`account.*` after a migration) is refused until the
connection ends.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import connection, models
from django.db.backends.utils import CursorWrapper
from django.db.models.query import RawQuerySet
from django.db.models.sql import RawQuery
from psycopg import Cursor

M = TypeVar("M", bound=models.Model)


class _Prepared(Cursor[tuple[Any, ...]]):
    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> "_Prepared":
        super().execute(query, params, **kwargs | {"prepare": True})
        return self


def prepared_cursor() -> CursorWrapper:
    """What `connection.cursor()` gives, for a statement that is planned once; takes `%(name)s` of plain values.

    While queries are logged it is just that, since Django's log cannot read a statement that stands prepared.
    """
    if connection.queries_logged:
        return connection.cursor()
    connection.ensure_connection()
    cursor: Any = _Prepared(connection.connection)
    return connection.make_cursor(cursor)


class _PreparedQuery(RawQuery):
    def _execute_query(self) -> None:
        self.cursor = prepared_cursor()
        self.cursor.execute(self.sql, self.params)


def prepared_rows(model: type[M], text: str, given: Mapping[str, Any]) -> "RawQuerySet[M]":
    """What `Manager.raw` gives: rows as instances, with what else is selected as attributes."""
    query: Any = _PreparedQuery(sql=text, using=connection.alias, params=dict(given))
    return RawQuerySet(text, model=model, query=query)


def columns(model: type[models.Model], alias: str) -> str:
    """The columns of a model by name, as a statement selects them: `alias."id", alias."name", …`."""
    return ", ".join(f'{alias}."{field.column}"' for field in model._meta.concrete_fields)
