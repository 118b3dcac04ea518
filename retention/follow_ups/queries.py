"""Drafts that wait, what is wrong with them, and whom a follow-up goes to."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from django.db.models import Exists, OuterRef
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from crm.accounts.models import Account
from crm.attention.queries import budget_of
from crm.contacts.models import Contact, ContactRole
from crm.contacts.queries import hours_of
from crm.conversations.models import Conversation
from crm.lib.lint import Letter, Problem, lint
from crm.lib.working_hours import Hours
from crm.outbox.queries import is_suppressed
from crm.staff.models import User
from retention.follow_ups import rules
from retention.follow_ups.models import FollowUp, FollowUpQuerySet, FollowUpState
from retention.messages.emails import first_name

ORDER = [ContactRole.CHAMPION, ContactRole.DECISION_MAKER, ContactRole.USER, ContactRole.BILLING]


def drafts(user: User) -> FollowUpQuerySet:
    """Drafts on accounts that the user sees, earliest first."""
    rows = FollowUp.objects.visible_to(user).drafts().select_related("account", "contact", "owner")
    return rows.order_by("occurrence_on", "pk")


def recipients(accounts: Collection[int]) -> dict[int, Contact]:
    """Whom to write to: the champion, else who decides, else a user, else billing; no key: nobody can be reached."""
    found: dict[int, list[Contact]] = defaultdict(list)
    people = Contact.objects.system("whom a draft goes to").reachable().filter(account__in=accounts)
    for contact in people.select_related("account").order_by("pk"):
        found[contact.account_id].append(contact)
    chosen = {}
    for account, contacts in found.items():
        ranked = sorted(contacts, key=lambda c: (ORDER.index(ContactRole(c.role)), c.pk))
        usable = [contact for contact in ranked if not is_suppressed(contact.email, ["everything"])]
        if usable:
            chosen[account] = usable[0]
    return chosen


def soon_late(at: datetime, most: int) -> list[Conversation]:
    """Conversations whose first answer is about to be late, or is for less than LATE, with no word of it prepared.

    Only where the customer can be written to and somebody is named to answer.
    """
    told = FollowUp.objects.system("who has been told already").exclude(state=FollowUpState.CANCELLED)
    told = told.filter(conversation=OuterRef("pk"), created_at__gte=OuterRef("asked_at"))
    rows = Conversation.objects.system("customers hear first that an answer will be late").in_danger(at)
    people = Contact.objects.system("whom the word goes to").reachable().filter(pk=OuterRef("contact"))
    rows = rows.filter(Exists(people), ~Exists(told), due_at__gt=at - rules.LATE, responder__is_active=True)
    related = ("account__owner", "contact__account", "responder")
    return list(rows.select_related(*related).order_by("due_at", "pk")[:most])


@dataclass(frozen=True)
class Review:
    """What a rep needs beside the text: what speaks against it, when it would go out, what budget is left."""

    follow_up: FollowUp
    problems: list[str]
    send_at: datetime
    send_words: str
    budget: str
    fingerprint: str

    def may_approve(self, user: User) -> bool:
        return may_approve(self.follow_up, user)


def may_approve(follow_up: FollowUp, user: User) -> bool:
    """The owner approves; the manager of the owner's team may, and that is recorded."""
    if not user.may("approve") or follow_up.state != FollowUpState.DRAFT:
        return False
    leads = user.role == "manager" and user.team_id is not None and user.team_id == follow_up.owner.team_id
    return user.pk == follow_up.owner_id or leads


def review(
    follow_up: FollowUp, *, at: datetime, others: Collection[str] | None = None, hours: Hours | None = None
) -> Review:
    """Look a draft over as it stands. `others`: names of the account's other contacts, where they have been read;
    `hours`: those of the reader, where they have been.
    """
    hours = hours_of(follow_up.contact) if hours is None else hours
    due = rules.send_at(at, hours)
    return Review(
        follow_up=follow_up,
        problems=[problem_words(problem) for problem in problems(follow_up, others)],
        send_at=due,
        send_words=_("now") if due == at else moment_words(due, hours.zone),
        budget=_("It answers their own message, so it asks no budget.")
        if follow_up.is_reply
        else budget_of(follow_up.contact, at=at).sentence,
        fingerprint=rules.fingerprint(follow_up.subject, follow_up.body),
    )


def moment_words(at: datetime, zone: str) -> str:
    local = at.astimezone(ZoneInfo(zone))
    language = (get_language() or "en").replace("-", "_")
    # Korean shortens Monday to the word for month, so it gets the whole name.
    return str(format_datetime(local, "EEEE HH:mm" if language.startswith("ko") else "EEE HH:mm", locale=language))


def zone_of(contact: Contact) -> str:
    return contact.time_zone or contact.account.time_zone


def problems(follow_up: FollowUp, others: Collection[str] | None = None) -> list[Problem]:
    """What the lint has against the text, as codes."""
    if others is None:
        others = tuple(names_of_others(follow_up.account, follow_up.contact))
    return lint(
        Letter(
            subject=follow_up.subject,
            body=follow_up.body,
            recipient=first_name(follow_up.contact.name),
            signer=follow_up.owner.name,
            sender=follow_up.owner.email,
            facts=tuple(str(fact) for fact in follow_up.facts.values()),
            others=tuple(others),
        )
    )


def names_of_others(account: Account, contact: Contact) -> Iterable[str]:
    others = Contact.objects.system("names that a text must not tell").filter(account=account).exclude(pk=contact.pk)
    return others.order_by("pk").values_list("name", flat=True)


def problem_words(problem: Problem) -> str:
    """What is wrong, where, and how to mend it."""
    words = {
        "missing_you": _("“%(where)s” is about us, not about them. Say what they get and what would help."),
        "guilt": _("“%(where)s” makes them responsible for our feelings. Take it out."),
        "scarcity": _("“%(where)s” is made-up urgency. Take it out."),
        "robot": _("“%(where)s” is how machines write. Say it as you would on the phone."),
        "both_particles": _("“%(where)s” shows that a machine filled it in. Choose the particle."),
        "unfilled": _("“%(where)s” was not filled. Write the words, or take the sentence out."),
        "exclamation": _("“%(where)s” shouts. One full stop will do."),
        "no_fact": _("No figure of their own stands in it. Name one, such as the people who use it."),
        "no_next_step": _("It asks for nothing. End with one clear next step."),
        "many_asks": _("It asks for %(where)s things. Keep one."),
        "no_name": _("It does not address the reader by name."),
        "no_signature": _("It is not signed with your name in the last lines."),
        "no_reply": _("%(where)s cannot be answered. Send it from an address that a person reads."),
        "too_long": _("It has %(where)s words; 150 are the most that get read."),
        "not_owned_up": _("The cause is ours. Say so in a sentence of its own."),
        "names_others": _("It names %(where)s. Do not tell one customer what another person did."),
    }[problem.code]
    return words % {"where": problem.where}
