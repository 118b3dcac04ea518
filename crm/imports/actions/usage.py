"""Events counted by the chunk, each once."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from crm.audit.rules import Actor
from crm.imports import queries, rules
from crm.imports.rules import Refusal, Taken
from crm.people.actions import people_ids
from crm.sources.models import Source
from crm.sources.rules import hash64
from crm.usage.actions import count_events, event_ids
from crm.usage.rules import Counted


class Usage:
    """Counts events of known accounts, each once: its id is the message id, or the row and its n-th repeat."""

    def __init__(self, source: Source, repeats: rules.Repeats, *, at: datetime, by: Actor) -> None:
        self.source, self.repeats, self.at, self.by = source, repeats, at, by
        self.accounts: dict[str, int] = {}
        self.unknown: set[str] = set()

    def __call__(self, chunk: Sequence[rules.Row]) -> Taken:
        refused = [Refusal(row.line, row.cells, row.reason) for row in chunk if row.values is None]
        read = [row for row in chunk if row.values is not None]
        # Numbered before anything else is refused, so that the numbers depend on the file alone.
        texts = self._id_texts([row.values for row in read])
        self._look_up({row.values.account for row in read})
        good = [(row, text) for row, text in zip(read, texts, strict=True) if row.values.account in self.accounts]
        refused += [
            rules.no_account(row, row.values.account) for row in read if row.values.account not in self.accounts
        ]
        names = event_ids(_spans((row.values.name, row.values.at) for row, _text in good), at=self.at)
        words = _("There are too many different event names already; this one is not taken.")
        refused += [Refusal(row.line, row.cells, words) for row, _text in good if row.values.name not in names]
        counted = self._counted([pair for pair in good if pair[0].values.name in names], names)
        added, repeated = count_events(counted, source=self.source, at=self.at, by=self.by) if counted else (0, 0)
        refused.sort()
        return Taken(added, 0, repeated, refused)

    def _id_texts(self, events: list[rules.Event]) -> list[str]:
        plain = [event.content for event in events if not event.message]
        numbers = iter(self.repeats.number([hash(content) for content in plain]))
        return [event.message or f"{event.content}\0{next(numbers)}" for event in events]

    def _look_up(self, external_ids: set[str]) -> None:
        new = external_ids - self.accounts.keys() - self.unknown
        if new:
            self.accounts |= queries.account_ids(new)
            self.unknown |= new - self.accounts.keys()

    def _counted(self, good: list[tuple[rules.Row, str]], names: Mapping[str, int]) -> list[Counted]:
        users = _spans((row.values.user, row.values.at) for row, _text in good if row.values.user)
        people = people_ids(self.source, users, at=self.at)
        source_id, accounts = self.source.pk, self.accounts
        return [
            Counted(
                accounts[event.account],
                people.get(event.user),
                names[event.name],
                event.at,
                event.amount,
                event.at.date(),
                hash64(source_id, text),
            )
            for (_line, _cells, event, _reason), text in good
        ]


def _spans(seen: Iterator[tuple[str, datetime]]) -> dict[str, tuple[datetime, datetime]]:
    """First and last time of each name."""
    spans: dict[str, tuple[datetime, datetime]] = {}
    for name, at in seen:
        span = spans.get(name)
        if span is None:
            spans[name] = (at, at)
        elif at < span[0]:
            spans[name] = (at, span[1])
        elif at > span[1]:
            spans[name] = (span[0], at)
    return spans
