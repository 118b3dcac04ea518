"""The story of an account in sentences: what each event says on its page, and which of them mark the curve."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm.contacts.models import ContactRole
from crm.contacts.rules import masked_name
from crm.conversations.models import Channel, ConversationState, channel_icon
from crm.goals.models import GoalTurn
from crm.outbox.models import MailState
from crm.promises.models import Turn
from crm.staff.models import User
from crm.subscriptions.models import PaymentKind
from crm.templatetags.ui import band_word, money, number
from crm.templatetags.ui import day as day_words
from retention.follow_ups.models import FollowUpState
from retention.outcomes.models import Outcome, OutcomeKind
from retention.outcomes.queries import Event
from retention.outcomes.queries import sentence as outcome_sentence
from retention.plays.models import PlayEnd
from retention.risk_signals.models import RiskSignal, SignalKind
from retention.risk_signals.queries import sentence as signal_sentence
from retention.scores.models import Band
from retention.scores.queries import Why

ICONS = {"draft": "mail", "owner": "note", "subscription": "payment", "left": "note", "outcome": "note", "play": "task"}
ICONS["override"] = "pulse"
# What only has a day stands at midnight, and no hour is printed.
BY_DAY = {"subscription", "payment", "goal", "promise", "milestone", "left", "pulse"}
MARKS = 3


@dataclass(frozen=True)
class Line:
    """One line of the timeline. `hour` False: only the day is known. `comment`: a customer's own words."""

    at: datetime
    icon: str
    who: str
    text: str = ""
    state: str = ""
    url: str = ""
    comment: str = ""
    hour: bool = True


def curve(history: Sequence[tuple[date, int | None]], now: Why | None) -> list[tuple[date, int | None]]:
    """The scores written down, led up to the one that holds now: of its day the ledger may have an older one."""
    if now is None:
        return list(history)
    return [(day, points) for day, points in history if day < now.day] + [(now.day, now.points)]


def lines(events: Iterable[Event], user: User) -> list[Line]:
    """The events as this person may read them: without the right, names of contacts are masked."""
    if user.may("read_contact_data"):
        return [_line(event, event.who) for event in events]
    return [_line(event, masked_name(event.who) if _is_contact(event) else event.who) for event in map(_mute, events)]


def _is_contact(event: Event) -> bool:
    return event.kind in ("mail", "survey", "promise", "left", "talk") and bool(event.who)


def _mute(event: Event) -> Event:
    """Without what was said in a conversation."""
    return replace(event, facts={**event.facts, "text": ""}) if event.kind == "talk" else event


def _line(event: Event, who: str) -> Line:
    said, text, state, url, comment = WORDS[event.kind](event, who)
    icon = channel_icon(event.name) if event.kind == "talk" else ICONS.get(event.kind, event.kind)
    return Line(event.at, icon, said, text, state, url, comment, event.kind not in BY_DAY)


Said = tuple[str, str, str, str, str]  # what, more, state, address, the customer's words


def _signal(event: Event, who: str) -> Said:
    signal = RiskSignal(kind=event.name, evidence=event.facts["evidence"])
    closed = event.facts["closed_at"] is not None
    text = _("Closed: %(why)s.") % {"why": _(event.facts["why"])} if closed and event.facts["why"] else ""
    return (
        str(SignalKind(event.name).label),
        f"{signal_sentence(signal)} {text}".strip(),
        "" if closed else _("open"),
        "",
        "",
    )


def _play(event: Event, who: str) -> Said:
    state = str(PlayEnd(event.facts["reason"]).label) if event.facts["ended_at"] else _("running")
    return _("Play “%(name)s” began") % {"name": _(event.name)}, "", state, "", ""


def _task(event: Event, who: str) -> Said:
    facts = event.facts
    if facts["open"]:
        due = _("due %(day)s") % {"day": day_words(date.fromisoformat(facts["due_on"]), event.at)}
        return _(event.name), who, due, "", ""
    return (
        _(event.name),
        _(facts["why"]) if facts["why"] else "",
        _("done") if facts["done"] else _("put aside"),
        "",
        "",
    )


def _promise(event: Event, who: str) -> Said:
    facts, to = event.facts, _("to %(to)s") % {"to": who} if who else ""
    turn = Turn(facts["turn"])
    if turn not in (Turn.MADE, Turn.MOVED):
        return event.name, facts["why"] or to, str(turn.label), "", ""
    due = _("due %(day)s") % {"day": day_words(date.fromisoformat(facts["due_on"]), event.at)}
    return event.name, ", ".join(part for part in (facts["why"] or to, due) if part), str(turn.label), "", ""


def _draft(event: Event, who: str) -> Said:
    text = _(event.facts["why"]) if event.facts["why"] else ""
    return event.name, text, str(FollowUpState(event.facts["state"]).label), reverse("draft", args=[event.ref]), ""


def _mail(event: Event, who: str) -> Said:
    state = str(MailState(event.facts["state"]).label)
    return event.name, _("to %(name)s") % {"name": who}, state, reverse("mail", args=[event.ref]), ""


