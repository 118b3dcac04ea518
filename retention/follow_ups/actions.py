"""From a due step to a draft, from a draft to an approved mail, and back when it could not go out."""

from collections.abc import Collection
from datetime import date, datetime
from itertools import islice

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, override

from crm.accounts.actions import may_write, require_write
from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.contacts.actions import Merging
from crm.contacts.models import Contact
from crm.contacts.queries import hours_of, hours_of_all
from crm.conversations import queries as clocks
from crm.conversations.models import Conversation, ConversationState
from crm.lib.gate import Refused, clean_text
from crm.lib.personal import Subject
from crm.lib.working_hours import Hours, after
from crm.outbox.actions import enqueue, take_back
from crm.outbox.models import MailRefused, MailState, OutboundMail, Reason
from crm.staff.models import Installation, User
from crm.staff.queries import installation
from retention.follow_ups import queries, rules
from retention.follow_ups.emails import late_word
from retention.follow_ups.models import FollowUp, FollowUpState
from retention.messages import emails
from retention.messages.queries import recap, template_for
from retention.messages.rules import Recap
from retention.playbooks.models import StepKind
from retention.plays.actions import finish_step
from retention.plays.models import PlayStep, PlayStepState
from retention.risk_signals.queries import sentence

NOBODY = gettext_noop("nobody there can be written to")
NO_OWNER = gettext_noop("no rep owns the account")
NO_TEMPLATE = gettext_noop("its template is missing")
OPEN = (MailState.APPROVED, MailState.CLAIMED)
CAME_BACK = (MailState.RETURNED, MailState.FAILED, MailState.CANCELLED, MailState.SUPPRESSED)
FROM_PLAY = Q(play_step__state__in=[PlayStepState.WAITING, PlayStepState.DUE])
STILL_WAITS = Q(
    conversation__state=ConversationState.OPEN,
    conversation__asked_at__lte=F("created_at"),
    conversation__responder=F("owner"),
    conversation__answered_at=None,
)
MOST_WORDS = 200


@transaction.atomic
def pick_up(*, at: datetime, by: Actor) -> str:
    """Write drafts for due steps; each step makes one, or is skipped with a reason that anyone can read."""
    due = PlayStep.objects.system("due steps become drafts").filter(
        state=PlayStepState.DUE, step__kind=StepKind.MESSAGE, play__ended_at=None
    )
    drafted = FollowUp.objects.system("steps that have a draft").exclude(play_step=None).values("play_step")
    related = ("step", "account__owner", "play__risk_signal")
    steps = list(due.exclude(pk__in=drafted).select_related(*related).order_by("pk"))
    if not steps:
        return "0 drafts written"
    accounts = {step.account_id for step in steps}
    recaps, people = recap(accounts, at.date()), queries.recipients(accounts)
    hours = hours_of_all(people.values())
    made = 0
    for step in steps:
        contact = people.get(step.account_id)
        meeting = rules.meeting_on(at.date(), hours[contact.pk]) if contact else None
        made += _draft(step, contact, meeting, recaps[step.account_id], at=at, by=by)
    audit.record("follow_ups.picked_up", ("followup", "all"), at=at, by=by, after={"made": made})
    return f"{made} drafts written"


@transaction.atomic
def warn(*, at: datetime, by: Actor) -> str:
    """Prepare the word that an answer will be late, for whoever answers to read, mend and send first."""
    # More are looked at than are written: who may not sign must not hold up the rest.
    talks = list(islice((talk for talk in queries.soon_late(at, 10 * MOST_WORDS) if _may_sign(talk)), MOST_WORDS))
    if not talks:
        return "0 words prepared"
    ours, hours = installation(), clocks.hours_of_all({talk.account_id for talk in talks})
    rows = [_word(talk, hours[talk.account_id], ours, at) for talk in talks]
    made = len(FollowUp.objects.bulk_create(rows, ignore_conflicts=True))
    if made:
        audit.record("follow_ups.warned", ("followup", "all"), at=at, by=by, after={"made": made})
    return f"{made} words prepared"


def _may_sign(talk: Conversation) -> bool:
    assert talk.responder is not None
    return may_write(talk.account, by=talk.responder)


