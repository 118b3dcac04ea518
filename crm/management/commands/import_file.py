"""`manage.py import_file`: take over a CSV file, or the whole crm5 folder, with a progress bar and a report."""

import csv
import gc
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, InternalError, OperationalError
from django.template.defaultfilters import pluralize
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from crm.audit.rules import System
from crm.imports import actions, queries, rules
from crm.imports.forms.files import Order, Table, open_table
from crm.imports.models import ImportRun
from crm.imports.rules import ravenstack
from crm.lib.csv_files import DELIMITERS, Unreadable, recognise, records
from crm.sources.actions import create_source
from crm.sources.models import Source
from crm.staff.actions import change_installation
from crm.staff.queries import installation

KINDS = (*rules.KINDS, "crm5", "ravenstack")
BY = System("import_file")
SOME_REFUSED = 3
NOT_UNDOABLE = "These are too many events to keep one by one, so this import cannot be undone."
# What a spreadsheet would run; the importer takes the apostrophe off again.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Command(BaseCommand):
    help = "Take over accounts, contacts, plans, subscriptions or usage events from a CSV file."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, epilog=_columns_help(), **kwargs
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("kind", choices=KINDS, help="what each row is; crm5 and ravenstack take a folder with that data set")
        add("file", help="a .csv or .csv.gz file (for crm5: the folder)")
        add("--source", default="Import", help="events: the source they belong to; their ids count per source")
        add(
            "--column", action="append", default=[], metavar="OURS=THEIRS", help="name a column, such as external_id=Nr"
        )
        add("--preset", choices=sorted(rules.PRESETS), default="", help="the columns of a known data set")
        add("--paid-through", metavar="YYYY-MM-DD", help="the last day for which the subscriptions are complete")
        add("--date-order", choices=("dmy", "mdy"), default="", help="how to read dates such as 03-04-2025")
        add("--users-per-account", action="store_true", help="events: user ids are unique only inside an account")
        add("--refusals", metavar="FILE", help="write the refused rows and their reasons there, as CSV")
        add("--delimiter", default="", help="what stands between cells (tab for a tab); guessed when left out")

    def handle(self, **options: Any) -> None:
        at = datetime.now(UTC)
        paid_through = _day(options["paid_through"])
        # Below Django's wrapper, which ends every write with a new line.
        self.console = Console(file=getattr(self.stdout, "_out", sys.stdout), soft_wrap=True)
        try:
            with ExitStack() as stack:
                self.refusals = _refusal_file(options["refusals"], options["file"], stack)
                stack.enter_context(_no_collecting())
                runs = self._runs(options, at)
        except actions.TakenBack as error:
            raise CommandError(str(error)) from error
        except (Unreadable, actions.Forgotten) as error:
            raise CommandError(f"{error} Nothing was imported.") from error
        except (OperationalError, InternalError, InterfaceError) as error:
            words = "The database failed in the middle: {why}. Run the same command again; it goes on where it stopped."
            raise CommandError(words.format(why=str(error).strip().splitlines()[0])) from error
        if paid_through or options["kind"] == "crm5":
            change_installation(paid_through=paid_through or rules.CRM5_PAID_THROUGH, at=at, by=BY)
        if any(run.refused for run in runs):
            sys.exit(SOME_REFUSED)

    def _runs(self, options: dict[str, Any], at: datetime) -> list[ImportRun]:
        order = Order(
            kind=options["kind"],
            path=Path(options["file"]),
            columns=_columns(options["column"]),
            preset=options["preset"],
            delimiter=_delimiter(options["delimiter"]),
            date_order=options["date_order"],
            users_per_account=options["users_per_account"],
        )
        if order.kind == "ravenstack":
            return self._ravenstack(order, options["source"], at)
        if order.kind != "crm5":
            run = self._take(self._open(order), options["source"], at)
            self._say(f"To take it back: manage.py undo_import {run.pk}" if run.undoable else NOT_UNDOABLE)
            return [run]
        if not order.path.is_dir():
            raise Unreadable("{path} is not a folder.", path=order.path)
        orders = [
            replace(order, kind=kind, path=order.path / name, preset="crm5", columns={})
            for kind, name in rules.CRM5_FILES
        ]
        tables = [self._open(each) for each in orders]  # all of them, before anything is written
        actions.define_crm5(currency=installation().currency, at=at, by=BY)
        return [self._take(table, options["source"], at, undoable=False) for table in tables]

    def _ravenstack(self, order: Order, source: str, at: datetime) -> list[ImportRun]:
        """Five files, the plans that they name, and every contradiction among them, each beside its run."""
        paths = {name: order.path / f"ravenstack_{name}.csv" for name in ravenstack.FILES}
        missing = [path.name for path in paths.values() if not path.is_file()]
        if missing:
            raise Unreadable("The folder {path} lacks {files}.", path=order.path, files=", ".join(missing))
        folder = ravenstack.Folder({name: _dicts(path) for name, path in paths.items()})
        with TemporaryDirectory(prefix="holdfast-ravenstack-") as place:
            usage = Path(place) / "ravenstack_feature_usage.csv"
            with usage.open("w", encoding="utf-8", newline="") as out:
                csv.writer(out).writerows(ravenstack.usage_events(folder))
            files = (
                (rules.ACCOUNTS, paths["accounts"]), (rules.PLANS, paths["subscriptions"]),
                (rules.SUBSCRIPTIONS, paths["subscriptions"]), (rules.EVENTS, usage),
                (rules.CONVERSATIONS, paths["support_tickets"]),
            )  # fmt: skip
            orders = [replace(order, kind=kind, path=path, preset="ravenstack", columns={}) for kind, path in files]
            tables = [self._open(each) for each in orders]
            runs: list[ImportRun] = []
            for table in tables:
                runs.append(self._take(table, source, at, part_of=runs[0] if runs else None))
        beside = {"accounts": runs[0], "subscriptions": runs[2], "feature_usage": runs[3], "churn_events": runs[2]}
        beside["support_tickets"] = runs[4]
        found = list(folder.findings())
        for run in (runs[0], runs[2], runs[3], runs[4]):
            theirs = [each for each in found if beside[each.file] is run]
            counts = actions.note_findings(run, theirs, at=at, by=BY)
            self._say(f"{run.filename}: contradictions, all kept at /settings/imports/{run.pk}/")
            for code, count in sorted(counts.items(), key=lambda pair: -pair[1]):
                self._say(f"  {count:,} × {rules.FINDINGS[code]}")
        self._say(f"To take the whole folder back: manage.py undo_import {runs[0].pk}")
        return runs

    def _open(self, order: Order) -> Table:
        with self.console.status(f"Reading {order.path.name} …"):
            table = open_table(order)
        shape = table.shape
        say = "guessed " if shape.guessed else ""
        delimiter = "tab" if shape.delimiter == "\t" else shape.delimiter
        rows = f"{table.rows:,} row{pluralize(table.rows)}"
        self._say(f"{shape.path.name}: {rows}, {say}encoding {shape.encoding}, delimiter {delimiter}")
        if table.layout.unused:
            names = ", ".join(rules.storable(name, 60) for name in table.layout.unused[:30])
            self._say(f"  columns not used: {names}{' …' if len(table.layout.unused) > 30 else ''}")
        return table

    def _take(
        self, table: Table, source: str, at: datetime, *, undoable: bool = True, part_of: ImportRun | None = None
    ) -> ImportRun:
        keys = {column: column.removeprefix(rules.TRAIT_PREFIX) for column in table.layout.traits}
        is_usage = table.layout.kind == rules.EVENTS
        incoming = actions.Incoming(
            kind=table.layout.kind,
            filename=table.shape.path.name,
            sha256=table.shape.sha256,
            header=table.shape.header,
            rows=lambda: table.read(queries.known(keys, today=at.date()), now=at),
            traits={keys[column]: kind for column, kind in table.trait_types.items()},
            repeats=table.repeats,
            source=_source(source, at) if is_usage else None,
            undoable=undoable and not (is_usage and table.rows > rules.MOST_UNDOABLE_EVENTS),
            part_of=part_of,
        )
        reasons: Counter[str] = Counter()

        def on_refusal(refusal: rules.Refusal) -> None:
            reasons[rules.storable(refusal.reason, 300)] += 1
            self._write_refusal(table.shape.header, refusal)

        with _bar(self.console) as bar:
            task = bar.add_task(table.shape.path.name, total=table.rows)
            run = actions.import_rows(
                incoming, at=at, by=BY, progress=lambda rows: bar.update(task, advance=rows), on_refusal=on_refusal
            )
        self._report(run, reasons)
        return run

    def _report(self, run: ImportRun, reasons: Counter[str]) -> None:
        took = (run.finished_at - run.started_at).total_seconds() if run.finished_at else 0
        words = "counted before" if run.kind == rules.EVENTS else "unchanged"
        self._say(
            f"{run.filename}: {run.created:,} new, {run.updated:,} updated, {run.unchanged:,} {words}, "
            f"{run.refused:,} refused, in {took:.1f} s"
        )
        for reason, count in reasons.most_common(10):
            self._say(f"  {count:,} × {reason}")
        if len(reasons) > 10:
            self._say(f"  and {len(reasons) - 10:,} further reasons")
        if run.refused:
            self._say(f"  Refused rows: {self.refusal_place or f'/settings/imports/{run.pk}/'}")

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False)

    refusals: IO[str] | None = None

    @property
    def refusal_place(self) -> str:
        return self.refusals.name if self.refusals else ""

    def _write_refusal(self, header: tuple[str, ...], refusal: rules.Refusal) -> None:
        if self.refusals is None:
            return
        writer = csv.writer(self.refusals)
        if self.refusals.tell() == 0:
            writer.writerow(["refused_line", "refused_reason", *(_shown(name) for name in header)])
        writer.writerow([refusal.line, _shown(refusal.reason), *(_shown(cell) for cell in refusal.cells)])


