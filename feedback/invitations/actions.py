"""Opening a wave: the draw, the reasons of everyone else, and one mail for each person drawn."""

from collections.abc import Iterable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from crm.accounts.models import AccountQuerySet
from crm.audit import actions as audit
from crm.contacts.models import Contact
from crm.contacts.queries import hours_of_all
from crm.lib.working_hours import Hours
from crm.outbox.actions import enqueue
from crm.outbox.models import MailKind, MailRefused, OutboundMail
from crm.segments.models import Segment
from crm.staff.actions import require
from crm.staff.models import User
from crm.staff.queries import installation
from feedback.invitations import emails, queries, rules
from feedback.invitations.models import Invitation
from feedback.surveys import queries as surveys
from feedback.surveys.models import Survey, Wave
from feedback.surveys.rules import language_of


class _Redraw(Exception):
    """Some of those drawn turned out to get no mail; the mails would state a wrong number of people asked."""

    def __init__(self, refused: dict[int, str]) -> None:
        super().__init__(f"{len(refused)} refused")
        self.refused = refused


@transaction.atomic
def open_wave(survey: Survey, *, target: int, audience: Segment | None = None, at: datetime, by: User) -> Wave:
    """Ask at most `target` people, now; the mails go out in the working hours of their readers.

    They are drawn among the accounts of the segment `audience`, or among all that `by` sees.

    A survey is asked once a day: called again within 24 hours, or twice at once, it returns the wave that is
    there and does nothing more (its `opened_at` is then not `at`). Raises ValidationError when nobody can be
    asked or the wave that is there had another audience, and PermissionDenied for whoever may not configure.
    """
    require("configure", by=by)
    survey = Survey.objects.select_for_update(of=("self",)).select_related("sender").get(pk=survey.pk)
    if there := queries.too_soon(survey, at=at):
        _require_same(there, audience)
        return there
    _require_ready(survey, target)
    among = queries.audience(audience, user=by, at=at)
    refused = queries.unwritable(among)
    while True:
        wave = Wave(survey=survey, audience=audience, target=target, opened_at=at, opened_by=by)
        try:
            with transaction.atomic():
                return _ask(wave, among, refused, at=at, by=by)
        except _Redraw as redraw:
            # Each round refuses at least one person more, so it ends.
            refused |= redraw.refused


def _require_same(there: Wave, audience: Segment | None) -> None:
    if there.audience_id != (audience and audience.pk):
        raise ValidationError(
            _("This survey went out to another audience just now. It can be asked again a day later.")
        )


def _require_ready(survey: Survey, target: int) -> None:
    if not 1 <= target <= rules.LARGEST:
        words = _("Ask between 1 and %(most)s people: few, and the right ones.")
        raise ValidationError({"target": words % {"most": rules.LARGEST}})
    if not survey.sender.is_active:
        raise ValidationError(
            _("%(name)s has left. Choose somebody who can read the answers.") % {"name": survey.sender}
        )
    if not surveys.texts(survey):
        raise ValidationError(_("This survey has no texts yet. Write them in at least one language."))


def _ask(wave: Wave, among: AccountQuerySet, refused: dict[int, str], *, at: datetime, by: User) -> Wave:
    wave.sample_seed = rules.seed(wave.survey_id, at.date())
    wave.save(force_insert=True)
    text, given = queries.drawn("note_draw", wave.survey, target=wave.target, among=among, refused=refused, at=at)
    with connection.cursor() as cursor:
        cursor.execute(text, given | {"wave": wave.pk})
        rows = cursor.fetchall()
    if not rows:
        raise ValidationError(_("Nobody can be asked at the moment. The reasons stand beside the numbers."))
    wave.eligible, wave.asked = rows[0][1], len(rows)
    wave.save(update_fields=["eligible", "asked"])
    people = Contact.objects.system("drawn for this wave").select_related("account__merged_into")
    chosen = people.in_bulk([pk for pk, _eligible in rows])
    _send(wave, [chosen[pk] for pk, _eligible in rows], at=at, by=by)
    after = {"survey": wave.survey_id, "target": wave.target, "asked": wave.asked, "eligible": wave.eligible}
    if wave.audience_id:
        after["audience"] = wave.audience_id
    audit.record("wave.opened", wave, at=at, by=by, after=after)
    return wave


def _send(wave: Wave, people: list[Contact], *, at: datetime, by: User) -> None:
    ours = installation()
    words, hours = surveys.words(wave.survey, site=ours), hours_of_all(people)
    refused: dict[int, str] = {}
    written = []
    for invitation in _invitations(wave, people, tuple(words), at=at):
        contact = invitation.contact
        known = emails.facts(
            wave.survey,
            contact,
            since=queries.customer(contact).customer_since,
            circle=(wave.asked, wave.eligible),
            chosen=wave.audience_id is not None,
            ours=ours,
            day=at.date(),
        )
        url = emails.answer_url(queries.token_of(invitation))
        letter = emails.letter(known, words[invitation.language], url=url)
        try:
            invitation.mail = _enqueue(invitation, letter, hours[contact.pk], at=at, by=by)
            written.append(invitation)
        except MailRefused as error:
            refused[contact.pk] = rules.reason_of(error.reason)
    if refused:
        raise _Redraw(refused)
    Invitation.objects.system("made just above").bulk_update(written, ["mail"])


def _invitations(
    wave: Wave, people: Iterable[Contact], languages: tuple[str, ...], *, at: datetime
) -> list[Invitation]:
    return Invitation.objects.bulk_create(
        Invitation(
            wave=wave,
            account=contact.account,
            contact=contact,
            language=language_of(contact.language, contact.account.language, available=languages),
            created_at=at,
            expires_at=queries.expiry(at),
        )
        for contact in people
    )


def _enqueue(invitation: Invitation, letter: emails.Letter, hours: Hours, *, at: datetime, by: User) -> OutboundMail:
    contact, survey = invitation.contact, invitation.wave.survey
    due_at = rules.send_at(at, hours)
    return enqueue(
        key=f"survey:{invitation.pk}",
        account=contact.account,
        contact=contact,
        kind=MailKind.SURVEY,
        signer=survey.sender,
        approved_by=by,
        subject=letter.subject,
        body_text=letter.text,
        body_html=letter.html,
        due_at=due_at,
        late_at=due_at + rules.LATE,
        manual=False,
        at=at,
        by=by,
    )