def _word(talk: Conversation, hours: Hours, ours: Installation, at: datetime) -> FollowUp:
    """By when instead: as long again as they were to wait, of the hours in which we are there."""
    signer, contact, clock = talk.responder, talk.contact, talk.clock
    assert signer is not None and contact is not None and clock is not None and clock.due_at is not None
    next_at = after(hours, max(clock.due_at, at), clock.target)
    text = late_word(talk, next_at=next_at, at=at, ours=ours)
    with override(signer.language):
        why = _("“%(what)s” waits for your answer.") % {"what": str(talk)}
    return FollowUp(
        account_id=talk.account_id, contact=contact, conversation=talk, occurrence_on=at.date(), owner=signer,
        subject=text.subject[:300], body=text.body, language=text.language, why=why[:300], facts=text.facts,
        facts_day=at.date(), created_at=at,
    )  # fmt: skip


def _draft(
    step: PlayStep, contact: Contact | None, meeting_on: date | None, figures: Recap, *, at: datetime, by: Actor
) -> bool:
    owner, ours = step.account.owner, installation()
    if contact is None or meeting_on is None or owner is None:
        return not finish_step(step, at=at, by=by, skipped=NOBODY if contact is None else NO_OWNER)
    language = contact.language or step.account.language
    template = template_for(step.step.template, language)
    if template is None:
        return not finish_step(step, at=at, by=by, skipped=NO_TEMPLATE)
    text = emails.draft(
        template,
        contact=contact,
        owner=owner,
        recap=figures,
        ours=ours,
        meeting_on=meeting_on,
        language=template.language,
    )
    with override(owner.language):
        why = sentence(step.play.risk_signal)
    row = FollowUp(
        account=step.account,
        contact=contact,
        play_step=step,
        occurrence_on=at.date(),
        owner=owner,
        subject=text.subject[:300],
        body=text.body.strip(),
        language=template.language,
        why=why,
        facts=text.facts,
        facts_day=at.date(),
        created_at=at,
    )
    return bool(FollowUp.objects.bulk_create([row], ignore_conflicts=True))


@transaction.atomic
def approve(follow_up: FollowUp, *, displayed: str, at: datetime, by: User, override: str = "") -> OutboundMail:
    """Approve the text that was displayed and hand it to the outbox, due in the recipient's working hours.

    `displayed` is its fingerprint. `override`: the reason for sending in spite of the lint, which is logged.
    Raises PermissionDenied, or ValidationError in words (changed meanwhile, lint, budget, suppressed).
    """
    row = _locked(follow_up, by=by)
    if not queries.may_approve(row, by):
        raise PermissionDenied(_("Only the owner of a draft, or the manager of the team, approves it."))
    if displayed != rules.fingerprint(row.subject, row.body):
        raise ValidationError(_("The text changed since you opened it. Read it again, then approve."))
    found = queries.problems(row)
    if found and not row.is_reply and not override.strip():
        raise ValidationError([queries.problem_words(problem) for problem in found])
    due = rules.send_at(at, hours_of(row.contact))
    try:
        mail = enqueue(
            key=f"follow-up:{row.pk}:{row.revision}",
            account=row.account,
            contact=row.contact,
            kind="informational",
            signer=row.owner,
            approved_by=by,
            subject=row.subject,
            body_text=row.body,
            due_at=due,
            late_at=due + rules.LATE,
            reply=row.is_reply,
            at=at,
            by=by,
        )
    except MailRefused as refusal:
        raise ValidationError(str(refusal)) from refusal
    row.state, row.decided_at, row.mail, row.state_why = FollowUpState.APPROVED, at, mail, override.strip()[:200]
    row.save(update_fields=["state", "decided_at", "mail", "state_why"])
    after = {"mail": mail.pk, "override": audit.said(row.state_why), "lint": [problem.code for problem in found]}
    audit.record("follow_up.approved", row, at=at, by=by, after=after, on_behalf_of=_on_behalf_of(row, by))
    return mail


def _on_behalf_of(row: FollowUp, by: User) -> User | None:
    return row.owner if row.owner_id != by.pk else None


@transaction.atomic
def edit(follow_up: FollowUp, *, subject: str, body: str, at: datetime, by: User) -> FollowUp:
    """Change the text of a draft. Raises ValidationError at the field."""
    row = _locked(follow_up, by=by)
    require_write(row.account, by=by)
    new = {}
    for name, value, limit in (("subject", subject, 300), ("body", body, 20_000)):
        try:
            new[name] = clean_text(value.replace("\r\n", "\n").strip(), limit)
        except Refused as refusal:
            raise ValidationError({name: str(refusal)}) from refusal
        if not new[name]:
            raise ValidationError({name: _("Write something here.")})
    changed = [name for name, value in new.items() if getattr(row, name) != value]
    row.subject, row.body = new["subject"].replace("\n", " "), new["body"]
    row.save(update_fields=["subject", "body"])
    audit.record("follow_up.edited", row, at=at, by=by, after={"changed": changed})
    return row