def _dicts(path: Path) -> list[dict[str, str]]:
    shape = recognise(path)
    return [dict(zip(shape.header, row, strict=False)) for _line, row in list(records(shape))[1:]]


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Rows make no cycles, but looking for some among them takes a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _shown(cell: str) -> str:
    cell = rules.storable(cell, 131_072)
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _source(name: str, at: datetime) -> Source:
    return Source.objects.filter(name=name).first() or create_source(name=name, at=at, by=BY)


def _refusal_file(name: str | None, source: str, stack: ExitStack) -> IO[str] | None:
    """Opened before anything is read, so that a typing error costs nothing; made only when it is asked for."""
    if not name:
        return None
    path = Path(name)
    if path.exists() and path.resolve() == Path(source).resolve():
        raise Unreadable("--refusals names the file that is to be imported. Name another one.")
    try:
        return stack.enter_context(path.open("w", encoding="utf-8", newline=""))
    except (OSError, ValueError) as error:
        raise Unreadable("--refusals {path} cannot be written: {why}.", path=path, why=error) from error


def _columns(pairs: list[str]) -> dict[str, str]:
    columns = {}
    for pair in pairs:
        ours, sign, theirs = pair.partition("=")
        if not sign or not ours.strip() or not theirs.strip():
            raise Unreadable("--column {pair} must be OURS=THEIRS, such as external_id=Nr.", pair=pair)
        columns[ours.strip()] = theirs.strip()
    return columns


