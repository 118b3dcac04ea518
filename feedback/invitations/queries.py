"""Who would be asked and who not, and the invitation behind a public link."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.signing import BadSignature, Signer
from django.db import connection
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from crm.accounts.models import Account
from crm.attention.rules import PER_ACCOUNT, PER_CONTACT, WINDOW
from crm.contacts.models import Contact
from crm.lib.sql_files import load
from crm.outbox import rules as mail
from crm.outbox.models import MailKind, Suppression, UnsubscribeLink
from crm.staff.models import User
from crm.staff.queries import known_salt, salt
from feedback.invitations import rules
from feedback.invitations.models import Invitation, NotAsked
from feedback.surveys.models import Survey, Wave

WHY = "the circle of a survey is drawn among all customers"
PLAIN = r"^[A-Za-z0-9_%+-]+(\.[A-Za-z0-9_%+-]+)*@[A-Za-z0-9]+([.-][A-Za-z0-9]+)*$"
PAGE = 50
_signer = Signer(salt="survey", sep=".")


def unwritable() -> dict[int, str]:
    """Contacts whose address cannot or must not get a survey: contact id → reason.

    Suppressed addresses are kept as keyed hashes only, so they are compared here and not in SQL.
    """
    scopes = mail.scopes(MailKind.SURVEY, unattended=False)
    hashes = set(Suppression.objects.filter(scope__in=scopes).values_list("address_hash", flat=True))
    people = Contact.objects.system(WHY).reachable()
    if not hashes:
        people = people.exclude(email__regex=PLAIN)
    key = salt() if hashes else b""
    found = {}
    for pk, address in people.order_by("pk").values_list("pk", "email"):
        try:
            mail.mailable(address)
        except mail.Unmailable:
            found[pk] = "no_address"
            continue
        if hashes and mail.address_hash(address, key) in hashes:
            found[pk] = "suppressed"
    return found


def parameters(survey: Survey, *, target: int, refused: dict[int, str], at: datetime) -> dict[str, Any]:
    """What draw.sql wants: the survey's limits, ours, and the contacts that are refused for reasons beyond SQL."""
    return {
        "survey": survey.pk,
        "seed": rules.seed(survey.pk, at.date()),
        "target": target,
        "tenure": survey.minimum_tenure_days,
        "uses": survey.minimum_uses,
        "cooldown": survey.cooldown_days,
        "any_cooldown": rules.ANY_SURVEY_DAYS,
        "per_contact": PER_CONTACT,
        "per_account": PER_ACCOUNT,
        "window": WINDOW.days,
        "refused": list(refused),
        "refusals": list(refused.values()),
        "day": at.date(),
        "at": at,
    }


def sql(name: str) -> str:
    return load(__file__, name).replace("/*draw*/", load(__file__, "draw"))


@dataclass
class Stratum:
    """One segment of the circle: how many could be asked there, and how many would be."""

    segment: str
    eligible: int = 0
    asked: int = 0


@dataclass
class Circle:
    """What opening a wave now would do, without doing it. `first`: whose mail is shown as the example."""

    eligible: int = 0
    asked: int = 0
    first: int | None = None
    strata: list[Stratum] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def said(self) -> list[tuple[str, str, int]]:
        """(key, sentence, how many) of those who would not be asked, in the order of the reasons."""
        return spelled(self.reasons)


def spelled(reasons: dict[str, int]) -> list[tuple[str, str, int]]:
    return [(key, _(sentence), reasons[key]) for key, sentence in rules.REASONS.items() if reasons.get(key)]


def circle(survey: Survey, *, target: int, at: datetime) -> Circle:
    """Draw a wave of at most `target` people and count."""
    found, place = Circle(), None
    strata: dict[str, Stratum] = {}
    given = parameters(survey, target=target, refused=unwritable(), at=at)
    with connection.cursor() as cursor:
        cursor.execute(sql("circle"), given)
        rows = cursor.fetchall()
    for reason, segment, people, eligible, first, first_place in rows:
        if eligible or not reason:
            part = strata.setdefault(segment, Stratum(segment))
            part.eligible += eligible
            part.asked += 0 if reason else people
        if reason:
            found.reasons[reason] = found.reasons.get(reason, 0) + people
        elif place is None or first_place < place:
            found.first, place = first, first_place
    found.strata = list(strata.values())
    found.eligible = sum(part.eligible for part in found.strata)
    found.asked = sum(part.asked for part in found.strata)
    return found


def latest_wave(survey: Survey) -> Wave | None:
    return Wave.objects.filter(survey=survey).select_related("opened_by").order_by("-opened_at", "-pk").first()


def too_soon(survey: Survey, *, at: datetime) -> Wave | None:
    """The wave after which this survey has to wait, or None when it may be asked again."""
    last = latest_wave(survey)
    near = last is not None and (at - last.opened_at < rules.APART or at.date() == last.opened_at.date())
    return last if near else None


def not_asked_counts(wave: Wave, user: User) -> dict[str, int]:
    """Reason → how many contacts that `user` sees were left out for it."""
    rows = NotAsked.objects.visible_to(user).filter(wave=wave)
    return dict(rows.values_list("reason").annotate(n=Count("pk")).order_by("reason"))


@dataclass(frozen=True)
class Page:
    rows: list[NotAsked]
    previous: int | None
    next: int | None


def not_asked(wave: Wave, user: User, *, reason: str, after: int = 0) -> Page:
    """One screenful of those whom a wave left out, by id; all reasons when `reason` is empty."""
    rows: QuerySet[NotAsked] = NotAsked.objects.visible_to(user).filter(wave=wave).select_related("account", "contact")
    if reason:
        rows = rows.filter(reason=reason)
    found = list(rows.filter(pk__gt=after).order_by("pk")[: PAGE + 1])
    return Page(found[:PAGE], None, found[PAGE - 1].pk if len(found) > PAGE else None)


def token_of(invitation: Invitation) -> str:
    """What the public link carries: the invitation's random id, signed for this purpose only."""
    return _signer.sign(invitation.link)


def invitation_of(token: str, *, at: datetime) -> Invitation | None:
    """The invitation that a token opens at `at`; None when it is unknown, malformed, expired, or the person erased."""
    try:
        link = _signer.unsign(token)
    except BadSignature:
        return None
    why = "whoever holds the signed link is the person invited"
    rows = Invitation.objects.system(why).filter(link=link, expires_at__gt=at, contact__erased_at=None)
    return rows.select_related("wave__survey__sender", "contact__account__merged_into", "mail").first()


def customer(contact: Contact) -> Account:
    """The contact's account, or the one that has taken its place."""
    return contact.account.merged_into or contact.account


def stop_link(invitation: Invitation) -> UnsubscribeLink | None:
    """What refuses further surveys to the address that was written to; made with the mail, never here."""
    key = known_salt()
    if invitation.mail is None or not key:
        return None
    hashed = mail.address_hash(invitation.mail.to_address, key)
    return UnsubscribeLink.objects.filter(address_hash=hashed, scope=MailKind.SURVEY).first()


def expiry(at: datetime) -> datetime:
    return at + timedelta(days=rules.LINK_DAYS)