@transaction.atomic
def dismiss(follow_up: FollowUp, *, why: str, at: datetime, by: User) -> None:
    """Decide against a draft, with a reason; its step is settled as skipped."""
    if not why.strip():
        raise ValidationError({"why": _("Say why, so that the next one is better.")})
    row = _locked(follow_up, by=by)
    require_write(row.account, by=by)
    row.state, row.state_why, row.decided_at = FollowUpState.DISMISSED, why.strip()[:200], at
    row.save(update_fields=["state", "state_why", "decided_at"])
    if row.play_step:
        finish_step(row.play_step, at=at, by=by, skipped=why.strip())
    audit.record("follow_up.dismissed", row, at=at, by=by, after={"why": audit.said(row.state_why)})


def _locked(follow_up: FollowUp, *, by: User) -> FollowUp:
    """The draft as it stands, for the rest of the transaction. Raises ValidationError when it was decided already."""
    rows = FollowUp.objects.visible_to(by).select_for_update(of=("self",)).filter(pk=follow_up.pk)
    row = rows.select_related("account__owner", "contact__account", "owner", "play_step").first()
    if row is None:
        raise PermissionDenied
    if row.state != FollowUpState.DRAFT:
        raise ValidationError(_("This draft has been decided already: %(state)s.") % {"state": row.get_state_display()})
    return row


@transaction.atomic
def settle(*, at: datetime, by: Actor) -> str:
    """Follow the mails: sent ones finish their step, returned ones are drafts again, needless drafts are withdrawn."""
    cancelled = _withdraw(at=at) + _withdraw_words(at=at, by=by)
    rows = FollowUp.objects.system("what became of approved mails").filter(
        FROM_PLAY | Q(conversation__isnull=False, mail__state__in=CAME_BACK), state=FollowUpState.APPROVED
    )
    finished, returned = 0, 0
    for row in rows.select_related("mail", "play_step").order_by("pk"):
        state = row.mail.state if row.mail else ""
        if state == MailState.SENT and row.play_step:
            finished += finish_step(row.play_step, at=at, by=by)
        elif state in CAME_BACK:
            returned += _back_to_draft(row)
    if cancelled or finished or returned:
        counts = {"finished": finished, "returned": returned, "withdrawn": cancelled}
        audit.record("follow_ups.settled", ("followup", "all"), at=at, by=by, after=counts)
    return f"{finished} sent, {returned} back as drafts, {cancelled} withdrawn"


@transaction.atomic
def take_back_from(user: User, *, at: datetime, by: Actor) -> int:
    """Make the follow-ups drafts again whose mail came back because somebody left; returns how many."""
    rows = FollowUp.objects.system("a signer leaves").filter(
        state=FollowUpState.APPROVED, mail__state=MailState.RETURNED, mail__reason=Reason.SIGNER_LEFT
    )
    mine = rows.filter(Q(mail__signer=user) | Q(mail__approved_by=user)).select_related("mail")
    taken = sum(_back_to_draft(row) for row in mine.order_by("pk"))
    if taken:
        audit.record(
            "follow_ups.taken_back", ("followup", "all"), at=at, by=by, after={"from": user.pk, "taken": taken}
        )
    return taken


