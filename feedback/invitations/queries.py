"""Who would be asked and who not, and the invitation behind a public link."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.db import connection
from django.db.models import Count, QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from crm.accounts.models import Account, AccountQuerySet
from crm.attention.rules import PER_ACCOUNT, PER_CONTACT, WINDOW
from crm.contacts.models import Contact
from crm.lib.days import own_day
from crm.lib.scope import named_text
from crm.lib.sql_files import load
from crm.outbox import rules as mail
from crm.outbox.models import MailKind, Suppression, UnsubscribeLink
from crm.segments import queries as segments
from crm.segments.models import Segment
from crm.staff.models import User
from crm.staff.queries import ground_of, known_salt, salt
from feedback.invitations import rules
from feedback.invitations.models import Invitation, NotAsked
from feedback.surveys.models import Survey, Wave

WHY = "the circle of a survey is drawn among all customers"
PLAIN = r"^[A-Za-z0-9_%+-]+(\.[A-Za-z0-9_%+-]+)*@[A-Za-z0-9]+([.-][A-Za-z0-9]+)*$"
PAGE = 50
MEMBERS, NAMED = 25, 3
_signer = Signer(salt="survey", sep=".")


def audience(segment: Segment | None, *, user: User, at: datetime) -> AccountQuerySet:
    """The accounts among which `user` draws: those that lists show of the segment, or (None) all that they see.

    Raises ValidationError at `audience` when the segment is gone, out of their sight, or cannot be run.
    """
    if segment is None:
        return Account.objects.visible_to(user)
    found = segments.segments_of(user).filter(pk=segment.pk).first()
    if found is None:
        raise ValidationError({"audience": _(rules.NO_SEGMENT)})
    try:
        return segments.matching(segments.current(segments.tree_of(found)), day=own_day(at), user=user)
    except segments.Unusable as unusable:
        words = [segments.refusal(problem) for problem in unusable.problems]
        raise ValidationError({"audience": words}) from unusable


def unwritable(among: AccountQuerySet) -> dict[int, str]:
    """Contacts of these accounts whose address cannot or must not get a survey: contact id → reason.

    Suppressed addresses are kept as keyed hashes only, so they are compared here and not in SQL.
    """
    scopes = mail.scopes(MailKind.SURVEY, unattended=False)
    hashes = set(Suppression.objects.filter(scope__in=scopes).values_list("address_hash", flat=True))
    people = Contact.objects.system(WHY).reachable().alias(customer=Coalesce("account__merged_into", "account"))
    people = people.filter(customer__in=among.values("pk"))
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


def drawn(
    name: str, survey: Survey, *, target: int, among: AccountQuerySet, refused: dict[int, str], at: datetime
) -> tuple[str, dict[str, Any]]:
    """A statement over the draw with what it wants: the survey's limits, ours, and who is refused beyond SQL."""
    accounts, given = named_text(among.order_by().values("pk"))
    text = load(__file__, name).replace("/*draw*/", load(__file__, "draw")).replace("/*audience*/", accounts)
    return text, given | {
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


@dataclass
class Stratum:
    """One segment of the circle: how many could be asked there, and how many would be."""

    segment: str
    eligible: int = 0
    asked: int = 0


@dataclass
class Circle:
    """What opening a wave now would do, without doing it. `first`: whose mail is shown as the example.

    `accounts`: how many stand in the audience, whether they have contacts or not.
    """

    accounts: int = 0
    eligible: int = 0
    asked: int = 0
    first: int | None = None
    strata: list[Stratum] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def people(self) -> int:
        return self.asked + sum(self.reasons.values())

    @property
    def said(self) -> list[tuple[str, str, int]]:
        """(key, sentence, how many) of those who would not be asked, in the order of the reasons."""
        return spelled(self.reasons)


def spelled(reasons: dict[str, int]) -> list[tuple[str, str, int]]:
    return [(key, _(sentence), reasons[key]) for key, sentence in rules.REASONS.items() if reasons.get(key)]


def circle(survey: Survey, *, target: int, among: AccountQuerySet, at: datetime) -> Circle:
    """Draw a wave of at most `target` people among these accounts, and count."""
    found, place = Circle(accounts=among.filter(merged_into=None).count()), None
    strata: dict[str, Stratum] = {}
    with connection.cursor() as cursor:
        cursor.execute(*drawn("circle", survey, target=target, among=among, refused=unwritable(among), at=at))
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


@dataclass(frozen=True)
class Told:
    """What becomes of `n` people of one account, some of them by name. `reason` empty: they would be asked."""

    reason: str
    n: int
    some: list[Contact]

    @property
    def more(self) -> int:
        return self.n - len(self.some)


@dataclass
class Member:
    """One account of an audience: why it is in, and who of its people would be asked or not.

    `why` None: nothing was chosen, so all customers are in.
    """

    account: Account
    why: segments.Reason | None
    people: list[Told] = field(default_factory=list)


@dataclass(frozen=True)
class Members:
    rows: list[Member]
    next: int | None


def members(survey: Survey, segment: Segment | None, *, target: int, user: User, after: int, at: datetime) -> Members:
    """One screenful of an audience by id; a fixed number of queries. Raises ValidationError as `audience` does."""
    among = audience(segment, user=user, at=at)
    accounts = list(among.filter(merged_into=None, pk__gt=after).order_by("pk")[: MEMBERS + 1])
    rows = {row.pk: Member(row, None) for row in accounts[:MEMBERS]}
    if segment is not None:
        tree, currency = segments.current(segments.tree_of(segment)), ground_of(user).installation.currency
        why = segments.reasons_of(list(rows), tree, day=own_day(at), user=user, currency=currency)
        for pk, row in rows.items():
            row.why = why.get(pk)
    text, given = drawn("of_accounts", survey, target=target, among=among, refused=unwritable(among), at=at)
    with connection.cursor() as cursor:
        cursor.execute(text, given | {"accounts": list(rows), "named": NAMED})
        told = cursor.fetchall()
    drawn_among = Contact.objects.system("of accounts that are seen")
    people = drawn_among.in_bulk([pk for *_said, contacts in told for pk in contacts])
    for customer_id, reason, n, contacts in told:
        sentence = _(rules.REASONS[reason]) if reason else ""
        rows[customer_id].people.append(Told(sentence, n, [people[pk] for pk in contacts]))
    return Members(list(rows.values()), accounts[MEMBERS - 1].pk if len(accounts) > MEMBERS else None)


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
