"""What is worth a person's attention now, and how a signal says so in a sentence."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from orjson import loads

from crm.lib.sql_files import load
from crm.staff.models import User
from crm.subscriptions.models import PaymentKind
from crm.subscriptions.queries import troubles_sql
from crm.templatetags.ui import day as day_words
from crm.templatetags.ui import money
from feedback.answers.models import Answer
from retention.onboarding import queries as onboarding
from retention.risk_signals import rules
from retention.risk_signals.models import RiskSignal, RiskSignalQuerySet, SignalKind

CLOSED_WHY = {
    "left": gettext_noop("the account left"),
    "merged": gettext_noop("the account was merged into another"),
    "recovered": gettext_noop("the score came back"),
    "rejudged": gettext_noop("the scorecard changed, and judges otherwise"),
    "answered": gettext_noop("the customer was answered"),
    "settled": gettext_noop("the promise was settled or moved"),
    "paid": gettext_noop("the payment was settled"),
    "going": gettext_noop("the onboarding goes on"),
    "over": gettext_noop("the time of the onboarding is over"),
}


class Movement(NamedTuple):
    """A score that opens a signal: tenths of points now and 28 days before, and the measure that costs most.

    `since`: the day of what it is compared with, where that is younger, as after a switch of scorecards.
    """

    account_id: int
    kind: str
    points: int
    before: int
    since: date | None
    day: date
    version_id: int
    limit: int
    costliest: str | None


def movements() -> list[Movement]:
    """Every (account, kind) whose score as it stands now is a transition."""
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "movements"), {"drop": rules.DROP})
        return [Movement(*row) for row in cursor.fetchall()]


def cleared() -> list[tuple[int, str]]:
    """Ids of open signals that have cleared, each with the key of its reason."""
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "cleared"), {"drop": rules.DROP, "hysteresis": rules.HYSTERESIS})
        return [(pk, why) for pk, why in cursor.fetchall()]


class Occurrence(NamedTuple):
    """A promise become overdue, a payment that failed, an onboarding that got stuck; `subject` names it for good."""

    account_id: int
    kind: str
    subject: str
    evidence: dict[str, Any]


def occurrences(at: datetime) -> list[Occurrence]:
    """What has happened lately and has no signal yet."""
    found = _of_troubles("occurrences", at, fresh=rules.FRESH)
    return [Occurrence(account, kind, subject, loads(evidence)) for account, kind, subject, evidence in found]


def settled(at: datetime) -> list[tuple[int, str]]:
    """Ids of open signals whose promise or payment is settled, each with the key of its reason."""
    return [(pk, why) for pk, why in _of_troubles("settled", at)]


def halts(at: datetime) -> tuple[list[Occurrence], list[tuple[int, str]]]:
    """Onboardings that got stuck lately and have no signal yet; open signals of those that no longer are, by id."""
    held = onboarding.sql("standing", only=onboarding.STILL_IN, gone=onboarding.NOBODY)
    given = {"day": at.astimezone(UTC).date(), "known": None, "fresh": rules.FRESH}
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "stuck").replace("/*onboarding*/", held), given)
        found = cursor.fetchall()
    kind = SignalKind.ONBOARDING_STUCK.value
    begun = [Occurrence(of, kind, since, loads(seen)) for of, pk, since, seen in found if pk is None]
    return begun, [(pk, why) for _of, pk, why, _seen in found if pk is not None]


class Dispute(NamedTuple):
    """A dispute that begins to keep us from asking, or no longer does."""

    account_id: int
    subject: str
    begins: bool


def disputes(at: datetime) -> list[Dispute]:
    return [Dispute(*row) for row in _of_troubles("disputes", at)]


def _of_troubles(name: str, at: datetime, **more: Any) -> list[tuple[Any, ...]]:
    given = {"at": at, "day": at.astimezone(UTC).date(), "known": None} | more
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, name).replace("/*troubles*/", troubles_sql()), given)
        return list(cursor.fetchall())


def unsignalled_detractors() -> list[Answer]:
    """Answers of 0 to 6 that never opened a signal; a signal once closed is not opened again by the same answer."""
    known = RiskSignal.objects.system("which answers have a signal").filter(kind=SignalKind.DETRACTOR)
    subjects = [int(subject) for subject in known.values_list("subject", flat=True)]
    answers = Answer.objects.system("detractors become signals").detractors().exclude(pk__in=subjects)
    return list(answers.select_related("account", "contact").order_by("pk"))


def open_signals(user: User) -> RiskSignalQuerySet:
    """What the user may see of what is open, newest first."""
    return RiskSignal.objects.visible_to(user).open().select_related("account").order_by("-opened_at", "-pk")


def sentence(signal: RiskSignal) -> str:
    """What happened, in the account's own figures; whole points, cut down as bands are."""
    seen = signal.evidence
    if signal.kind == SignalKind.DETRACTOR:
        return _("Answered %(score)s of 10 to “%(question)s”.") % {
            "score": seen.get("score"),
            "question": seen.get("question", ""),
        }
    if signal.kind == SignalKind.OVERDUE_PROMISE:
        words = {"text": seen.get("text", ""), "day": _day(seen["due_on"])}
        return _("“%(text)s” was promised for %(day)s.") % words
    if signal.kind == SignalKind.PAYMENT_FAILED:
        return _payment(seen)
    if signal.kind == SignalKind.ONBOARDING_STUCK:
        return _halt(seen)
    figures = {"before": int(seen.get("before", 0)) // 10, "points": int(seen.get("points", 0)) // 10}
    moved = _("Health fell from %(before)s to %(points)s in 28 days.") % figures
    if seen.get("since"):
        moved = _("Health fell from %(before)s to %(points)s since %(day)s.") % {**figures, "day": _day(seen["since"])}
    if not seen.get("costliest"):
        return moved
    return moved + " " + _("What costs most: %(measure)s.") % {"measure": _(seen["costliest"])}


def _payment(seen: dict[str, Any]) -> str:
    words = {"day": _day(seen["since"]), "amount": _amount(seen)}
    priced = bool(words["amount"])
    if seen["kind"] == PaymentKind.DISPUTED:
        said = _("%(amount)s is disputed since %(day)s.") if priced else _("A payment is disputed since %(day)s.")
    else:
        said = _("%(amount)s could not be collected on %(day)s.") if priced else _("A payment failed on %(day)s.")
    return said % words


def _halt(seen: dict[str, Any]) -> str:
    words = {"milestone": seen.get("milestone", ""), "day": _day(seen["due_on"])}
    if not seen.get("last_on"):
        return _("“%(milestone)s” was expected by %(day)s, and nothing has been reached yet.") % words
    words["last"] = _day(seen["last_on"])
    return _("“%(milestone)s” was expected by %(day)s, and nothing was reached after %(last)s.") % words


def _day(kept: str) -> str:
    """A kept day in words; one that cannot be read stands as it is."""
    try:
        return day_words(date.fromisoformat(kept))
    except ValueError:
        return kept


def _amount(seen: dict[str, Any]) -> str:
    try:
        return money(Decimal(str(seen["amount"])), seen["currency"]) if seen.get("amount") is not None else ""
    except ArithmeticError:
        return ""