def _talk(event: Event, who: str) -> Said:
    facts, channel = event.facts, str(Channel(event.name).label)
    state = "" if facts["state"] == ConversationState.CLOSED else str(ConversationState(facts["state"]).label)
    said = facts["text"] or ""
    what = facts["subject"] or (_("%(channel)s with %(name)s") % {"channel": channel, "name": who} if who else channel)
    url = reverse("conversation", args=[event.ref])
    return (what, "", state, url, said) if facts["inbound"] else (what, said, state, url, "")


def _survey(event: Event, who: str) -> Said:
    return _("%(name)s answered %(score)s of 10") % {"name": who, "score": event.facts["score"]}, "", "", "", event.name


def _outcome(event: Event, who: str) -> Said:
    on = date.fromisoformat(event.facts["on"])
    row = Outcome(kind=event.name, on=on, evidence=event.facts["evidence"])
    return str(OutcomeKind(event.name).label), outcome_sentence(row), "", "", ""


def _owner(event: Event, who: str) -> Said:
    name = event.name
    return (
        (_("%(name)s looks after the account") % {"name": name} if name else _("Nobody owns the account")),
        "",
        "",
        "",
        "",
    )


def _subscription(event: Event, who: str) -> Said:
    facts = event.facts
    if facts["ended"]:
        return _("The subscription ended"), event.name, "", "", ""
    now = money(Decimal(str(facts["mrr"])).quantize(Decimal("0.01")), facts["currency"])
    words = [event.name] if event.name else []
    if facts["seats"] is not None:
        words.append(ngettext("%(n)s seat", "%(n)s seats", facts["seats"]) % {"n": number(facts["seats"])})
    if facts["before"] is None:
        return _("Subscribed at %(mrr)s a month") % {"mrr": now}, ", ".join(words), "", "", ""
    before = money(Decimal(str(facts["before"])).quantize(Decimal("0.01")), facts["currency"])
    said = _("%(mrr)s a month, as before") if now == before else _("%(mrr)s a month, %(before)s before")
    return said % {"mrr": now, "before": before}, ", ".join(words), "", "", ""


def _payment(event: Event, who: str) -> Said:
    facts, said = event.facts, PAYMENTS[PaymentKind(event.name)]
    amount = "" if facts["amount"] is None else money(Decimal(str(facts["amount"])), facts["currency"])
    return str(said), ", ".join(part for part in (amount, facts["invoice"], who) if part), "", "", ""


PAYMENTS = {
    PaymentKind.FAILED: gettext_lazy("A payment failed"),
    PaymentKind.DISPUTED: gettext_lazy("A payment is disputed"),
    PaymentKind.SETTLED: gettext_lazy("A payment was settled"),
}


def _goal(event: Event, who: str) -> Said:
    facts, turn = event.facts, GoalTurn(event.facts["turn"])
    if turn in (GoalTurn.DROPPED, GoalTurn.RESUMED):
        return event.name, facts["why"], str(turn.label), "", ""
    asked = f"{facts['measure']}: {number(Decimal(str(facts['target'])))} {facts['unit']}".strip()
    due = _("due %(day)s") % {"day": day_words(date.fromisoformat(facts["due_on"]), event.at)}
    return event.name, ", ".join(part for part in (asked, due, facts["why"]) if part), str(turn.label), "", ""


def _milestone(event: Event, who: str) -> Said:
    text = _("They get value for the first time.") if event.facts["is_value"] else ""
    return _("Reached: %(milestone)s") % {"milestone": event.name}, text or who, "", "", ""


def _pulse(event: Event, who: str) -> Said:
    said = " · ".join(part for part in (event.name, who) if part)
    return _("Pulse %(value)s of 5") % {"value": event.facts["value"]}, said, "", "", ""


def _override(event: Event, who: str) -> Said:
    if event.facts["band"] is None:
        return _("The computed health holds again"), who, "", "", ""
    words = {"band": band_word(Band(event.facts["band"]).word)}
    until = _("until %(day)s") % {"day": day_words(date.fromisoformat(event.facts["until"]), event.at)}
    return _("Health set by hand: %(band)s") % words, " · ".join(filter(None, (event.name, who, until))), "", "", ""


def _left(event: Event, who: str) -> Said:
    return _("%(name)s left") % {"name": who}, str(ContactRole(event.name).label), "", "", ""


WORDS: dict[str, Callable[[Event, str], Said]] = {
    "signal": _signal, "play": _play, "task": _task, "draft": _draft, "mail": _mail, "talk": _talk, "survey": _survey,
    "promise": _promise, "outcome": _outcome, "owner": _owner, "subscription": _subscription, "payment": _payment,
    "goal": _goal, "milestone": _milestone, "left": _left, "pulse": _pulse, "override": _override,
}  # fmt: skip


def marks(events: Iterable[Event], start: date, user: User) -> list[tuple[date, str]]:
    """The few events that explain a curve: who left and which plays began, the newest ones."""
    chosen: list[tuple[date, str]] = []
    for event in events:
        key = event.kind == "play" or (event.kind == "left" and event.name in KEY_ROLES)
        if key and event.at.date() >= start and len(chosen) < MARKS:
            who = event.who if user.may("read_contact_data") else masked_name(event.who)
            words = _("%(name)s left") % {"name": who} if event.kind == "left" else _("play began")
            chosen.append((event.at.date(), f"{words}, {day_words(event.at.date(), event.at)}"))
    return chosen


KEY_ROLES = (ContactRole.CHAMPION, ContactRole.DECISION_MAKER)
