"""`manage.py score --day D`: judge all accounts, or one, on a day and write the ledger."""

import json
from argparse import ArgumentParser
from datetime import UTC, date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from crm.accounts.models import Account
from crm.audit.rules import System
from retention.scorecards.actions import ensure_default_scorecard
from retention.scores.actions import Scored, score_day
from retention.scores.models import Band
from retention.scores.queries import Why, points_on, why


class Command(BaseCommand):
    help = "Judge accounts on a UTC day from usage through the day before, and add to the ledger what differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--day", required=True, help="YYYY-MM-DD; today or a past day")
        parser.add_argument("--account", help="external id of one account; without it, all are judged")
        parser.add_argument("--json", action="store_true", help="print the scores as JSON")

    def handle(self, *, day: str, account: str | None, **options: Any) -> None:
        now = datetime.now(UTC)
        on = _day(day, now.date())
        one = _account(account) if account is not None else None
        by = System("manage.py score")
        ensure_default_scorecard(at=now, by=by)
        try:
            scored = score_day(on, today=now.date(), at=now, by=by, account=one.pk if one else None)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        if options["json"]:
            shown = _one(why(one.pk, on), one) if one else _all(on, scored)
            self.stdout.write(json.dumps(shown, ensure_ascii=False, indent=2))
            return
        self.stdout.write(
            f"Accounts judged on {on}: {scored.accounts:,}, unknown of them: {scored.unknown:,}; "
            f"rows added to the ledger: {scored.written:,}."
        )
        if one:
            self.stdout.write(_sentence(why(one.pk, on), one))


def _day(words: str, today: date) -> date:
    """Refused here, before anything is written, as well as by the action."""
    try:
        day = date.fromisoformat(words)
    except ValueError as error:
        raise CommandError(f"--day must be a day such as 2026-11-21, not {words!r}.") from error
    if day.year < 2000:
        raise CommandError(f"--day must be 2000-01-01 or later, not {words}.")
    if day > today:
        raise CommandError(f"{words} is still to come: scores exist through today.")
    return day


def _account(external_id: str) -> Account:
    found = Account.objects.system("manage.py score").filter(external_id=external_id).first()
    if found is None:
        raise CommandError(f"There is no account with the external id {external_id!r}.")
    return found


def _all(day: date, scored: Scored) -> dict[str, Any]:
    names = dict(Account.objects.system("manage.py score").values_list("pk", "external_id"))
    rows = [
        {
            "account": names[pk],
            "points": None if points is None else points / 10,
            "band": Band(band).word,
        }
        for pk, points, band in points_on(day)
    ]
    return {"day": str(day), **scored._asdict(), "scores": rows}


def _one(found: Why | None, account: Account) -> dict[str, Any]:
    if found is None:
        return {"account": account.external_id, "points": None, "band": "unknown", "components": []}
    return {
        "account": account.external_id,
        "scorecard": found.scorecard,
        "version": found.number,
        "day": str(found.day),
        "revision": found.revision,
        "hindsight": found.hindsight,
        "points": None if found.points is None else found.points / 10,
        "band": found.band.word,
        "coverage": found.coverage / 1000,
        "low": found.low / 10,
        "high": found.high / 10,
        "components": [
            {
                "key": part.key,
                "value": None if part.value is None else float(part.value),
                "base": None if part.base is None else float(part.base),
                "points": None if part.points is None else part.points / 10,
                "share": round(part.share, 6),
                "contribution": part.contribution / 10,
                "missing": part.missing,
            }
            for part in found.components
        ],
    }


def _sentence(found: Why | None, account: Account) -> str:
    if found is None:
        return f"{account.name} was not a live account by then, so there is no score."
    points = "unknown" if found.points is None else f"{found.points / 10:.1f}, {found.band.word.replace('_', ' ')}"
    parts = "; ".join(f"{part.name}: {part.missing or part.words}" for part in found.components)
    return f"{account.name}: {points} from {found.coverage / 10:.0f} % of weight. {parts}."
