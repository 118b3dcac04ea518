"""Payloads in every text column of every table: found by looking at the models, so that a new column is among them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction

from tests.browser.payloads import PAYLOADS

APPS = ("crm", "feedback", "retention")
# Columns that hold no words but what the code looks things up by; by name in every table, or in one.
LOOKED_UP = {
    "key", "kind", "language", "time_zone", "currency", "place", "purpose", "scope", "reason", "end_reason",
    "password", "prefix", "link", "sample_seed", "sha256", "body_hash", "address_hash", "message_id", "stage", "call",
    "crm.Beat.name", "crm.AuditRow.actor_kind", "crm.AuditRow.object_kind", "crm.AuditRow.action", "crm.Hold.subject",
    "retention.Standing.facts", "retention.Playbook.triggers", "retention.RiskSignal.subject",
    "retention.Step.template", "feedback.Answer.set_aside", "crm.Upload.state", "crm.Upload.encoding",
    "crm.Upload.delimiter", "crm.Upload.columns", "crm.Upload.unclear", "crm.Upload.trait_types",
    "crm.Upload.date_order", "crm.UploadRow.outcome", "crm.RememberedColumns.header", "crm.RememberedColumns.columns",
}  # fmt: skip
# Reasons that are sentences, though the same name holds a code elsewhere.
WORDS_ALL_THE_SAME = {"crm.Reject.reason", "crm.ImportRefusal.reason"}
# Made by ourselves from the text of a mail, cleaned and sent as a document of its own: `enqueue` is asked to, below.
RENDERED = {"crm.OutboundMail.body_html"}
MOST_ROWS, MOST_WORDS = 60, 900


class Deck:
    """The payloads in turn, each again only when all have had theirs."""

    def __init__(self) -> None:
        self.waiting = deque(PAYLOADS)

    def words(self, limit: int | None) -> str:
        """As many of the next payloads as fit, parted by blanks; empty when not one does."""
        room, taken = min(limit or MOST_WORDS, MOST_WORDS), list[str]()
        for payload in list(self.waiting):
            if len(payload) + len(taken) <= room:
                room -= len(payload)
                taken.append(payload)
                self.waiting.remove(payload)
                self.waiting.append(payload)
            elif taken and room < 60:
                break
        return " ".join(taken)


def columns(model: type[models.Model]) -> Iterator[tuple[models.Field[Any, Any], int | None]]:
    """The columns of words with how many characters they hold."""
    for field in model._meta.concrete_fields:
        name = f"{model._meta.label}.{field.name}"
        if (field.name in LOOKED_UP and name not in WORDS_ALL_THE_SAME) or name in LOOKED_UP | RENDERED:
            continue
        inner = field.base_field if isinstance(field, ArrayField) else field
        if isinstance(inner, models.CharField | models.TextField | models.JSONField) and not field.choices:
            yield field, getattr(inner, "max_length", None)


def tables() -> list[type[models.Model]]:
    return [model for app in APPS for model in apps.get_app_config(app).get_models()]


def poison() -> None:
    """Write payloads over the words of every row, past all forms, checks and triggers: nothing may rely on those."""
    deck = Deck()
    for model in tables():
        found, table = list(columns(model)), model._meta.db_table
        if not found:
            continue
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            for n, row in enumerate(model._base_manager.order_by("-pk")[:MOST_ROWS]):
                values = {field.name: _poisoned(deck, field, limit, row, n) for field, limit in found}
                model._base_manager.filter(pk=row.pk).update(**values)
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def _poisoned(deck: Deck, field: models.Field[Any, Any], limit: int | None, row: models.Model, n: int) -> Any:
    old = getattr(row, field.name)
    if isinstance(field, models.JSONField):
        return _json(deck, old)
    if isinstance(field, ArrayField):
        return [deck.words(limit) for _each in old or []]
    if old is None:
        return None
    mark = f" {n}" if limit is None or limit > 20 else ""  # unique ones stay so
    return deck.words(limit - len(mark) if limit else None) + mark


def _json(deck: Deck, old: Any) -> Any:
    """The same keys, their words poisoned, and one key and word more."""
    if isinstance(old, dict):
        more = {deck.words(100): deck.words(300)} if all(isinstance(each, str) for each in old.values()) else {}
        return {key: deck.words(300) if isinstance(each, str) else each for key, each in old.items()} | more
    return [deck.words(300) if isinstance(each, str) else each for each in old] if isinstance(old, list) else old
