"""Rows of the account book written by the chunk: each as the file says, and what the file does not say as it was."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from secrets import token_bytes
from typing import Any

import orjson
from django.db import DataError, IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from crm.contacts.queries import erased_names
from crm.contacts.rules import ADDRESS, EXTERNAL_ID
from crm.imports import queries, rules
from crm.imports.rules import Refusal, Taken
from crm.lib.sql_files import load
from crm.usage.actions import mark_dirty


class Book:
    """Takes over accounts, contacts, plans or subscriptions; remembers what the file has said so far."""

    def __init__(self, kind: str, *, at: datetime) -> None:
        self.kind, self.at = kind, at
        self.said: dict[object, tuple[int, int]] = {}  # key -> line, hash of the values
        self.write = {
            rules.ACCOUNTS: _write_accounts,
            rules.CONTACTS: _write_contacts,
            rules.PLANS: _write_plans,
            rules.SUBSCRIPTIONS: _write_subscriptions,
        }[kind]

    def __call__(self, chunk: Sequence[rules.Row]) -> Taken:
        refused: list[Refusal] = []
        known = self._without_erased(chunk, refused)
        refused += [Refusal(row.line, row.cells, row.reason) for row in known if row.values is None]
        good = self._with_accounts([row for row in known if row.values is not None], refused)
        fresh = self._consistent(good, refused)
        created, updated = self._write(fresh, refused)
        refused.sort()
        return Taken(created, updated, len(chunk) - len(refused) - created - updated, refused)

    def _with_accounts(self, rows: list[rules.Row], refused: list[Refusal]) -> list[rules.Row]:
        if self.kind not in (rules.CONTACTS, rules.SUBSCRIPTIONS):
            return rows
        ids = queries.account_ids({row.values["account"] for row in rows})
        refused += [rules.no_account(row, row.values["account"]) for row in rows if row.values["account"] not in ids]
        return [
            row._replace(values=row.values | {"account_id": ids[row.values["account"]]})
            for row in rows
            if row.values["account"] in ids
        ]

    def _without_erased(self, chunk: Sequence[rules.Row], refused: list[Refusal]) -> list[rules.Row]:
        """Without people who were erased at their own wish; what the file says of them is kept nowhere."""
        if self.kind != rules.CONTACTS:
            return list(chunk)
        named = {row.line: {(EXTERNAL_ID, cell) for cell in row.cells if cell} for row in chunk}
        for row in chunk:
            named[row.line] |= {(ADDRESS, cell) for cell in row.cells if "@" in cell}
        erased = erased_names(name for names in named.values() for name in names).keys()
        words = _("This person was erased at their own wish and is not entered again.")
        refused += [Refusal(row.line, [], words) for row in chunk if named[row.line] & erased]
        return [row for row in chunk if not named[row.line] & erased]

    def _consistent(self, rows: list[rules.Row], refused: list[Refusal]) -> list[rules.Row]:
        """Without rows that say the same as an earlier one; those that contradict one are refused."""
        fresh = []
        for row in rows:
            key, content = _key(self.kind, row.values), hash(repr(row.values))
            line, before = self.said.setdefault(key, (row.line, content))
            if line == row.line:
                fresh.append(row)
            elif before != content:
                words = _("Line {line} says something else about the same id. Keep one of the two.")
                refused.append(Refusal(row.line, row.cells, words.format(line=line)))
        return fresh

    def _write(self, rows: list[rules.Row], refused: list[Refusal]) -> tuple[int, int]:
        if not rows:
            return 0, 0
        try:
            with transaction.atomic():
                return self.write([row.values for row in rows], self.at)
        except (IntegrityError, DataError) as error:
            if len(rows) == 1:
                refused.append(Refusal(rows[0].line, rows[0].cells, _constraint_words(error)))
                return 0, 0
        # The database refused a row among these: halving finds it and loses no other.
        half = len(rows) // 2
        (created, updated), (more, changed) = self._write(rows[:half], refused), self._write(rows[half:], refused)
        return created + more, updated + changed


def _key(kind: str, values: Mapping[str, Any]) -> object:
    """What makes two rows of a file speak of the same thing."""
    if kind == rules.SUBSCRIPTIONS:
        return values["account"], values["external_id"], values["effective_on"]
    if kind == rules.CONTACTS and "external_id" not in values:
        return values["account"], values.get("email", values["name"]).lower()
    return values["external_id"]


def _constraint_words(error: Exception) -> str:
    name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") or ""
    if name.startswith("contact_"):
        return _("Another contact has this external id or this e-mail address.")
    return _("The database refuses the row ({name}).").format(name=name or type(error).__name__)


Payload = Sequence[Mapping[str, Any]]


def _run(name: str, payload: Payload, at: datetime) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        rows = orjson.dumps(payload, default=str).decode()
        cursor.execute(load(queries.__file__, name), {"rows": rows, "at": at})
        return cursor.fetchall() if cursor.description else []


def _counts(rows: list[tuple[Any, ...]], touched: Collection[str] = ()) -> tuple[int, int]:
    """(created, updated) of (id, is new) rows; `touched` ids count as updated unless they are new."""
    new = {key for key, is_new in rows if is_new}
    return len(new), len(({key for key, _new in rows} | set(touched)) - new)


def _write_accounts(payload: Payload, at: datetime) -> tuple[int, int]:
    rows = _run("upsert_accounts", payload, at)
    described = [values for values in payload if values.get("traits")]
    return _counts(rows, {key for (key,) in _run("append_traits", described, at)} if described else ())


def _write_contacts(payload: Payload, at: datetime) -> tuple[int, int]:
    return _counts(_run("upsert_contacts", [{**row, "audit_key": token_bytes(16).hex()} for row in payload], at))


def _write_plans(payload: Payload, at: datetime) -> tuple[int, int]:
    rows = _run("upsert_plans", payload, at)
    listed = [values for values in payload if values.get("features")]
    return _counts(rows, {key for (key,) in _run("list_plan_features", listed, at)} if listed else ())


def _write_subscriptions(payload: Payload, at: datetime) -> tuple[int, int]:
    _run("open_subscriptions", payload, at)
    appended = _run("append_changes", payload, at)
    mark_dirty({account for (account,) in appended})
    return len(appended), 0
