"""Search from anywhere: accounts, people and what was said to them of which a word begins like what was typed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import TextChoices
from django.http import HttpResponse
from django.shortcuts import render

from crm.accounts.models import Account, Stage
from crm.contacts.models import ContactRole
from crm.conversations.models import Channel
from crm.goals.models import GoalTurn
from crm.lib.scope import named_text
from crm.lib.search import cleaned, tsquery
from crm.lib.sql_files import load
from crm.promises.models import PromiseState
from crm.staff.models import User
from crm.staff.queries import Text, compiled_per_scope
from crm.staff.views import Request, commands_for, needs
from retention.scores.models import Band

MOST, FEW, LEAST = 20, 6, 3
RECENT, MANY = 2_000, 5_000  # conversations looked through one by one, and by their words
RUN = re.compile(r"[^\W_]+")  # letters and digits, which no word is parted in


@dataclass(frozen=True)
class Found:
    """An account with its score, or a person, conversation, promise or goal with the account's name as `owner`.

    `word`: stage, role, channel, state or turn. Of a conversation `account_id` is its own id, and `left_on` when
    something was said last; of a promise or goal it is when it is due.
    """

    kind: str
    account_id: int
    name: str
    detail: str
    word: str
    owner: str
    points: int | None
    band: str
    computed: str
    left_on: date | None


@needs("read")
def search(request: Request) -> HttpResponse:
    """The page behind the search box; without JavaScript it is the palette too."""
    return render(request, "retention/search.html", _answer(request, MOST))


@needs("read")
def palette(request: Request) -> HttpResponse:
    """What the palette shows under what is typed: the same, less of it, as a piece of a page."""
    return render(request, "retention/_palette.html", _answer(request, FEW))


def _answer(request: Request, most: int) -> dict[str, Any]:
    """One query beside session, person and settings.

    Who may not read contact data searches accounts only: a list that answers each letter typed would spell out
    the very names that are masked elsewhere.
    """
    q = cleaned(request.GET.get("q", ""))
    people = request.user.may("read_contact_data")
    # A letter or two begin a word of every other subject, and the palette asks at each of them.
    talks = people and most == MOST and len(q) >= LEAST
    rows = found(request.user, q, at=request.now, people=people, talks=talks) if q else []
    accounts = [row for row in rows if row.kind == "account"]
    contacts = [row for row in rows if row.kind == "person"]
    said = [row for row in rows if row.kind == "talk"]
    noted = [row for row in rows if row.kind in ("promise", "goal")]
    return {
        "q": q,
        "talks": said[:most],
        "more_talks": len(said) > most or any(row.kind == "many" for row in rows),
        "noted": noted[:most],
        "more_noted": len(noted) > most or any(row.kind == "many noted" for row in rows),
        "accounts": accounts[:most],
        "contacts": contacts[:most],
        "commands": commands_for(request.user, q),
        "more_accounts": len(accounts) > most,
        "more_contacts": len(contacts) > most,
        "people": people,
    }


@compiled_per_scope
def _accounts(user: User) -> Text:
    seen = Account.objects.visible_to(user).filter(merged_into=None)
    return named_text(seen.values("pk", "name", "external_id", "stage", "owner_id"))


def found(user: User, q: str, *, at: datetime, people: bool, talks: bool) -> list[Found]:
    """Accounts, people, conversations, then promises and goals, one more of each than are shown. One query."""
    accounts, parameters = _accounts(user)
    text = load(__file__, "finding").replace("/*accounts*/", accounts)
    words = tsquery(q)
    inside = max(RUN.findall(words), key=len, default="")
    prefix = q.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%"
    asked: dict[str, Any] = {"words": words, "prefix": prefix, "people": people, "talks": talks, "now": at}
    asked |= {"inside": f"%{inside}%", "limit": MOST + 1, "recent": RECENT, "many": MANY}
    with connection.cursor() as cursor:
        cursor.execute(text, {**parameters, **asked})
        return [_row(*row) for row in cursor.fetchall()]


def _row(
    kind: str, account_id: int, name: str, detail: str, word: str, owner: str, points: int | None, band: int,
    computed: int | None, left_on: date | None,
) -> Found:  # fmt: skip
    of: Mapping[str, type[TextChoices]] = {
        "account": Stage, "person": ContactRole, "talk": Channel, "promise": PromiseState, "goal": GoalTurn,
    }  # fmt: skip
    said = "" if word in ("", Stage.LIVE) else str(of[kind](word).label)
    by_points = "" if computed is None else Band(computed).word
    return Found(kind, account_id, name, detail, said, owner, points, Band(band).word, by_points, left_on)
