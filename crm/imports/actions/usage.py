"""Events counted by the chunk, each once."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from django.utils.translation import gettext_noop as _

from crm.audit.rules import Actor
from crm.imports import queries, rules
from crm.imports.models import ImportRun, ImportUse
from crm.imports.rules import Refusal, Taken
from crm.lib.gate import Reason
from crm.people.actions import people_ids
from crm.sources.models import Source
from crm.sources.queries import seen_among
from crm.sources.rules import hash64
from crm.usage.actions import count_events, event_ids
from crm.usage.models import EventName, MonthlyTotal
from crm.usage.queries import totals_of
from crm.usage.rules import Counted


class TakenBack(RuntimeError):
    """Somebody has asked to undo this import while it was going on."""


def still_wanted(run: ImportRun) -> None:
    """Lock a run, so that no undo begins within this transaction; raises TakenBack when one has been asked for."""
    if ImportRun.objects.select_for_update().get(pk=run.pk).undo_asked_at:
        raise TakenBack(_("Somebody is undoing this import, so it has stopped."))


class Usage:
    """Counts events of known accounts, each once: its id is the message id, or the row and its n-th repeat."""

    def __init__(
        self, source: Source, repeats: rules.Repeats, *, at: datetime, by: Actor, undoable: ImportRun | None = None
    ) -> None:
        """`undoable`: the run under which each counted event is kept, so that it can be taken back.

        `given`: of equal rows which one each is, by line, where that is known already.
        """
        self.source, self.repeats, self.at, self.by, self.undoable = source, repeats, at, by, undoable
        self.accounts: dict[str, int] = {}
        self.foretold: set[int] = set()
        self.numbers: Mapping[int, int] = {}
        self.given: Mapping[int, int] | None = None
        self.unknown: set[str] = set()
        self.beside_totals = MonthlyTotal.objects.system("usage is counted once").exists()

    def __call__(self, chunk: Sequence[rules.Row]) -> Taken:
        good, refused = self._attributed(chunk)
        names = event_ids(_spans((row.values.name, row.values.at) for row, _text in good), at=self.at)
        words = _("There are too many different event names already; this one is not taken.")
        refused += [Refusal(row.line, row.cells, Reason(words)) for row, _text in good if row.values.name not in names]
        counted = self._counted([pair for pair in good if pair[0].values.name in names], names)
        added, repeated = 0, 0
        if counted:
            added, repeated = count_events(counted, source=self.source, at=self.at, by=self.by, keep=self._keep)
        refused.sort()
        return Taken(added, 0, repeated, refused)

    def foreseen(self, chunk: Sequence[rules.Row]) -> tuple[dict[int, bool], list[Refusal]]:
        """What counting the chunk would do, without doing it: line → whether the event is new, and what is refused."""
        good, refused = self._attributed(chunk)
        ids = {row.line: (row.values.at.date(), hash64(self.source.pk, text)) for row, text in good}
        seen, new = seen_among(ids.values()), {}
        for line, one in ids.items():
            new[line] = one not in seen and one[1] not in self.foretold
            self.foretold.add(one[1])
        return new, refused

    def _attributed(self, chunk: Sequence[rules.Row]) -> tuple[list[tuple[rules.Row, str]], list[Refusal]]:
        """Rows of known accounts with the text of their ids, and the refused ones."""
        refused = [Refusal(row.line, row.cells, row.reason) for row in chunk if row.values is None]
        read = [row for row in chunk if row.values is not None]
        # Numbered before anything else is refused, so that the numbers depend on the file alone.
        texts = self._id_texts(read)
        self._look_up({row.values.account for row in read})
        good = [(row, text) for row, text in zip(read, texts, strict=True) if row.values.account in self.accounts]
        refused += [
            rules.no_account(row, row.values.account) for row in read if row.values.account not in self.accounts
        ]
        return (self._without_totals(good, refused) if self.beside_totals else good), refused

    def _without_totals(self, good: list[tuple[rules.Row, str]], refused: list[Refusal]) -> list[tuple[rules.Row, str]]:
        """Without events of what a monthly total counts already: the total covers them."""
        names = EventName.objects.filter(name__in={row.values.name for row, _text in good}, feature__isnull=False)
        features = {row.name: row.feature for row in names.select_related("feature") if row.feature}
        totals = totals_of(self.accounts[row.values.account] for row, _text in good if row.values.name in features)
        words = _("A monthly total of {feature} covers {day} for this account, and this event would count on top.")
        kept = []
        for row, text in good:
            day, feature = row.values.at.date(), features.get(row.values.name)
            covered = totals.get((self.accounts[row.values.account], feature.pk), ()) if feature else ()
            if feature and any(first <= day <= last for first, last in covered):
                told = Reason(words, feature=feature.name, day=day.isoformat())
                refused.append(Refusal(row.line, row.cells, told))
            else:
                kept.append((row, text))
        return kept

    def _keep(self, counted: Sequence[Counted]) -> None:
        if self.undoable is None:
            return
        still_wanted(self.undoable)
        ImportUse.objects.bulk_create(
            [
                ImportUse(
                    run=self.undoable, account_id=row[0], person_id=row[1], event_id=row[2], day=row[3].date(),
                    amount=row[4], key_day=row[5], hash64=row[6],
                )
                for row in counted
            ],
            batch_size=5_000,
        )  # fmt: skip

    def _id_texts(self, read: list[rules.Row]) -> list[str]:
        """What makes each event count once; `numbers` keeps which of equal rows each is, by line."""
        plain = [row for row in read if not row.values.message]
        if self.given is None:
            numbers = self.repeats.number([hash(row.values.content) for row in plain])
            self.numbers = {row.line: number for row, number in zip(plain, numbers, strict=True)}
        else:
            self.numbers = self.given
        return [row.values.message or f"{row.values.content}\0{self.numbers[row.line]}" for row in read]

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
