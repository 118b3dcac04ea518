"""What a customer says, kept once per invitation."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from django.db import transaction

from crm.audit import actions as audit
from crm.audit.rules import Actor, System
from crm.contacts.models import Contact
from crm.imports.actions import write_contacts
from crm.imports.rules import Touched
from crm.lib import doorbell
from crm.staff.models import User
from crm.usage.actions import mark_dirty
from crm.webhooks import actions as webhooks
from crm.webhooks.rules import SURVEY_ANSWERED
from feedback.answers.models import Answer
from feedback.answers.queries import answer_of, editable
from feedback.invitations.models import Invitation
from feedback.surveys.actions import create_survey
from feedback.surveys.models import Survey, Wave

IMPORTED_WAVE = "import"  # the seed of a wave that nobody drew


class TooLate(Exception):
    """The answer has stood for 24 hours and is not changed any more."""


@transaction.atomic
def give_answer(invitation: Invitation, *, score: int, comment: str, at: datetime, by: Actor) -> Answer:
    """Keep the answer, or replace the one given less than 24 hours ago; the same again changes nothing.

    Raises TooLate afterwards. On commit the pipeline is called, which sees an unhappy answer within a minute.
    """
    why = "whoever holds the signed link is the person invited"
    # Two presses of the button wait for each other here; the unique key stands behind it.
    Invitation.objects.system(why).select_for_update(no_key=True).values_list("pk").get(pk=invitation.pk)
    there = answer_of(invitation)
    answer = _edit(there, score, comment, at, by) if there else _first(invitation, score, comment, at, by)
    doorbell.ring("pipeline")
    return answer


def _first(invitation: Invitation, score: int, comment: str, at: datetime, by: Actor) -> Answer:
    answer = Answer.objects.create(
        invitation=invitation,
        account_id=invitation.account_id,
        contact_id=invitation.contact_id,
        score=score,
        comment=comment,
        answered_at=at,
    )
    mark_dirty([answer.account_id])
    audit.record("answer.given", answer, at=at, by=by, after={"score": score, "comment": bool(comment)})
    told = {"answer": answer.pk, "invitation": invitation.pk, "account": answer.account_id, "score": score}
    webhooks.emit(SURVEY_ANSWERED, {str(answer.pk): told}, at=at, by=by)
    return answer


def _edit(answer: Answer, score: int, comment: str, at: datetime, by: Actor) -> Answer:
    if (answer.score, answer.comment) == (score, comment):
        return answer
    if not editable(answer, at=at):
        raise TooLate
    before = {"score": answer.score, "comment": bool(answer.comment)}
    changed = answer.comment != comment
    answer.score, answer.comment, answer.edited_at = score, comment, at
    answer.save(update_fields=["score", "comment", "edited_at"])
    mark_dirty([answer.account_id])
    # A person's own words are no matter of the record: it says that there are some, and whether they changed.
    after = {"score": score, "comment": bool(comment), "comment_changed": changed}
    audit.record("answer.changed", answer, at=at, by=by, before=before, after=after)
    return answer


# --- from files -----------------------------------------------------------------------------------------------


def import_answers(rows: Sequence[Mapping[str, Any]], at: datetime) -> list[Touched]:
    """Answers given elsewhere, each under an invitation that was never sent: no mail, no link that still works.

    Who answers is known by id or address, else the account has one respondent without a name. The same answer again
    changes nothing. Runs in the transaction of `crm.imports`, whose run leaves the audit row.
    """
    people = _respondents(rows, at)
    surveys = {name: _survey(name, at) for name in sorted({row["survey"] for row in rows})}
    said = {row["line"]: (surveys[row["survey"]].pk, row["answered_on"], people[row["line"]].pk) for row in rows}
    waves = _answered(said.values())
    new = {each for each in said.values() if each not in waves}
    opened = {day: _wave(*day, surveys).pk for day in sorted({each[:2] for each in new})}
    waves |= {each: opened[each[:2]] for each in new}
    given = {(waves[said[row["line"]]], said[row["line"]][2]): row for row in rows}
    invitations = _invitations(given, people, at)
    touched = _kept(given, invitations)
    # Of waves that were really asked, the counts stay what they were then.
    for wave in Wave.objects.filter(pk__in=opened.values(), sample_seed=IMPORTED_WAVE):
        asked = Invitation.objects.system("an import counts its answers").filter(wave=wave).count()
        Wave.objects.filter(pk=wave.pk).exclude(asked=asked).update(asked=asked, eligible=asked, target=asked)
    mark_dirty({row["account_id"] for row in rows})
    doorbell.ring("pipeline")
    return touched


def _respondents(rows: Sequence[Mapping[str, Any]], at: datetime) -> dict[int, Contact]:
    """The contact of each row, by line."""
    known = [
        {"line": row["line"], "account_id": row["account_id"], "account": row["account"], "name": row["name"]}
        | {name: row[name] for name in ("external_id", "email") if name in row}
        for row in rows
    ]
    once = {
        (row["account_id"], row.get("external_id"), row.get("email", "").lower(), row["name"]): row for row in known
    }
    write_contacts(list(once.values()), at)
    held = Contact.objects.system("an import names who answered")
    found = held.filter(account__in={row["account_id"] for row in known}, erased_at=None).order_by("-pk")
    by_id = {contact.external_id: contact for contact in found if contact.external_id}
    by_email = {(contact.account_id, contact.email.lower()): contact for contact in found if contact.email}
    by_name = {(contact.account_id, contact.name.lower()): contact for contact in found if not contact.email}
    return {
        row["line"]: by_id.get(row.get("external_id", ""))
        or by_email.get((row["account_id"], row.get("email", "").lower()))
        or by_name[row["account_id"], row["name"].lower()]
        for row in known
    }


Said = tuple[int, date, int]  # the survey, the day of the answer, who gave it


def _answered(said: Collection[Said]) -> dict[Said, int]:
    """The wave of each of these that is there already: one may be answered days after it was opened."""
    held = Answer.objects.system("an import knows answers again").filter(
        contact__in={contact for _survey, _day, contact in said},
        invitation__wave__survey__in={survey for survey, _day, _contact in said},
    )
    found = held.order_by("pk").values_list("invitation__wave__survey", "answered_at", "contact", "invitation__wave")
    return {(survey, at.astimezone(UTC).date(), contact): wave for survey, at, contact, wave in found}


def _survey(name: str, at: datetime) -> Survey:
    """The survey of this name; one that is not there is made in the name of whoever has been here longest."""
    found = Survey.objects.filter(name=name).first()
    sender = User.objects.filter(is_active=True).order_by("pk").first()
    if found or sender is None:
        return found or Survey.objects.get(name=name)
    return create_survey(name=name, sender=sender, at=at, by=System("import"))


def _wave(survey: int, day: date, surveys: Mapping[str, Survey]) -> Wave:
    found = Wave.objects.filter(survey=survey, opened_at__date=day).first()
    of = next(each for each in surveys.values() if each.pk == survey)
    return found or Wave.objects.create(
        survey=of, opened_at=_noon(day), opened_by=of.sender, target=0, sample_seed=IMPORTED_WAVE
    )


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def _invitations(
    given: Mapping[tuple[int, int], Mapping[str, Any]], people: Mapping[int, Contact], at: datetime
) -> dict[tuple[int, int], Invitation]:
    all_of = Invitation.objects.system("an import keeps answers under their invitations")
    wanted = [
        Invitation(
            wave_id=wave, account_id=row["account_id"], contact_id=contact, created_at=_noon(row["answered_on"]),
            expires_at=_noon(row["answered_on"]),
        )
        for (wave, contact), row in given.items()
    ]  # fmt: skip
    all_of.bulk_create(wanted, ignore_conflicts=True)
    found = all_of.filter(wave__in={wave for wave, _c in given}, contact__in={contact for _w, contact in given})
    return {(row.wave_id, row.contact_id): row for row in found}


def _kept(
    given: Mapping[tuple[int, int], Mapping[str, Any]], invitations: Mapping[tuple[int, int], Invitation]
) -> list[Touched]:
    """Write what is new or says something else; returns what became of the rows."""
    all_of = Answer.objects.system("an import compares its answers")
    held = {row.invitation_id: row for row in all_of.filter(invitation__in=[row.pk for row in invitations.values()])}
    new, changed = [], []
    for key, row in given.items():
        asked, comment = invitations[key], row.get("comment", "")
        answer = held.get(asked.pk)
        if answer is None:
            fields = {"account_id": asked.account_id, "contact_id": asked.contact_id, "answered_at": asked.created_at}
            new.append((row["line"], Answer(invitation=asked, score=row["score"], comment=comment, **fields)))
        elif (answer.score, answer.comment) != (row["score"], comment or answer.comment):
            answer.score, answer.comment = row["score"], comment or answer.comment
            changed.append((row["line"], answer))
    all_of.bulk_create([answer for _line, answer in new])
    all_of.bulk_update([answer for _line, answer in changed], ["score", "comment"])
    return [Touched(line, answer.pk, True) for line, answer in new] + [
        Touched(line, answer.pk, False) for line, answer in changed
    ]
