"""What became of accounts, in sentences: outcomes after a play, and everything that happened to one account."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.translation import ngettext

from crm.lib.prepared import prepared_cursor
from crm.lib.sql_files import load
from crm.staff.models import User
from crm.templatetags.ui import day as day_words
from crm.templatetags.ui import number
from retention.outcomes.models import Outcome, OutcomeKind, OutcomeQuerySet
from retention.scores import queries as scores

STORY_LIMIT = 40


def outcomes(user: User) -> OutcomeQuerySet:
    """Outcomes on accounts that the user sees, newest first."""
    rows = Outcome.objects.visible_to(user).select_related("account", "play__playbook")
    return rows.order_by("-on", "-pk")


def sentence(outcome: Outcome) -> str:
    """What happened, with its figures; it does not claim that the play did it."""
    seen = outcome.evidence
    if outcome.kind == OutcomeKind.LEFT:
        days = int(seen.get("days", 0))
        left = ngettext(
            "The account left on %(day)s, %(days)s day after the play began.",
            "The account left on %(day)s, %(days)s days after the play began.",
            days,
        )
        return left % {"day": day_words(outcome.on), "days": number(days)}
    words = ngettext(
        "Use returned: %(now)s use in a week, %(start)s when the play began, %(before)s before the fall.",
        "Use returned: %(now)s uses in a week, %(start)s when the play began, %(before)s before the fall.",
        seen.get("now", 0),
    )
    return words % {name: number(seen.get(name)) for name in ("now", "start", "before")}


@dataclass(frozen=True)
class Event:
    """Something that happened. `name` and `facts` are raw: pages make sentences of them, and mask `who`.

    `kind`: signal, play, task, promise, draft, mail, talk, survey, outcome, owner, subscription, payment, goal,
    milestone, pulse, override or left.
    `ref`: the id of its row.
    """

    at: datetime
    kind: str
    ref: int
    name: str
    who: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Story:
    """`events` newest first; `history` are ledger rows for the curve: day and tenths of points, None unknown."""

    events: list[Event]
    history: list[tuple[date, int | None]]


def story(account_id: int, start: date, end: date) -> Story:
    """The newest events of an account and its scores in [start, end], in one query.

    Callers have checked that the reader may see the account.
    """
    past = load(scores.__file__, "history")
    text = load(__file__, "story").replace("/*history*/", past)
    with prepared_cursor() as cursor:
        cursor.execute(text, {"account": account_id, "start": start, "end": end, "limit": STORY_LIMIT})
        # A raw cursor gives JSON as text.
        found = cursor.fetchall()
    rows = [Event(at, kind, ref, name, who, json.loads(facts)) for at, kind, ref, name, who, facts in found]
    events = sorted((row for row in rows if row.kind != "score"), key=lambda row: row.at, reverse=True)
    return Story(events, sorted((row.at.date(), row.facts["points"]) for row in rows if row.kind == "score"))
