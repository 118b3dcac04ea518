"""What a customer says, kept once per invitation."""

from datetime import datetime

from django.db import transaction

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib import doorbell
from crm.webhooks import actions as webhooks
from crm.webhooks.rules import SURVEY_ANSWERED
from feedback.answers.models import Answer
from feedback.answers.queries import answer_of, editable
from feedback.invitations.models import Invitation


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
    # A person's own words are no matter of the record: it says that there are some, and whether they changed.
    after = {"score": score, "comment": bool(comment), "comment_changed": changed}
    audit.record("answer.changed", answer, at=at, by=by, before=before, after=after)
    return answer
