"""Rows of the account book written by the chunk: each as the file says, and what the file does not say as it was."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from secrets import token_bytes
from typing import Any

import orjson
from django.db import DataError, IntegrityError, connection, transaction
from django.utils.translation import gettext_noop as _

from crm.audit.rules import System
from crm.contacts.queries import erased_names
from crm.contacts.rules import ADDRESS, EXTERNAL_ID
from crm.conversations.actions import moving_clocks
from crm.imports import queries, rules
from crm.imports.actions.conversations import write_conversations
from crm.imports.actions.presupposed import features_named, total_events
from crm.imports.rules import Refusal, Taken, Touched
from crm.lib.gate import Reason, Refused
from crm.lib.sql_files import load
from crm.usage.actions import mark_dirty, set_totals
from crm.usage.queries import events_in_totals
from crm.usage.rules import Total, last_day_of


class Book:
    """Takes over rows of one kind; remembers what the file has said so far.

    `touched` is what became of the rows of the last chunk, by line.
    """

    def __init__(self, kind: str, *, at: datetime) -> None:
        self.kind, self.at = kind, at
        self.said: dict[object, tuple[int, int]] = {}  # key -> line, hash of the values
        self.about = rules.KINDS[kind]
        self.write = self.about.write or WRITERS[kind]
        self.touched: list[Touched] = []

    def __call__(self, chunk: Sequence[rules.Row]) -> Taken:
        refused: list[Refusal] = []
        known = self._without_erased(chunk, refused)
        refused += [Refusal(row.line, row.cells, row.reason) for row in known if row.values is None]
        good = self._with_accounts([row for row in known if row.values is not None], refused)
        fresh = self._consistent(good, refused)
        if self.kind == rules.TOTALS:
            fresh = self._without_events(fresh, refused)
        self.touched = self._write(fresh, refused)
        refused.sort()
        new = {each.line for each in self.touched if each.is_new}
        created, updated = len(new), len({each.line for each in self.touched} - new)
        return Taken(created, updated, len(chunk) - len(refused) - created - updated, refused)

    def _with_accounts(self, rows: list[rules.Row], refused: list[Refusal]) -> list[rules.Row]:
        if not self.about.names_account:
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
        if "crm_contact" not in self.about.tables:
            return list(chunk)
        named = {row.line: {(EXTERNAL_ID, cell) for cell in row.cells if cell} for row in chunk}
        for row in chunk:
            named[row.line] |= {(ADDRESS, cell) for cell in row.cells if "@" in cell}
        erased = erased_names(name for names in named.values() for name in names).keys()
        words = _("This person was erased at their own wish and is not entered again.")
        refused += [Refusal(row.line, [], Reason(words)) for row in chunk if named[row.line] & erased]
        return [row for row in chunk if not named[row.line] & erased]

    def _consistent(self, rows: list[rules.Row], refused: list[Refusal]) -> list[rules.Row]:
        """Without rows that say the same as an earlier one; those that contradict one are refused."""
        fresh = []
        for row in rows:
            key, content = self._key(row.values), hash(repr(row.values))
            line, before = self.said.setdefault(key, (row.line, content))
            if line == row.line:
                fresh.append(row)
            elif before != content:
                words = _("Line {line} says something else about the same id. Keep one of the two.")
                refused.append(Refusal(row.line, row.cells, Reason(words, line=line)))
        return fresh

    def _without_events(self, rows: list[rules.Row], refused: list[Refusal]) -> list[rules.Row]:
        """Without totals of what is counted event by event already: one of the two would be counted twice."""
        features = features_named({row.values["feature"] for row in rows})
        asked = {}
        for row in rows:
            if feature := features.get(row.values["feature"]):
                month = row.values["month"]
                asked[row.values["account_id"], feature.pk, month] = last_day_of(month, self.at.date())
        counted = events_in_totals(asked)
        words = _("Events of {feature} are counted for this account from {day} on, and this total would count on top.")
        kept = []
        for row in rows:
            feature = features.get(row.values["feature"])
            day = counted.get((row.values["account_id"], feature.pk, row.values["month"])) if feature else None
            if day is None:
                kept.append(row)
            else:
                told = Reason(words, feature=row.values["feature"], day=day.isoformat())
                refused.append(Refusal(row.line, row.cells, told))
        return kept

    def _key(self, values: Mapping[str, Any]) -> object:
        """What makes two rows speak of the same thing: of a contact its own id, else its address, else its name."""
        if self.kind == rules.CONTACTS:
            own = values.get("external_id")
            return own or (values["account"], values.get("email", values["name"]).lower())
        return tuple(values.get(name) for name in self.about.identity)

    def _write(self, rows: list[rules.Row], refused: list[Refusal]) -> list[Touched]:
        if not rows:
            return []
        try:
            with transaction.atomic():
                return self.write([row.values | {"line": row.line} for row in rows], self.at)
        except (IntegrityError, DataError, Refused) as error:
            if len(rows) == 1:
                refused.append(Refusal(rows[0].line, rows[0].cells, _constraint_words(error)))
                return []
        # A row among these was refused: halving finds it and loses no other.
        half = len(rows) // 2
        return self._write(rows[:half], refused) + self._write(rows[half:], refused)


def _constraint_words(error: Exception) -> str:
    if isinstance(error, Refused):
        return error.reason
    name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") or ""
    if name.startswith("contact_"):
        return Reason(_("Another contact has this external id or this e-mail address."))
    return Reason(_("The database refuses the row ({name})."), name=name or type(error).__name__)


Payload = Sequence[Mapping[str, Any]]
BY = System("import")  # the run's record names who asked for it


def _run(name: str, payload: Payload, at: datetime) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        rows = orjson.dumps(payload, default=str).decode()
        cursor.execute(load(queries.__file__, name), {"rows": rows, "at": at})
        return cursor.fetchall() if cursor.description else []


def _touched(rows: list[tuple[Any, ...]]) -> list[Touched]:
    return [Touched(*row) for row in rows]


def _write_accounts(payload: Payload, at: datetime) -> list[Touched]:
    with moving_clocks(at, _moving(payload)):
        rows = _touched(_run("upsert_accounts", payload, at))
    described = [values for values in payload if values.get("traits")]
    return rows + (_touched(_run("append_traits", described, at)) if described else [])


def _moving(payload: Payload) -> list[int]:
    """The accounts of which the file names a zone: their response clocks may run on by another one."""
    zoned = [values["external_id"] for values in payload if values.get("time_zone")]
    return list(queries.account_ids(set(zoned)).values()) if zoned else []


def write_contacts(payload: Payload, at: datetime) -> list[Touched]:
    return _touched(_run("upsert_contacts", [{**row, "audit_key": token_bytes(16).hex()} for row in payload], at))


def _write_plans(payload: Payload, at: datetime) -> list[Touched]:
    rows = _touched(_run("upsert_plans", payload, at))
    listed = [values for values in payload if values.get("features")]
    return rows + (_touched(_run("list_plan_features", listed, at)) if listed else [])


def _write_subscriptions(payload: Payload, at: datetime) -> list[Touched]:
    _run("open_subscriptions", payload, at)
    appended = _run("append_changes", payload, at)
    mark_dirty({account for _line, _id, account in appended})
    return [Touched(line, row_id, True) for line, row_id, _account in appended]


def _write_totals(payload: Payload, at: datetime) -> list[Touched]:
    """Totals under event names of their own; a feature that is not there yet is made, for an admin to judge."""
    events = total_events({values["feature"] for values in payload}, at=at, by=BY)
    totals = {}
    for values in payload:
        month = values["month"]
        total = Total(
            values["account_id"], events[values["feature"]], month, values["uses"], values.get("amount", 0),
            last_day_of(month, at.date()),
        )  # fmt: skip
        totals[total.key] = (values["line"], total)
    changed = set_totals([total for _line, total in totals.values()], at=at, by=BY)
    return [Touched(totals[key][0], row_id, is_new) for key, (row_id, is_new) in changed.items()]


WRITERS: dict[str, rules.Writer] = {
    rules.ACCOUNTS: _write_accounts,
    rules.CONTACTS: write_contacts,
    rules.PLANS: _write_plans,
    rules.SUBSCRIPTIONS: _write_subscriptions,
    rules.TOTALS: _write_totals,
    rules.CONVERSATIONS: write_conversations,
}