@transaction.atomic
def follow_owners(accounts: Collection[int] | None, *, at: datetime, by: Actor) -> int:
    """Let drafts, and approved mails not handed over yet, follow the owner of their account; returns how many.

    They come back unsent and are signed by the new owner, who reads them first. Where a pool or nobody has the
    account they wait until somebody takes it. `accounts` None: all.
    """
    waits = Q(state=FollowUpState.DRAFT) | Q(state=FollowUpState.APPROVED, mail__state__in=OPEN)
    # What tells that an answer will be late is the responder's, not the owner's.
    rows = FollowUp.objects.system("drafts follow the owner").filter(waits, conversation=None)
    rows = rows.filter(account__owner__isnull=False)
    rows = rows.exclude(owner=F("account__owner"))
    if accounts is not None:
        rows = rows.filter(account__in=accounts)
    related = ("account__owner", "owner", "mail__reservation", "mail__contact", "mail__signer")
    moved = 0
    for row in rows.select_related(*related).select_for_update(of=("self",)).order_by("pk"):
        if row.mail is not None:
            if not take_back(row.mail, at=at, by=by):
                continue  # it has just been handed over: at most once, and under the name it was approved with
            row.mail.refresh_from_db(fields=["state", "reason"])
            _back_to_draft(row)
        new = row.account.owner
        assert new is not None
        row.body = rules.signed_by(row.body, _signature(row.owner), _signature(new))
        row.owner = new
        row.save(update_fields=["owner", "body"])
        moved += 1
    if moved:
        audit.record("follow_ups.moved", ("followup", "all"), at=at, by=by, after={"moved": moved})
    return moved


def put_doubles_aside(merging: Merging, *, at: datetime, by: Actor) -> list[int]:
    """Of two records that become one: what both were about to get from one step, they get once."""
    of_both = FollowUp.objects.system("a contact is merged")
    same = of_both.filter(
        contact=merging.into, play_step=OuterRef("play_step"), occurrence_on=OuterRef("occurrence_on")
    )
    doubles = of_both.filter(Exists(same), contact=merging.contact, state=FollowUpState.DRAFT).select_for_update()
    for row in doubles.order_by("pk"):
        row.state, row.state_why, row.decided_at = FollowUpState.DISMISSED, "the same draft to the same person", at
        row.save(update_fields=["state", "state_why", "decided_at"])
        audit.record("follow_up.dismissed", row, at=at, by=by, after={"why": audit.said(row.state_why)})
    return []


@transaction.atomic
def withdraw_from(subject: Subject, *, at: datetime, by: Actor) -> int:
    """Nothing is written any more to somebody who is erased: drafts, and mails stopped on their way, end here."""
    rows = FollowUp.objects.system("their reader is being erased").filter(contact__in=subject.contacts)
    stopped = Q(state=FollowUpState.APPROVED, mail__state=MailState.CANCELLED, mail__reason=Reason.ERASED)
    ended = 0
    for row in rows.filter(Q(state=FollowUpState.DRAFT) | stopped).select_related("play_step").order_by("pk"):
        row.state, row.decided_at = FollowUpState.CANCELLED, at
        row.save(update_fields=["state", "decided_at"])
        if row.play_step:
            finish_step(row.play_step, at=at, by=by, skipped=gettext_noop("the person was erased"))
        ended += 1
    return ended


def _signature(user: User) -> rules.Signature:
    return rules.Signature(user.name, user.job_title, user.phone)


def _withdraw(*, at: datetime) -> int:
    """Drafts of plays that have ended are no longer needed; approved mail goes out as approved."""
    drafts = (
        FollowUp.objects.system("drafts nobody needs any more").drafts().filter(play_step__play__ended_at__isnull=False)
    )
    return drafts.update(state=FollowUpState.CANCELLED, state_why=gettext_noop("the play ended"), decided_at=at)


def _withdraw_words(*, at: datetime, by: Actor) -> int:
    """Whoever has been answered meanwhile, or is answered by another one, is not told that it will be late."""
    rows = FollowUp.objects.system("words that are no longer true").filter(conversation__isnull=False)
    rows = rows.filter(Q(state=FollowUpState.DRAFT) | Q(state=FollowUpState.APPROVED, mail__state__in=OPEN))
    ended = 0
    related = ("mail__reservation", "mail__contact", "mail__signer")
    for row in rows.exclude(STILL_WAITS).select_related(*related).select_for_update(of=("self",)).order_by("pk"):
        if row.mail is not None and not take_back(row.mail, at=at, by=by):
            continue
        row.state, row.state_why = FollowUpState.CANCELLED, gettext_noop("they were answered meanwhile")
        row.mail, row.decided_at = None, at
        row.save(update_fields=["state", "state_why", "mail", "decided_at"])
        ended += 1
    return ended


def _back_to_draft(row: FollowUp) -> bool:
    assert row.mail is not None
    row.state_why = str(row.mail.reason_words)[:200]
    row.state, row.mail, row.decided_at, row.revision = FollowUpState.DRAFT, None, None, row.revision + 1
    row.save(update_fields=["state", "state_why", "mail", "decided_at", "revision"])
    return True
