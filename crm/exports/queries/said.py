"""What was said to customers, promised to them, aimed at and not paid, as files in the importer's columns."""

from datetime import UTC
from typing import Any

from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext_lazy as _

from crm.consents.models import Consent
from crm.conversations import queries as conversations
from crm.conversations.models import Conversation, Entry
from crm.exports.queries.book import as_imported, figure, of_account, streamed, user_address
from crm.exports.rules import Asked, Cell, Export, Table, tabled
from crm.goals.models import Goal, GoalChange, GoalTurn
from crm.promises import queries as promises
from crm.promises.models import Promise, PromiseChange, Turn
from crm.subscriptions.models import Payment

WHY = "of rows that the person sees"


def promises_table(asked: Asked) -> Table:
    """As the page lists them: of an account, one's own or all, open or settled; else all."""
    state, seen = asked.state, Promise.objects.visible_to(asked.user)
    if "list" in state:
        rows = seen if state.get("whose") == "all" else promises.mine(asked.user)
        rows = rows.settled() if "settled" in state else rows.open()
        rows = rows.order_by("-settled_on", "-pk") if "settled" in state else rows.order_by("due_on", "pk")
    else:
        rows = seen.filter(of_account(asked)).order_by("-due_on", "-pk")
    turns = PromiseChange.objects.system(WHY).filter(promise=OuterRef("pk")).order_by("on", "pk")
    made = turns.filter(kind=Turn.MADE)
    rows = rows.annotate(
        made_on=Subquery(made.values("on")[:1]),
        first_due_on=Subquery(made.values("due_on")[:1]),
        why=Subquery(turns.reverse().values("why")[:1]),
    )
    return tabled(streamed(rows.select_related("account", "contact", "promised_by")), PROMISE)


def _due(row: Any) -> object:
    """One without an id of its own is known by the day for which it was first made."""
    return row.due_on if row.external_id else row.first_due_on


PROMISE: dict[str, Cell] = {
    "account": "account.external_id", "external_id": "external_id", "promise": "text", "due_on": _due,
    "made_on": "made_on", "to": lambda row: row.contact.email if row.contact else "",
    "by": lambda row: user_address(row.promised_by), "state": "state", "settled_on": "settled_on", "why": "why",
    "account_name": "account.name", "now_due_on": "due_on",
}  # fmt: skip


def conversations_table(asked: Asked) -> Table:
    """As the page lists them: of an account, or those in which it is our turn; else all."""
    state = asked.state
    rows = Conversation.objects.visible_to(asked.user).filter(of_account(asked)).order_by("-last_at", "-pk")
    if "list" in state:
        mine, channel = state.get("whose") != "all", state.get("channel", "")
        rows = conversations.waiting_for_us(asked.user, mine=mine, channel=conversations.known_channel(channel))
    first = Entry.objects.system(WHY).filter(conversation=OuterRef("pk")).order_by("at", "pk")
    rows = rows.annotate(text=Subquery(first.values("text")[:1]))
    return tabled(streamed(rows.select_related("account", "contact", "responder")), CONVERSATION)


def _at(name: str) -> Cell:
    """An instant to the microsecond, so that it is the same when it comes in again."""
    return lambda row: value.astimezone(UTC).isoformat() if (value := getattr(row, name)) else ""


CONVERSATION: dict[str, Cell] = {
    "account": "account.external_id", "external_id": "external_id", "channel": "channel", "subject": "subject",
    "text": "text", "email": lambda row: row.contact.email if row.contact else "", "began_at": _at("began_at"),
    "answered_at": _at("answered_at"), "closed_at": _at("closed_at"), "account_name": "account.name",
    "state": lambda row: row.get_state_display(),
    "who_answers": lambda row: row.responder.name if row.responder else "",
}  # fmt: skip


def entries_table(asked: Asked) -> Table:
    """Each thing that was said, by conversation and in its order; the file of conversations has the first of each."""
    seen = Entry.objects.visible_to(asked.user).filter(of_account(asked, path="conversation__account"))
    rows = seen.select_related("conversation__account", "conversation__contact", "said_by")
    return tabled(streamed(rows.order_by("conversation", "at", "pk")), ENTRY)


ENTRY: dict[str, Cell] = {
    "account": "conversation.account.external_id", "conversation": "conversation_id",
    "external_id": "conversation.external_id", "channel": "conversation.channel", "subject": "conversation.subject",
    "email": lambda row: row.conversation.contact.email if row.conversation.contact else "", "at": _at("at"),
    "they_said_it": "inbound", "said_by": lambda row: user_address(row.said_by), "text": "text",
    "account_name": "conversation.account.name",
}  # fmt: skip


def payments_table(asked: Asked) -> Table:
    rows = Payment.objects.visible_to(asked.user).filter(of_account(asked)).order_by("-on", "-pk")
    return tabled(streamed(rows.select_related("account", "subscription")), PAYMENT)


PAYMENT: dict[str, Cell] = {
    "account": "account.external_id", "subscription": "subscription.external_id", "external_id": "external_id",
    "kind": "kind", "on": "on", "amount": "amount", "currency": "currency", "invoice": "invoice", "why": "why",
    "account_name": "account.name",
}  # fmt: skip


def goals_table(asked: Asked) -> Table:
    """With the terms that hold; how far each has come is computed and not a matter of a file that comes in again."""
    turns = GoalChange.objects.system(WHY).filter(goal=OuterRef("pk")).order_by("-on", "-pk")
    rows = Goal.objects.visible_to(asked.user).filter(of_account(asked)).order_by("account", "pk")
    terms = {name: Subquery(turns.values(name)[:1]) for name in ("baseline", "target", "due_on", "kind")}
    rows = rows.annotate(set_on=Subquery(turns.filter(kind=GoalTurn.SET).values("on")[:1]), **terms)
    return tabled(streamed(rows.select_related("account", "feature", "trait")), GOAL)


GOAL: dict[str, Cell] = {
    "account": "account.external_id", "external_id": "external_id", "goal": "words",
    "feature": lambda row: row.feature.key if row.feature else "",
    "trait": lambda row: row.trait.key if row.trait else "",
    "baseline": lambda row: figure(row.baseline), "target": lambda row: figure(row.target), "due_on": "due_on",
    "set_on": "set_on", "account_name": "account.name", "state": lambda row: GoalTurn(row.kind).label,
}  # fmt: skip


def consents_table(asked: Asked) -> Table:
    """Every yes and no with its exact words, the last said first; of each contact and purpose the first row holds."""
    rows = Consent.objects.visible_to(asked.user).filter(contact__erased_at=None).newest_first()
    return tabled(streamed(rows.select_related("contact__account")), CONSENT)


CONSENT: dict[str, Cell] = {
    "account": "contact.account.external_id", "email": "contact.email", "name": "contact.name", "purpose": "purpose",
    "given": "given", "on": "on", "source": "source", "wording": "wording", "account_name": "contact.account.name",
}  # fmt: skip

EXPORTS = [
    as_imported("conversations", conversations_table, "read_contact_data"),
    Export(
        "entries",
        _("What was said"),
        _("Each thing that was said in conversations, by whom and when."),
        entries_table,
        ("export", "read_contact_data"),
    ),
    as_imported("promises", promises_table, "read_contact_data"),
    as_imported("payments", payments_table),
    as_imported("goals", goals_table),
    Export(
        "consents",
        _("Consents"),
        _("What people agreed to or refused, when and in which words."),
        consents_table,
        ("export", "read_contact_data"),
    ),
]