def _delimiter(text: str) -> str:
    delimiter = {"tab": "\t", "\\t": "\t"}.get(text.lower(), text)
    if delimiter and delimiter not in tuple(DELIMITERS):
        raise Unreadable("--delimiter must be a comma, a semicolon, tab or |, not {text}.", text=text)
    return delimiter


def _day(text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--paid-through must be a date such as 2026-11-21, not {text}.") from error


def _columns_help() -> str:
    lines = ["Columns, and the names they are also known by (case, blanks and punctuation do not matter):"]
    for kind, about in rules.KINDS.items():
        columns = about.columns
        needed = {name for group in rules.KINDS[kind].required if len(group) == 1 for name in group}
        lines += ["", f"  {kind}"]
        lines += [
            f"    {name + ('*' if name in needed else ''):22}{', '.join(synonyms)}"
            for name, synonyms in columns.items()
        ]
    return "\n".join([*lines, *_NOTES])


_NOTES = """

* must be there; contacts need a name or an email, subscriptions a price or an mrr.
accounts      further columns named trait:KEY set traits. An empty cell changes nothing.
lists         domains, tags and features are separated by ; inside the cell.
subscriptions one row per term or change, [start, end): end is the first day that is not paid. price is per
              billing period, mrr per month; discount is a share from 0 to 1 of either.
events        at: 2026-11-21T09:30:00Z, or seconds or milliseconds since 1970; without a zone it is UTC. value is
              summed. Without message_id an event is known by its row, and equal rows count each.
Exit codes    0 all rows taken, 3 some rows refused (the others are in), 1 nothing could be read.""".splitlines()
