"""Run every stage now: count what has come in, then score, signal, play, draft and record."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm.audit.rules import System
from crm.usage.actions import drain
from retention import pipeline


class Command(BaseCommand):
    help = "Run all stages of the pipeline now."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--through", help="an instant such as 2026-11-21T09:00:00Z or a day; default: now")

    def handle(self, *args: Any, **options: Any) -> None:
        now = datetime.now(UTC)
        through = instant(options["through"], now) if options["through"] else now
        by = System("pipeline command")
        pipeline.ensure_defaults(at=now, by=by)
        while drain(at=datetime.now(UTC), by=by).batches:
            pass
        for stage, said in pipeline.run(through=through, at=through, by=by):
            self.stdout.write(f"{stage}: {pipeline.in_words(said)}")


def instant(words: str, now: datetime) -> datetime:
    """Read an ISO 8601 instant or day; without a zone it is UTC. Raises CommandError in words."""
    try:
        read = datetime.fromisoformat(words)
    except ValueError as error:
        raise CommandError(f"--through must be an instant such as 2026-11-21T09:00:00Z, not {words!r}.") from error
    read = read if read.tzinfo else read.replace(tzinfo=UTC)
    if read > now:
        raise CommandError(f"--through {words} lies in the future; nothing is known of it yet.")
    if read.year < 2000:
        raise CommandError(f"--through {words} lies before 2000.")
    return read
